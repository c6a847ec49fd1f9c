package compose

import (
	"cmp"
	"errors"
	"fmt"
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

var (
	// ofFile is how the library calls a file where none is read.
	ofFile = regexp.MustCompile(`\bcompose\[(\d+)\]`)
	// inBrackets is how it calls a place while it decodes.
	inBrackets = regexp.MustCompile(`'((?:services|networks|volumes|secrets|configs)\[[^']+)'`)
	bracket    = regexp.MustCompile(`\[([^\]]*)\]`)
	// twice is a key that a mapping has twice.
	twice = regexp.MustCompile(`failed to parse (.+?): yaml: construct errors: (?:line \d+: )?line (\d+): mapping key (.+) already defined at line (\d+)`)
	// sameName is a name for several containers.
	sameName = regexp.MustCompile(`can't set container_name and (\S+) as container name must be unique`)
	// circular are services that extend each other.
	circular = regexp.MustCompile(`(?s)^Circular reference:(.*)`)
	extender = regexp.MustCompile(`(?m)^\s*(?:extends )?(\S+) in `)
	// waiting are services that depend on each other.
	waiting = regexp.MustCompile(`^dependency cycle detected: (.+)`)
	// wrongName is a service that cannot be called so.
	wrongName = regexp.MustCompile(`^(?:validating [^\n]*?: )?services additional properties '([^']+)' not allowed`)
	// ofPart is an error about a part of a short form, with the part.
	ofPart = regexp.MustCompile(`(?i)^(?:invalid (?:hostPort|containerPort|spec|ip address|proto|port range|ranges specified for container and host ports)|no port specified|invalid (?:range|port)[^:]*): ?(:?[^:\s][^\s]*?)(?:: |$)`)
	// onTop is a key of the file itself.
	onTop = regexp.MustCompile(`^(?:validating [^\n]*?: )?(version|name|services|volumes|networks|secrets|configs|include) must\b`)
)

// named is an error with the files called what their owner calls them.
func (ds documents) named(err error, files []File) error {
	if _, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok || !ofFile.MatchString(err.Error()) {
		return err
	}
	return errors.New(ofFile.ReplaceAllStringFunc(err.Error(), func(found string) string {
		i, _ := strconv.Atoi(ofFile.FindStringSubmatch(found)[1]) // digits
		if i < len(files) {
			return files[i].Name
		}
		return found
	}))
}

// known errors of the library whose place and words it takes more to tell.
func (ds documents) known(text string) (*Error, bool) {
	if m := twice.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[2]) // digits
		return &Error{Position{ds.fileOf(m[1]), line}, fmt.Sprintf("%s is there twice, first at line %s", m[3], m[4])}, true
	}
	if m := sameName.FindStringSubmatch(text); m != nil {
		return &Error{ds.at([]string{"services", m[1], "container_name"}), fmt.Sprintf("services.%s.container_name: several containers cannot be called the same: take it away, or run one", m[1])}, true
	}
	if m := wrongName.FindStringSubmatch(text); m != nil {
		return &Error{ds.at([]string{"services", m[1]}), fmt.Sprintf("services: %q is no name of a service: letters from a to z, digits, . _ and - are", m[1])}, true
	}
	if m := circular.FindStringSubmatch(text); m != nil {
		var names []string
		for _, e := range extender.FindAllStringSubmatch(m[1], -1) {
			names = append(names, e[1])
		}
		if len(names) > 0 {
			names = fromFirst(names)
			return &Error{ds.at([]string{"services", names[0], "extends"}), "services extend each other in a circle: " + strings.Join(names, ", ")}, true
		}
	}
	if m := waiting.FindStringSubmatch(text); m != nil {
		names := fromFirst(strings.Split(m[1], " -> "))
		return &Error{ds.at([]string{"services", names[0], "depends_on"}), "dependency cycle detected: " + strings.Join(names, " -> ")}, true
	}
	if m := ofPart.FindStringSubmatch(text); m != nil {
		if place, path, found := ds.having(m[1]); found {
			return &Error{place, path + ": " + text}, true
		}
	}
	if m := onTop.FindStringSubmatch(text); m != nil {
		return &Error{ds.at([]string{m[1]}), ds.reword(text)}, true
	}
	if m := inBrackets.FindStringSubmatch(text); m != nil {
		path := bracket.ReplaceAllString(m[1], ".$1")
		return &Error{ds.at(strings.Split(path, ".")), path + ": " + ds.reword(inBrackets.ReplaceAllString(text, ""))}, true
	}
	return nil, false
}

// fromFirst is a circle told from its first name by the alphabet: the library begins
// anywhere.
func fromFirst(circle []string) []string {
	if n := len(circle); n > 1 && circle[0] == circle[n-1] {
		circle = circle[:n-1]
	}
	i := slices.Index(circle, slices.Min(circle))
	out := slices.Concat(circle[i:], circle[:i])
	return append(out, out[0])
}

// fileOf is what a document's file is called.
func (ds documents) fileOf(name string) string {
	for _, d := range ds {
		if d.file == name || strings.HasSuffix(name, "/"+d.file) {
			return d.file
		}
	}
	return name
}

// having is the first place among services' ports and volumes with a text in it.
func (ds documents) having(part string) (Position, string, bool) {
	for _, d := range ds {
		for _, s := range entries(child(d.top(), "services")) {
			for _, attribute := range []string{"ports", "volumes", "expose"} {
				list := resolve(child(s.value, attribute))
				if list == nil || list.Kind != yaml.SequenceNode {
					continue
				}
				for _, n := range list.Content {
					for _, value := range append(scalars(n), scalarsOfMapping(n)...) {
						if strings.Contains(value.Value, part) {
							return d.position(value), "services." + s.key.Value + "." + attribute, true
						}
					}
				}
			}
		}
	}
	return Position{}, "", false
}

func scalarsOfMapping(n *yaml.Node) []*yaml.Node {
	var out []*yaml.Node
	for _, e := range entries(n) {
		if v := resolve(e.value); v.Kind == yaml.ScalarNode {
			out = append(out, v)
		}
	}
	return out
}

// once are errors each of which is told once: a variable that is missing is so in
// every service that its value is merged into.
func once(err error) error {
	type group struct {
		first *Error
		more  int
	}
	var groups []*group
	byText := map[string]*group{}
	for _, known := range apart(err) {
		text := known.Message
		if m := missing.FindString(text); m != "" {
			text = m
		}
		g := byText[text]
		if g == nil {
			g = &group{first: known}
			byText[text] = g
			groups = append(groups, g)
			continue
		}
		if g.more++; strings.HasPrefix(g.first.Message, "x-") && !strings.HasPrefix(known.Message, "x-") {
			g.first = known
		}
	}
	var out []error
	for _, g := range groups {
		if g.more > 0 && missing.MatchString(g.first.Message) {
			g.first = &Error{g.first.Position, fmt.Sprintf("%s (and so in %d more places)", g.first.Message, g.more)}
		}
		out = append(out, g.first)
	}
	if len(out) == 1 {
		return out[0]
	}
	return errors.Join(out...)
}

// apart are the errors that are joined in one.
func apart(err error) []*Error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var out []*Error
		for _, e := range several.Unwrap() {
			out = append(out, apart(e)...)
		}
		return out
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return []*Error{known}
	}
	return []*Error{{Message: err.Error()}}
}

var missing = regexp.MustCompile(`the required variable \w+ is not set`)

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
	if known, ok := ds.known(err.Error()); ok {
		return known
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
	return strings.TrimSpace(plainer.Replace(validating.ReplaceAllString(text, "")))
}
