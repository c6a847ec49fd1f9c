package gitops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Refusal is a change that is not made, and why: anything but exactly the
// wanted change in the owner's file is none.
type Refusal struct{ Because string }

// Error says why.
func (r *Refusal) Error() string { return r.Because }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// source is a YAML text with its documents.
type source struct {
	text []byte
	docs []*yaml.Node
}

func parse(text []byte) (source, error) {
	s := source{text: text}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return s, nil
			}
			return s, refuse("it is not YAML: %v", err)
		}
		root := &doc
		if doc.Kind == yaml.DocumentNode && len(doc.Content) > 0 {
			root = doc.Content[0]
		}
		s.docs = append(s.docs, root)
	}
}

// splice sets the field at a path of one document to a value: by replacing the
// bytes of the one scalar, or by inserting lines. The result is parsed again,
// and any other difference is a refusal.
func (s source) splice(doc int, p Path, after string, text bool) ([]byte, error) {
	edited, err := s.edit(s.docs[doc], p, after, text)
	if err != nil {
		return nil, err
	}
	if err := s.onlyDiffers(edited, doc, p, after); err != nil {
		return nil, err
	}
	return edited, nil
}

func (s source) edit(root *yaml.Node, p Path, after string, text bool) ([]byte, error) {
	w := walk(root, p)
	switch {
	case w.err != nil:
		return nil, w.err
	case len(w.left) > 0:
		return s.insert(w, after, text)
	}
	return s.replace(w.at, after)
}

// walked is how far a path leads.
type walked struct {
	// at is the last node that is there; key is the key that it is the value
	// of, nil at the root and for the items of lists.
	at, key *yaml.Node
	// left is what is not there.
	left Path
	err  error
}

// walk follows a path. What a node is also known by elsewhere, or takes from
// elsewhere, cannot be changed in one place.
func walk(root *yaml.Node, p Path) walked {
	w := walked{at: root, left: p}
	for len(w.left) > 0 {
		if w.err = shared(w.at); w.err != nil {
			return w
		}
		step := w.left[0]
		key, value := entry(w.at, step.Key)
		if value == nil {
			return w
		}
		w.key, w.at = key, value
		if step.Name != "" {
			if w.err = shared(w.at); w.err != nil {
				return w
			}
			item := named(w.at, step.Name)
			if item == nil {
				return w
			}
			w.key, w.at = nil, item
		}
		w.left = w.left[1:]
	}
	w.err = shared(w.at)
	return w
}

func shared(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return refuse("line %d: an anchor or alias: the change would reach further than this field", n.Line)
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	if key, _ := entry(n, "<<"); key != nil {
		return refuse("line %d: a merge key: the field may come from elsewhere", key.Line)
	}
	return nil
}

func entry(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// named is the item of a list whose name it is: of several the last, which is the
// one that the kubelet uses of variables.
func named(n *yaml.Node, name string) *yaml.Node {
	if n.Kind != yaml.SequenceNode {
		return nil
	}
	for _, item := range slices.Backward(n.Content) {
		if _, v := entry(item, "name"); v != nil && v.Value == name {
			return item
		}
	}
	return nil
}

// replace changes the bytes of one scalar, in its own style of quotes.
func (s source) replace(n *yaml.Node, after string) ([]byte, error) {
	start, end, err := s.token(n)
	if err != nil {
		return nil, err
	}
	tag := n.ShortTag() // text stays text; a number may become another amount
	if tag != "!!str" {
		tag = ""
	}
	rendered := render(after, n.Style, tag)
	return slices.Concat(s.text[:start], []byte(rendered), s.text[end:]), nil
}

// token is where the bytes of a scalar on one line begin and end.
func (s source) token(n *yaml.Node) (start, end int, err error) {
	if n.Kind != yaml.ScalarNode {
		return 0, 0, refuse("line %d: not a single value", n.Line)
	}
	start = s.offset(n)
	line := s.text[start:]
	if i := bytes.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	length := tokenLength(line, n.Value)
	if length == 0 {
		return 0, 0, refuse("line %d: not a plain or quoted value on one line", n.Line)
	}
	return start, start + length, nil
}

// tokenLength of the scalar that a line begins with, 0 where it is none that
// ends on the line.
func tokenLength(line []byte, value string) int {
	switch {
	case len(line) > 0 && line[0] == '\'':
		return closing(line, '\'', func(i int) int {
			if i+1 < len(line) && line[i] == '\'' && line[i+1] == '\'' {
				return 2
			}
			return 0
		})
	case len(line) > 0 && line[0] == '"':
		return closing(line, '"', func(i int) int {
			if line[i] == '\\' {
				return 2
			}
			return 0
		})
	case bytes.HasPrefix(line, []byte(value)):
		return len(value)
	}
	return 0
}

// closing is the length of a quoted token, 0 where it does not end on the line.
// What skip tells is escaped.
func closing(line []byte, quote byte, skip func(int) int) int {
	for i := 1; i < len(line); i++ {
		if n := skip(i); n > 0 {
			i += n - 1
			continue
		}
		if line[i] == quote {
			return i + 1
		}
	}
	return 0
}

// offset of a node: lines and columns count from one, columns in characters.
func (s source) offset(n *yaml.Node) int {
	at := s.lineStart(n.Line)
	for range n.Column - 1 {
		if at >= len(s.text) {
			break
		}
		_, size := utf8.DecodeRune(s.text[at:])
		at += size
	}
	return min(at, len(s.text))
}

// lineStart is where a line begins, the length of the text past the last one.
func (s source) lineStart(line int) int {
	at := 0
	for range line - 1 {
		i := bytes.IndexByte(s.text[at:], '\n')
		if i < 0 {
			return len(s.text)
		}
		at += i + 1
	}
	return at
}

// render is a value as a YAML scalar, quoted where it would not be read as
// what it is. Tag is what it must be read as.
func render(value string, style yaml.Style, tag string) string {
	printable := !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == utf8.RuneError || r == 0x7f })
	switch {
	case style&yaml.SingleQuotedStyle != 0 && printable:
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	case style&yaml.DoubleQuotedStyle == 0 && readsAs(value, tag):
		return value
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil { // a string always encodes
		return "''"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// readsAs tells whether a value without quotes is read as itself, within braces
// as well.
func readsAs(value, tag string) bool {
	var n yaml.Node
	if yaml.Unmarshal([]byte("{x: "+value+"}"), &n) != nil || len(n.Content) != 1 {
		return false
	}
	_, got := entry(n.Content[0], "x")
	if got == nil || len(n.Content[0].Content) != 2 || got.Kind != yaml.ScalarNode || got.Value != value || got.Style != 0 {
		return false
	}
	return tag == "" || got.ShortTag() == tag
}

// onlyDiffers compares the edited text with the original, as data.
func (s source) onlyDiffers(edited []byte, doc int, p Path, after string) error {
	again, err := parse(edited)
	if err != nil {
		return err
	}
	if len(again.docs) != len(s.docs) {
		return refuse("the change would make other documents of it")
	}
	w := walk(again.docs[doc], p)
	if w.err != nil || len(w.left) > 0 || w.at.Value != after {
		return refuse("the change would not be read as %q at %s", after, p)
	}
	for i := range s.docs {
		changed := w.at
		if i != doc {
			changed = nil
		}
		if !sameData(s.docs[i], again.docs[i], p, changed) {
			return refuse("the change would reach further than %s", p)
		}
	}
	return nil
}

// sameData tells whether two documents are the same as data, but for a value at
// a path where one is given. What cannot be read is not the same.
func sameData(a, b *yaml.Node, p Path, changed *yaml.Node) bool {
	var was, is, value any
	if a.Decode(&was) != nil || b.Decode(&is) != nil {
		return false
	}
	if changed != nil {
		if changed.Decode(&value) != nil {
			return false
		}
		was = with(was, is, p, value)
	}
	return reflect.DeepEqual(was, is)
}

// with is data with one value set. A new item of a list is put where it is in
// what the data is compared with.
func with(in, like any, p Path, value any) any {
	if len(p) == 0 {
		return value
	}
	object, ok := in.(map[string]any)
	if !ok {
		if in != nil {
			return nil
		}
		object = map[string]any{}
	}
	step := p[0]
	other, _ := like.(map[string]any)
	if step.Name == "" {
		object[step.Key] = with(object[step.Key], other[step.Key], p[1:], value)
		return object
	}
	list, _ := object[step.Key].([]any)
	others, _ := other[step.Key].([]any)
	i, j := itemNamed(list, step.Name), itemNamed(others, step.Name)
	if j < 0 {
		return nil
	}
	if i < 0 {
		i = min(j, len(list))
		list = slices.Insert(list, i, any(map[string]any{"name": step.Name}))
	}
	list[i] = with(list[i], others[j], p[1:], value)
	object[step.Key] = list
	return object
}

// itemNamed is the place of the last item of a name, -1 where there is none.
func itemNamed(list []any, name string) int {
	for i, item := range slices.Backward(list) {
		if m, _ := item.(map[string]any); m["name"] == name {
			return i
		}
	}
	return -1
}
