package gitops

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// insert adds what is left of a path: to the end of the mapping or list where
// the path ends, or else to its beginning.
func (s source) insert(w walked, after string, text bool) ([]byte, error) {
	if err := addable(w); err != nil {
		return nil, err
	}
	tag := ""
	if text {
		tag = "!!str"
	}
	value := render(after, 0, tag)
	// A list without its item is at hand where walk has stopped at the list.
	listed := w.at.Kind == yaml.SequenceNode
	if w.at.Style&yaml.FlowStyle != 0 {
		return s.insertFlow(w.at, w.left, value, listed)
	}
	if w.at.Kind == yaml.ScalarNode { // nothing after the key
		listed = w.left[0].Name != "" && w.key.Value == w.left[0].Key
	}
	indent, line, err := s.room(w)
	if err != nil {
		return nil, err
	}
	return s.insertLines(line, blockLines(strings.Repeat(" ", indent), w.left, value, listed)), nil
}

// addable is an error where what is left of a path cannot be added for sure.
func addable(w walked) error {
	for _, step := range w.left {
		if step.Name != "" && step.Key != "env" {
			return refuse("it has no %s[%s]", step.Key, step.Name)
		}
	}
	switch w.at.Kind {
	case yaml.MappingNode:
		return nil
	case yaml.SequenceNode:
		if w.left[0].Name != "" {
			return nil
		}
	case yaml.ScalarNode:
		if w.at.ShortTag() == "!!null" && w.at.Value == "" && w.key != nil {
			return nil
		}
	default:
	}
	return refuse("line %d: not a mapping that the field could be added to", w.at.Line)
}

// insertFlow adds to a mapping or list that is written in braces, at its front.
func (s source) insertFlow(n *yaml.Node, left Path, value string, listed bool) ([]byte, error) {
	at := s.offset(n) + 1
	if c := s.text[at-1]; c != '{' && c != '[' {
		return nil, refuse("line %d: braces are not where they should be", n.Line)
	}
	added := flow(left, value, listed)
	if len(n.Content) > 0 {
		added += ", "
	}
	rest := s.text[at:]
	if len(n.Content) > 0 && len(rest) > 0 && rest[0] == ' ' {
		added = " " + strings.TrimSuffix(added, " ")
	}
	return slices.Concat(s.text[:at], []byte(added), rest), nil
}

func flow(p Path, value string, listed bool) string {
	if len(p) == 0 {
		return value
	}
	step := p[0]
	if step.Name != "" {
		item := "{name: " + render(step.Name, 0, "!!str") + ", " + flow(p[1:], value, false) + "}"
		if listed {
			return item
		}
		return step.Key + ": [" + item + "]"
	}
	if len(p) == 1 {
		return step.Key + ": " + value
	}
	return step.Key + ": {" + flow(p[1:], value, false) + "}"
}

// blockLines are the lines that a path and its value are written as.
func blockLines(indent string, p Path, value string, listed bool) []string {
	step := p[0]
	switch {
	case step.Name != "" && listed:
		lines := []string{indent + "- name: " + render(step.Name, 0, "!!str")}
		return append(lines, blockLines(indent+"  ", p[1:], value, false)...)
	case step.Name != "":
		return append([]string{indent + step.Key + ":"}, blockLines(indent, p, value, true)...)
	case len(p) == 1:
		return []string{indent + step.Key + ": " + value}
	}
	return append([]string{indent + step.Key + ":"}, blockLines(indent+"  ", p[1:], value, false)...)
}

// room is where lines may be added to a block: how far in, and after which line.
func (s source) room(w walked) (indent, line int, err error) {
	n := w.at
	if n.Kind == yaml.ScalarNode { // nothing after the key
		return w.key.Column + 1, w.key.Line, nil
	}
	if len(n.Content) == 0 {
		return 0, 0, refuse("line %d: an empty block", n.Line)
	}
	indent = n.Content[0].Column - 1
	if n.Kind == yaml.SequenceNode {
		indent = n.Column - 1
	}
	if last, ok := s.lastLine(n); ok {
		return indent, last, nil
	}
	if last, ok := s.lastOfOneLine(n); ok {
		return indent, last, nil
	}
	if w.key != nil && n.Content[0].Line > w.key.Line {
		return indent, w.key.Line, nil
	}
	return 0, 0, refuse("line %d: there is no line after which the field could be added for sure", n.Line)
}

// lastOfOneLine is the line of the last entry of a mapping that is all on it.
func (s source) lastOfOneLine(n *yaml.Node) (int, bool) {
	if n.Kind != yaml.MappingNode {
		return 0, false
	}
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		if last, ok := s.lastLine(n.Content[i+1]); ok && n.Content[i+1].Kind == yaml.ScalarNode && last == n.Content[i].Line {
			return last, true
		}
	}
	return 0, false
}

// lastLine of a block, where that is plain to see.
func (s source) lastLine(n *yaml.Node) (int, bool) {
	switch {
	case n.Kind == yaml.AliasNode:
		return n.Line, true
	case n.Kind == yaml.ScalarNode:
		_, end, err := s.token(n)
		if err != nil {
			return 0, false
		}
		rest, _, _ := bytes.Cut(s.text[end:], []byte("\n"))
		rest = bytes.TrimSpace(rest)
		return n.Line, len(rest) == 0 || rest[0] == '#'
	case n.Style&yaml.FlowStyle != 0, len(n.Content) == 0:
		return 0, false
	}
	return s.lastLine(n.Content[len(n.Content)-1])
}

// insertLines adds lines after a line, with its kind of line end.
func (s source) insertLines(after int, lines []string) []byte {
	newline := "\n"
	if i := bytes.IndexByte(s.text, '\n'); i > 0 && s.text[i-1] == '\r' {
		newline = "\r\n"
	}
	added := strings.Join(lines, newline) + newline
	at := s.lineStart(after + 1)
	if at == len(s.text) && !bytes.HasSuffix(s.text, []byte("\n")) {
		added = newline + strings.TrimSuffix(added, newline)
	}
	return slices.Concat(s.text[:at], []byte(added), s.text[at:])
}
