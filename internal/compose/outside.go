package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v4"
)

// maxOutside bounds the files that a project takes from elsewhere, and maxLevels
// how deep they may lead to others.
const (
	maxOutside = 128
	maxLevels  = 16
)

// Reader reads a file of the project by its absolute path. It refuses what is no
// regular file, what is too large, and what is outside of the project, wherever
// links lead.
type Reader func(path string) ([]byte, error)

// walk follows what given files take from others: include, extends.file, env_file
// and label_file. Each of them is read once here, by the reader and its limits,
// before the library reads it without any; and it is remembered, for the places
// and the written values of what comes from it.
type walk struct {
	o     Options
	files []File
	// included are in the order in which they are merged, before the given ones.
	included documents
	// extended are by absolute path.
	extended map[string]documents
	seen     map[string]bool
	bytes    int
	errs     []error
}

// follow reads what documents take from elsewhere.
func follow(given documents, files []File, o Options) (*walk, error) {
	w := &walk{o: o, files: files, extended: map[string]documents{}, seen: map[string]bool{}}
	if o.Directory == "" || o.Read == nil {
		return w, nil
	}
	for _, f := range files {
		w.bytes += len(f.Content)
	}
	w.documents(given, o.Directory, 0)
	slices.SortStableFunc(w.errs, byLine)
	return w, errors.Join(w.errs...)
}

func (w *walk) documents(list documents, base string, level int) {
	for _, d := range list {
		for _, i := range includes(d.top()) {
			w.include(d, i, base, level)
		}
		for _, s := range entries(child(d.top(), "services")) {
			w.service(d, s.value, base, level)
		}
	}
}

// included is one entry of include.
type includeEntry struct {
	paths, envFiles []*yaml.Node
	directory       *yaml.Node
}

func includes(top *yaml.Node) []includeEntry {
	list := resolve(child(top, "include"))
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	var out []includeEntry
	for _, n := range list.Content {
		if n = resolve(n); n.Kind == yaml.ScalarNode {
			out = append(out, includeEntry{paths: []*yaml.Node{n}})
			continue
		}
		out = append(out, includeEntry{paths: scalars(child(n, "path")), envFiles: scalars(child(n, "env_file")), directory: resolve(child(n, "project_directory"))})
	}
	return out
}

// scalars of a text or a list of texts.
func scalars(n *yaml.Node) []*yaml.Node {
	n = resolve(n)
	switch {
	case n == nil || isNull(n):
		return nil
	case n.Kind == yaml.ScalarNode:
		return []*yaml.Node{n}
	case n.Kind != yaml.SequenceNode:
		return nil
	}
	var out []*yaml.Node
	for _, c := range n.Content {
		if c = resolve(c); c.Kind == yaml.ScalarNode {
			out = append(out, c)
		}
	}
	return out
}

func (w *walk) include(d *document, entry includeEntry, base string, level int) {
	directory := ""
	for i, n := range entry.paths {
		path, local := w.path(n, base)
		if !local {
			return // the library refuses it
		}
		if i == 0 {
			if directory = filepath.Dir(path); entry.directory != nil && entry.directory.Kind == yaml.ScalarNode {
				directory, _ = w.path(entry.directory, base)
			}
			w.environment(directory)
		}
		w.included = append(w.included, w.read(d, n, path, directory, level)...)
	}
	for _, n := range entry.envFiles {
		if path, local := w.path(n, base); local && path != "/dev/null" {
			w.content(d, n, path)
		}
	}
}

// environment is the .env that the library reads beside an included file.
func (w *walk) environment(directory string) {
	path := filepath.Join(directory, ".env")
	if _, err := w.o.Read(path); err != nil && !isAbsent(err) && !w.seen[path] {
		w.seen[path] = true
		w.errs = append(w.errs, &Error{Position{File: w.named(path)}, "it cannot be read: " + plainError(err)})
	}
}

func (w *walk) service(d *document, n *yaml.Node, base string, level int) {
	if file, found := entry(child(n, "extends"), "file"); found && resolve(file.value).Kind == yaml.ScalarNode {
		if path, local := w.path(resolve(file.value), base); local {
			if _, known := w.extended[path]; !known {
				w.extended[path] = nil
				w.extended[path] = w.read(d, file.value, path, filepath.Dir(path), level)
			}
		}
	}
	for _, f := range w.envFiles(child(n, "env_file")) {
		if path, local := w.path(f.path, base); local {
			w.optional(d, f.path, path, f.required)
		}
	}
	for _, f := range scalars(child(n, "label_file")) {
		if path, local := w.path(f, base); local {
			w.content(d, f, path)
		}
	}
}

type envFileEntry struct {
	path     *yaml.Node
	required bool
}

func (w *walk) envFiles(n *yaml.Node) []envFileEntry {
	n = resolve(n)
	var out []envFileEntry
	for _, s := range scalars(n) {
		out = append(out, envFileEntry{s, true})
	}
	if n == nil || n.Kind != yaml.SequenceNode {
		return out
	}
	for _, c := range n.Content {
		if path := resolve(child(c, "path")); path != nil && path.Kind == yaml.ScalarNode {
			required := resolve(child(c, "required"))
			out = append(out, envFileEntry{path, required == nil || required.Value != "false"})
		}
	}
	return out
}

// path of a file that is named, and whether it is a local one.
func (w *walk) path(n *yaml.Node, base string) (string, bool) {
	n = resolve(n)
	text, err := template.SubstituteWithOptions(n.Value, func(name string) (string, bool) { v, ok := w.o.Environment[name]; return v, ok }, template.WithoutLogging)
	if err != nil || text == "" || strings.Contains(text, "://") || strings.HasPrefix(text, "git@") {
		return "", false // the library tells what is wrong, or it is remote
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(base, text)
	}
	return filepath.Clean(text), true
}

// read a compose file, and what it leads to.
func (w *walk) read(d *document, n *yaml.Node, path, base string, level int) documents {
	content, ok := w.content(d, n, path)
	if !ok {
		return nil
	}
	if w.bytes += len(content); w.bytes > MaxBytes {
		w.fail(d, n, fmt.Sprintf("with %s the compose files have more than %d KiB together", w.named(path), MaxBytes>>10))
		return nil
	}
	if level >= maxLevels {
		w.fail(d, n, fmt.Sprintf("files lead to each other more than %d deep, or in a circle", maxLevels))
		return nil
	}
	list, err := parseFile(File{Name: w.named(path), Content: content}, w.o)
	if err != nil {
		w.errs = append(w.errs, err)
		return nil
	}
	for _, d := range list {
		d.directory = base
	}
	w.documents(list, base, level+1)
	return list
}

// content of a file that is named at a node.
func (w *walk) content(d *document, n *yaml.Node, path string) ([]byte, bool) {
	return w.optional(d, n, path, true)
}

func (w *walk) optional(d *document, n *yaml.Node, path string, required bool) ([]byte, bool) {
	if len(w.seen) >= maxOutside && !w.seen[path] {
		w.fail(d, n, fmt.Sprintf("the project takes from more than %d other files", maxOutside))
		return nil, false
	}
	w.seen[path] = true
	content, err := w.o.Read(path)
	switch {
	case err == nil:
		return content, true
	case isAbsent(err) && !required:
	case isAbsent(err):
		w.fail(d, n, n.Value+" is not there (looked for at "+w.named(path)+")")
	default:
		w.fail(d, n, n.Value+" cannot be read: "+plainError(err))
	}
	return nil, false
}

func (w *walk) fail(d *document, n *yaml.Node, text string) {
	if e := (&Error{d.position(n), text}); !slices.ContainsFunc(w.errs, func(o error) bool { return o.Error() == e.Error() }) {
		w.errs = append(w.errs, e)
	}
}

// named is a path as messages call it: as the given files are.
func (w *walk) named(path string) string {
	relative, err := filepath.Rel(w.o.Directory, path)
	if err != nil {
		return path
	}
	return filepath.Join(filepath.Dir(w.files[0].Name), relative)
}

func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// plainError leaves out the path that a PathError repeats.
func plainError(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
