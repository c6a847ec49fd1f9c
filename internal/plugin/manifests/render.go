package manifests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	kubernetes "sigs.k8s.io/yaml"
)

// YAML of the documents, in the order in which the API declares its fields, and
// without those that say nothing.
func (f File) YAML() ([]byte, error) {
	var out bytes.Buffer
	for i, d := range f.Documents {
		if i > 0 {
			out.WriteString("---\n")
		}
		text, err := d.yaml()
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", f.Name, err)
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

func (d Document) yaml() ([]byte, error) {
	encoded, err := json.Marshal(d.Object)
	if err != nil {
		return nil, err
	}
	var root yaml.Node
	if err := yaml.Unmarshal(encoded, &root); err != nil { // JSON is YAML, and keeps the order
		return nil, err
	}
	top := root.Content[0]
	trim(top)
	reorder(top, "apiVersion", "kind")
	top.HeadComment = d.Comment
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(&root); err != nil {
		return nil, err
	}
	if err := encoder.Close(); err != nil {
		return nil, err
	}
	if d.After != "" {
		out.WriteString(d.After + "\n")
	}
	return out.Bytes(), nil
}

// plain reports whether a text without quotes is a text for kubectl too: to its
// YAML 1.1, off is a boolean and 1_000 a number.
func plain(text string) bool {
	if len(text) > 32 || strings.ContainsAny(text, "\n:#") {
		return true // no word or number; the encoder sees to the rest
	}
	var v any
	err := kubernetes.Unmarshal([]byte(text), &v)
	_, isText := v.(string)
	return err == nil && isText
}

// silent are fields that an encoder writes though nobody set them.
var silent = []string{"status", "creationTimestamp"}

// trim makes a node of JSON one that people write, and leaves out what is empty:
// but for a string, and for lists and maps that say something by being empty.
func trim(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.ScalarNode {
		if n.Tag == "!!str" && !plain(n.Value) {
			n.Style = yaml.DoubleQuotedStyle
		}
		return
	}
	var kept []*yaml.Node
	for i := 0; i < len(n.Content); i++ {
		c := n.Content[i]
		trim(c)
		if n.Kind != yaml.MappingNode {
			kept = append(kept, c)
			continue
		}
		value := n.Content[i+1]
		i++
		trim(value)
		if slices.Contains(silent, c.Value) || isEmpty(value) && !slices.Contains(meaning, c.Value) {
			continue
		}
		kept = append(kept, c, value)
	}
	n.Content = kept
	if len(kept) == 0 {
		n.Style = yaml.FlowStyle
	}
}

// meaning are fields that say something by being there.
var meaning = []string{"emptyDir", "postgres", "kafka", "configMap"}

func isEmpty(n *yaml.Node) bool {
	return n.Kind != yaml.ScalarNode && len(n.Content) == 0 || n.Tag == "!!null"
}

// reorder puts fields first.
func reorder(n *yaml.Node, first ...string) {
	var head, rest []*yaml.Node
	for _, name := range first {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				head = append(head, n.Content[i], n.Content[i+1])
			}
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !slices.Contains(first, n.Content[i].Value) {
			rest = append(rest, n.Content[i], n.Content[i+1])
		}
	}
	n.Content = append(head, rest...)
}

// YAML of everything in one stream.
func (o Output) YAML() ([]byte, error) {
	var parts []string
	for _, f := range o.Files {
		text, err := f.YAML()
		if err != nil {
			return nil, err
		}
		parts = append(parts, string(text))
	}
	return []byte(strings.Join(parts, "---\n")), nil
}
