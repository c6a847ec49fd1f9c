package compose

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// VariableUse is a variable of the environment that files take a value from.
type VariableUse struct {
	// Position where it is used first.
	Position
	Name string
	// Required says that the project is not loaded without it, and Reason why, in
	// the file's words.
	Required bool
	Reason   string
	// Default is what stands for it where it is not set, of the first use that says
	// so.
	Default string
	// HasDefault says that there is one, if only an empty one.
	HasDefault bool
}

// Variables of the files and of what they take from other ones, in the order in
// which they are used. What is required and not set keeps nobody from being told:
// only what is no YAML does.
func Variables(files []File, o Options) ([]VariableUse, error) {
	documents, err := parse(files, o)
	if err != nil {
		return nil, err
	}
	elsewhere, _ := follow(documents, files, o) // a file that is not there may be the one that is to be written
	var out []VariableUse
	for _, d := range documents {
		out = d.variables(d.root, out)
	}
	for _, d := range elsewhere.included {
		out = d.variables(d.root, out)
	}
	for _, list := range elsewhere.extended {
		for _, d := range list {
			out = d.variables(d.root, out)
		}
	}
	return out, nil
}

func (d *document) variables(n *yaml.Node, out []VariableUse) []VariableUse {
	if n.Kind != yaml.ScalarNode {
		for _, c := range n.Content { // an alias has none
			out = d.variables(c, out)
		}
		return out
	}
	for text := n.Value; text != ""; {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			break
		}
		end := useEnd(text, i)
		out = d.use(n, text[i:end], out)
		text = text[end:]
	}
	return out
}

// use adds one use of variables, those in its default behind its own.
func (d *document) use(n *yaml.Node, use string, out []VariableUse) []VariableUse {
	names := variablesOf(use)
	if len(names) == 0 {
		return out
	}
	v := VariableUse{Position: d.position(n), Name: names[0]}
	rest := strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(use[1:], "{"), "}"), v.Name)
	operator := strings.TrimPrefix(rest, ":")
	switch {
	case strings.HasPrefix(operator, "?"):
		v.Required, v.Reason = true, operator[1:]
	case strings.HasPrefix(operator, "-"):
		v.HasDefault, v.Default = true, operator[1:]
	}
	i := slices.IndexFunc(out, func(o VariableUse) bool { return o.Name == v.Name })
	if i < 0 {
		out = append(out, v)
	} else {
		known := &out[i]
		if v.Required && !known.Required {
			known.Required, known.Reason = true, v.Reason
		}
		if v.HasDefault && !known.HasDefault {
			known.HasDefault, known.Default = true, v.Default
		}
	}
	if strings.Contains(rest, "$") {
		inner := *n
		inner.Value = rest
		out = d.variables(&inner, out)
	}
	return out
}
