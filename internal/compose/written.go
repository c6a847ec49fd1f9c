package compose

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// Written is a value as it stands in the given files, before variables are put
// in: that at services, web, environment, API_KEY, say. The last file wins.
// False where none of them has it: it comes from an env_file, an included file
// or another service, or has no value.
func (p *Project) Written(path ...string) (string, bool) {
	text, found := "", false
	for _, d := range p.documents {
		if t, ok := d.written(path); ok {
			text, found = t, true
		}
	}
	return text, found
}

func (d *document) written(path []string) (string, bool) {
	n := d.top()
	var place *yaml.Node
	for _, name := range path {
		if n, place = step(n, name); place == nil {
			return "", false
		}
	}
	if n = resolve(n); n == nil || n.Kind != yaml.ScalarNode || isNull(n) {
		return "", false
	}
	name, value, assigned := strings.Cut(n.Value, "=")
	if n != place || name != path[len(path)-1] {
		return n.Value, true
	}
	return value, assigned // of a list's KEY=value
}
