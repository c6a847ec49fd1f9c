package compose

import (
	"path/filepath"
	"slices"
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
	for _, d := range slices.Backward(ds) {
		if look(d, path) {
			return true
		}
	}
	if depth == 0 || len(path) < 2 || path[0] != "services" {
		return false
	}
	for _, d := range slices.Backward(ds) {
		b, extends := d.base(path[1], directory)
		if !extends {
			continue
		}
		in := ds
		if b.file != "" {
			in = extended[b.file]
		}
		if in.sources(extended, b.directory, append([]string{"services", b.service}, path[2:]...), depth-1, look) {
			return true
		}
	}
	return false
}

// base is a service that another one extends.
type base struct {
	service string
	// file that it is in, empty for the same.
	file string
	// directory that the file's name is relative to.
	directory string
}

// base of a service, where it extends one.
func (d *document) base(service, directory string) (base, bool) {
	extends := resolve(child(child(child(d.top(), "services"), service), "extends"))
	b := base{directory: directory}
	switch {
	case extends == nil:
		return b, false
	case extends.Kind == yaml.ScalarNode:
		b.service = extends.Value
		return b, b.service != service
	}
	b.service, b.file = scalar(child(extends, "service")), scalar(child(extends, "file"))
	if d.directory != "" {
		b.directory = d.directory
	}
	if b.file == "" {
		return b, b.service != service
	}
	if !filepath.IsAbs(b.file) {
		b.file = filepath.Join(b.directory, b.file)
	}
	b.file = filepath.Clean(b.file)
	return b, true
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
