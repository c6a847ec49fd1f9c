package compose

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
)

// Part of a written value: literal text, or a use of variables.
type Part struct {
	// Text is what it comes to: literal text with $$ undone, or the value that is
	// put in.
	Text string
	// Variables that are used, in their order; none in literal text.
	Variables []string
	// Default is what is put in where none of the variables is set, and HasDefault
	// that it is written there, if only as nothing.
	Default    string
	HasDefault bool
}

// IsVariable says that the part is no literal text.
func (p Part) IsVariable() bool { return len(p.Variables) > 0 }

// Parts of a written value such as postgres://app:${PW}@db/${NAME:-shop}, with the
// environment put in. Joined, their texts are the value.
func Parts(written string, environment map[string]string) []Part {
	var out []Part
	literal := func(text string) {
		if n := len(out); n > 0 && !out[n-1].IsVariable() {
			out[n-1].Text += text
		} else if text != "" {
			out = append(out, Part{Text: text})
		}
	}
	for written != "" {
		i := strings.IndexByte(written, '$')
		if i < 0 {
			literal(written)
			break
		}
		literal(written[:i])
		use := written[i:useEnd(written, i)]
		written = written[i+len(use):]
		names := variablesOf(use)
		if len(names) == 0 {
			literal(strings.ReplaceAll(use, "$$", "$"))
			continue
		}
		rest := strings.TrimPrefix(strings.TrimPrefix(use[1:], "{"), names[0])
		out = append(out, Part{
			Text: substituted(use, environment), Variables: names, Default: substituted(use, nil),
			HasDefault: strings.HasPrefix(strings.TrimPrefix(rest, ":"), "-"),
		})
	}
	return out
}

// useEnd is where a $ at i ends: that of $$, $NAME or ${...}.
func useEnd(text string, i int) int {
	switch rest := text[i+1:]; {
	case strings.HasPrefix(rest, "$"):
		return i + 2
	case strings.HasPrefix(rest, "{"):
		depth := 0
		for j := i + 1; j < len(text); j++ {
			switch text[j] {
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					return j + 1
				}
			}
		}
		return len(text)
	default:
		return i + 1 + len(leading.FindString(rest))
	}
}

// variablesOf one use: NAME, and those in its default.
func variablesOf(use string) []string {
	if strings.HasPrefix(use, "$$") || len(use) < 2 {
		return nil
	}
	inner, braced := strings.CutPrefix(use[1:], "{")
	name := leading.FindString(inner)
	if name == "" {
		return nil
	}
	out := []string{name}
	if rest := inner[len(name):]; braced {
		for _, p := range Parts(strings.TrimSuffix(rest, "}"), nil) {
			for _, n := range p.Variables {
				if !slices.Contains(out, n) {
					out = append(out, n)
				}
			}
		}
	}
	return out
}

// substituted is what a use comes to, empty where a variable is required that is
// not set.
func substituted(use string, environment map[string]string) string {
	text, err := template.SubstituteWithOptions(use, func(name string) (string, bool) { v, ok := environment[name]; return v, ok }, template.WithoutLogging)
	if err != nil {
		return ""
	}
	return text
}
