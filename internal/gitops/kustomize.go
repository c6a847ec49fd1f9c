package gitops

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// patches are the places in the patches that a kustomization.yaml has inline,
// and in the JSON patches (RFC 6902) that it refers to. Strategic merge patches
// in files of their own name their workload and are found without it.
func (s source) patches(files []File, dir string, target Target, f Field) ([]place, error) {
	var out []place
	for _, doc := range s.docs {
		for _, list := range []string{"patches", "patchesJson6902", "patchesStrategicMerge"} {
			_, items := entry(doc, list)
			if items == nil || items.Kind != yaml.SequenceNode {
				continue
			}
			for _, item := range items.Content {
				found, err := s.patch(files, dir, item, target, f)
				if err != nil {
					return nil, err
				}
				out = append(out, found...)
			}
		}
	}
	return out, nil
}

func (s source) patch(files []File, dir string, item *yaml.Node, target Target, f Field) ([]place, error) {
	inline := item // of patchesStrategicMerge
	if item.Kind == yaml.MappingNode {
		_, inline = entry(item, "patch")
	}
	if inline == nil {
		_, file := entry(item, "path")
		if file == nil || !isTarget(item, target) {
			return nil, nil
		}
		return jsonPatchFile(files, path.Join(dir, file.Value), target, f)
	}
	if inline.Kind != yaml.ScalarNode || !strings.Contains(inline.Value, "\n") {
		return nil, nil
	}
	nested, err := parse([]byte(inline.Value))
	if err != nil {
		return nil, nil //nolint:nilerr // What is no YAML is not this workload's.
	}
	found, err := nested.inPatch(item, target, f)
	if err != nil {
		return nil, err
	}
	for i := range found {
		edit := found[i].edit
		found[i].where, found[i].patch = fmt.Sprintf(" (patch at line %d)", inline.Line), true
		found[i].edit = func(after string) ([]byte, error) { return s.editBlock(inline, after, edit) }
	}
	return found, nil
}

// inPatch are the places in the text of a patch, of whichever of the two kinds.
func (s source) inPatch(item *yaml.Node, target Target, f Field) ([]place, error) {
	found, err := s.places(target, f)
	if err != nil || !isTarget(item, target) {
		return found, err
	}
	more, err := s.operations(target, f)
	return append(found, more...), err
}

// isTarget is true where an item of a kustomization names the workload as its
// target.
func isTarget(item *yaml.Node, target Target) bool {
	_, t := entry(item, "target")
	if t == nil {
		return false
	}
	_, kind := entry(t, "kind")
	_, name := entry(t, "name")
	return name != nil && name.Value == target.Name && (kind == nil || kind.Value == target.Kind)
}

func jsonPatchFile(files []File, name string, target Target, f Field) ([]place, error) {
	i := slices.IndexFunc(files, func(f File) bool { return f.Path == name })
	if i < 0 {
		return nil, nil
	}
	s, err := parse(files[i].Text)
	if err != nil {
		return nil, nil //nolint:nilerr // What is no YAML is not this workload's.
	}
	found, err := s.operations(target, f)
	for j := range found {
		found[j].file, found[j].where, found[j].patch = i, name+found[j].where, true
	}
	return found, err
}

// operations are the places in a JSON patch that set the field, or what it is in.
func (s source) operations(target Target, f Field) ([]place, error) {
	var out []place
	for i, doc := range s.docs {
		if doc.Kind != yaml.SequenceNode {
			continue
		}
		for _, operation := range doc.Content {
			p, err := s.operation(i, operation, target, f)
			if err != nil {
				return nil, err
			}
			if p.set {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// operation is the place in one operation; it is not set where there is none.
func (s source) operation(doc int, operation *yaml.Node, target Target, f Field) (place, error) {
	_, op := entry(operation, "op")
	_, at := entry(operation, "path")
	_, value := entry(operation, "value")
	if op == nil || at == nil || value == nil {
		return place{}, nil
	}
	rest, reaches := below(target, f.Path, at.Value)
	switch {
	case !reaches:
		return place{}, nil
	case op.Value != "add" && op.Value != "replace":
		return place{}, refuse("line %d: the patch operation %q is about the field", operation.Line, op.Value)
	}
	return s.inOperation(doc, value, rest)
}

// below is what is left of a path after a JSON pointer that leads to it or to
// what it is in.
func below(target Target, p Path, at string) (Path, bool) {
	for i := 1; i <= len(p); i++ {
		if pointer(target.Template, p[:i]) == at {
			return p[i:], true
		}
	}
	return nil, false
}

// inOperation is the field in the value of an operation.
func (s source) inOperation(doc int, value *yaml.Node, rest Path) (place, error) {
	w := walk(value, rest)
	if w.err != nil || len(w.left) > 0 {
		return place{}, w.err
	}
	if w.at.Kind != yaml.ScalarNode {
		return place{}, refuse("line %d: not a single value", w.at.Line)
	}
	return place{file: -1, set: true, value: w.at.Value, edit: func(after string) ([]byte, error) {
		edited, err := s.replace(w.at, after)
		if err != nil {
			return nil, err
		}
		return edited, s.onlyScalarDiffers(edited, doc, w.at, after)
	}}, nil
}

// onlyScalarDiffers compares two texts node by node: one scalar may differ.
func (s source) onlyScalarDiffers(edited []byte, doc int, changed *yaml.Node, after string) error {
	again, err := parse(edited)
	if err != nil {
		return err
	}
	if len(again.docs) != len(s.docs) {
		return refuse("the change would make other documents of it")
	}
	for i := range s.docs {
		if !sameBut(s.docs[i], again.docs[i], changed, after) {
			return refuse("the change would reach further than line %d of document %d", changed.Line, doc+1)
		}
	}
	return nil
}

func alike(was, is *yaml.Node) bool {
	return was.Kind == is.Kind && was.Value == is.Value && was.ShortTag() == is.ShortTag() && was.Anchor == is.Anchor && len(was.Content) == len(is.Content)
}

func sameBut(was, is, changed *yaml.Node, after string) bool {
	if was == changed {
		return is.Kind == yaml.ScalarNode && is.Value == after && (was.ShortTag() != "!!str" || is.ShortTag() == "!!str")
	}
	if !alike(was, is) {
		return false
	}
	for i := range was.Content {
		if !sameBut(was.Content[i], is.Content[i], changed, after) {
			return false
		}
	}
	return true
}

// editBlock makes a change inside a text that is itself a literal block of the
// file (|), and puts it back with the block's indentation.
func (s source) editBlock(n *yaml.Node, after string, edit func(string) ([]byte, error)) ([]byte, error) {
	if n.Style&yaml.LiteralStyle == 0 || n.Anchor != "" {
		return nil, refuse("line %d: a patch that is not written as a literal block (|)", n.Line)
	}
	edited, err := edit(after)
	if err != nil {
		return nil, err
	}
	start := s.lineStart(n.Line + 1)
	lines := bytes.SplitAfter(s.text[start:], []byte("\n"))
	indent := blockIndent(lines)
	length, ok := blockLength(lines, indent, n.Value)
	if !ok {
		return nil, refuse("line %d: the block is not what it seems", n.Line)
	}
	end := start + length
	newline := "\n"
	if bytes.HasSuffix(lines[0], []byte("\r\n")) {
		newline = "\r\n"
	}
	var block strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(string(edited), "\n"), "\n") {
		if line != "" {
			block.WriteString(indent)
		}
		block.WriteString(line + newline)
	}
	text := block.String()
	if !bytes.HasSuffix(s.text[start:end], []byte("\n")) {
		text = strings.TrimSuffix(text, newline)
	}
	out := slices.Concat(s.text[:start], []byte(text), s.text[end:])
	return out, s.onlyScalarDiffers(out, 0, n, strings.TrimRight(string(edited), "\n")+n.Value[len(strings.TrimRight(n.Value, "\n")):])
}

// blockLength is how many bytes the lines of a literal block take up, without
// empty ones at its end.
func blockLength(lines [][]byte, indent, value string) (int, bool) {
	length := 0
	for i, want := range strings.Split(strings.TrimRight(value, "\n"), "\n") {
		if i >= len(lines) || strings.TrimPrefix(strings.TrimRight(string(lines[i]), "\r\n"), indent) != want && strings.TrimSpace(want) != "" {
			return 0, false
		}
		length += len(lines[i])
	}
	return length, true
}

// blockIndent is the indentation of the first line that has text.
func blockIndent(lines [][]byte) string {
	for _, l := range lines {
		if trimmed := bytes.TrimLeft(l, " "); len(bytes.TrimSpace(trimmed)) > 0 {
			return string(l[:len(l)-len(trimmed)])
		}
	}
	return ""
}
