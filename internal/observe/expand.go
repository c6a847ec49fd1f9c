package observe

import "strings"

// expand replaces $(NAME) by what lookup gives; $$ stands for one dollar sign,
// so that $$(NAME) stays $(NAME). A reference that lookup does not know stays
// as it is, and so does one that is not closed. These are the kubelet's rules:
// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
func expand(text string, lookup func(name string) (string, bool)) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		if rest, ok := strings.CutPrefix(after, "$"); ok {
			out.WriteByte('$')
			text = rest
			continue
		}
		name, rest, closed := strings.Cut(strings.TrimPrefix(after, "("), ")")
		if !closed || !strings.HasPrefix(after, "(") {
			out.WriteByte('$')
			text = after
			continue
		}
		if value, ok := lookup(name); ok {
			out.WriteString(value)
		} else {
			out.WriteString("$(" + name + ")")
		}
		text = rest
	}
}
