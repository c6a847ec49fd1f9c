package compose

import (
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Written is a value as it stands in the files, before variables are put in:
// that at services, web, environment, API_KEY, say. The last file wins, then what
// they include, then the service that this one extends. False where none of them
// has it: it comes from an env_file, or has no value.
func (p *Project) Written(path ...string) (string, bool) {
	text, found := "", false
	p.sources(path, func(d *document, path []string) bool {
		t, ok := d.written(path)
		if ok {
			text, found = t, true
		}
		return found
	})
	return text, found
}

// sources calls look with each document that may have a path, the one that wins
// first, until it is content. Where a service extends another one, the path is
// that one's there.
func (p *Project) sources(path []string, look func(*document, []string) bool) {
	p.documents.sources(p.extended, p.directory, path, maxLevels, look)
}

func (ds documents) sources(extended map[string]documents, directory string, path []string, depth int, look func(*document, []string) bool) bool {
	for i := len(ds) - 1; i >= 0; i-- {
		if look(ds[i], path) {
			return true
		}
	}
	if depth == 0 || len(path) < 2 || path[0] != "services" {
		return false
	}
	for i := len(ds) - 1; i >= 0; i-- {
		extends := resolve(child(child(child(ds[i].top(), "services"), path[1]), "extends"))
		if extends == nil {
			continue
		}
		base := append([]string{"services", extends.Value}, path[2:]...)
		in, from := ds, directory
		if extends.Kind != yaml.ScalarNode {
			base[1] = scalar(child(extends, "service"))
			if file := scalar(child(extends, "file")); file != "" {
				if ds[i].directory != "" {
					from = ds[i].directory
				}
				if !filepath.IsAbs(file) {
					file = filepath.Join(from, file)
				}
				in = extended[filepath.Clean(file)]
			}
		}
		if len(in) > 0 && base[1] != path[1] || len(in) > 0 && extends.Kind != yaml.ScalarNode {
			if in.sources(extended, from, base, depth-1, look) {
				return true
			}
		}
	}
	return false
}

// scalar is a node's text, empty where it is none.
func scalar(n *yaml.Node) string {
	if n = resolve(n); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
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
