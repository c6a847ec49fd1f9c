package compose

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v4"
)

// pair is a key of a mapping with its value.
type pair struct{ key, value *yaml.Node }

// entries are a mapping's keys, with those that << merges into it at the end.
func entries(n *yaml.Node) []pair {
	return merged(resolve(n), 0)
}

func merged(n *yaml.Node, depth int) []pair {
	if n == nil || n.Kind != yaml.MappingNode || depth > maxDepth {
		return nil
	}
	var out, base []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Value != "<<" {
			out = append(out, pair{key, value})
			continue
		}
		value = resolve(value)
		if value.Kind == yaml.SequenceNode {
			for _, v := range value.Content {
				base = append(base, merged(resolve(v), depth+1)...)
			}
		} else {
			base = append(base, merged(value, depth+1)...)
		}
	}
	for _, b := range base {
		if !slices.ContainsFunc(out, func(p pair) bool { return p.key.Value == b.key.Value }) {
			out = append(out, b)
		}
	}
	return out
}

func entry(n *yaml.Node, name string) (pair, bool) {
	all := entries(n)
	if i := slices.IndexFunc(all, func(p pair) bool { return p.key.Value == name }); i >= 0 {
		return all[i], true
	}
	return pair{}, false
}

func child(n *yaml.Node, name string) *yaml.Node {
	p, _ := entry(n, name)
	return p.value
}

// resolve follows aliases; check has seen that they end.
func resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" || n.Tag == "!reset"
}

func (d *document) position(n *yaml.Node) Position { return Position{d.file, n.Line} }

// at finds the place of a path, or of the nearest above it, and how deep that is.
func (d *document) at(path []string) (Position, int) {
	n, found := d.top(), Position{}
	for depth, name := range path {
		next, place := step(n, name)
		if place == nil {
			return found, depth
		}
		n, found = next, d.position(place)
	}
	return found, len(path)
}

// step goes one down: to a key, an index, or what a list of the short form names,
// such as KEY=value and a dependency.
func step(n *yaml.Node, name string) (next, place *yaml.Node) {
	n = resolve(n)
	if n == nil {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode {
		p, _ := entry(n, name)
		return p.value, p.key
	}
	if i, err := strconv.Atoi(strings.Trim(name, "[]")); err == nil && i >= 0 && i < len(n.Content) {
		return n.Content[i], n.Content[i]
	}
	for _, c := range n.Content {
		if c = resolve(c); c.Kind == yaml.ScalarNode && (c.Value == name || strings.HasPrefix(c.Value, name+"=")) {
			return c, c
		}
	}
	return nil, nil
}

func (ds documents) at(path []string) Position {
	var best Position
	deepest := 0
	for _, d := range ds {
		if p, depth := d.at(path); depth > 0 && depth >= deepest {
			best, deepest = p, depth
		}
	}
	return best
}

// What messages of the library name a place by.
var (
	inPath      = regexp.MustCompile(`\b(?:services|networks|volumes|secrets|configs|models|jobs)(?:\.[\w\[\]-]+)+|\b(?:include|name|x-[\w-]+)(?:\.[\w\[\]-]+)*`)
	inService   = regexp.MustCompile(`\b[sS]ervice "([^"]+)"(?: depends on undefined service "([^"]+)")?`)
	strangeKeys = regexp.MustCompile(`additional properties '([^']+)'`)
	validating  = regexp.MustCompile(`^validating [^\n]*?: `)
)

// explain makes the library's error one that tells the place where it can.
func (ds documents) explain(err error) error {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		var out []error
		for _, e := range several.Unwrap() {
			out = append(out, ds.explain(e))
		}
		slices.SortStableFunc(out, byLine)
		return errors.Join(out...)
	}
	if _, ok := errors.AsType[*template.InvalidTemplateError](err); ok { // its text is the value, which may be a secret
		path := inPath.FindString(err.Error())
		return &Error{ds.place(path), path + ": no valid use of a variable; a plain $ is written $$"}
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	if file, ok := errors.AsType[*refused](err); ok {
		return &Error{ds.naming(file.path), file.Error()}
	}
	return &Error{ds.place(err.Error()), ds.reword(err.Error())}
}

func byLine(a, b error) int {
	first, ok := errors.AsType[*Error](a)
	second, both := errors.AsType[*Error](b)
	if !ok || !both {
		return 0
	}
	return cmp.Or(cmp.Compare(first.File, second.File), cmp.Compare(first.Line, second.Line))
}

// naming finds the service that extends one of a file.
func (ds documents) naming(file string) Position {
	for _, d := range ds {
		for _, s := range entries(child(d.top(), "services")) {
			if p, found := entry(child(s.value, "extends"), "file"); found && resolve(p.value).Value == file {
				return d.position(p.key)
			}
		}
	}
	return ds.at([]string{"include"})
}

func (ds documents) place(text string) Position {
	text = validating.ReplaceAllString(text, "")
	path := strings.Split(inPath.FindString(text), ".")
	if m := inService.FindStringSubmatch(text); m != nil && path[0] == "" {
		path = []string{"services", m[1]}
		if m[2] != "" {
			path = append(path, "depends_on", m[2])
		}
	}
	if m := strangeKeys.FindStringSubmatch(text); m != nil {
		if path[0] == "" {
			path = nil
		}
		path = append(path, m[1])
	}
	return ds.at(path)
}

// plainer are words of the library that say little to who wrote the file.
var plainer = strings.NewReplacer(
	": invalid compose project", "",
	"error while interpolating ", "",
	"additional properties", "unknown keys",
	" false schema", " is not of the compose specification; extensions begin with x-",
	" must be a array", " must be a list",
)

func (ds documents) reword(text string) string {
	return plainer.Replace(validating.ReplaceAllString(text, ""))
}
