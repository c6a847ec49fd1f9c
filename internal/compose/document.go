package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// What a project may be at most. The largest public ones have some 60 KiB and
// 70 services.
const (
	// MaxBytes of all files together.
	MaxBytes = 512 << 10
	// MaxServices of all files together.
	MaxServices = 256

	maxFiles = 16
	maxDepth = 64
	// maxNodes of a file's YAML, with every alias written out.
	maxNodes = 30_000
	// maxExtended bounds what extends copies: services that extend, times the
	// nodes of their file.
	maxExtended = 300_000
)

// document is one YAML document of a file, for its lines and for what must not
// be in it.
type document struct {
	file string
	// directory that its paths are relative to, empty for the project's own.
	directory string
	root      *yaml.Node
	// nodes with every alias written out.
	nodes int
}

type documents []*document

// parse reads the files as YAML and holds them to the limits.
func parse(files []File, o Options) (documents, error) {
	if len(files) == 0 {
		return nil, &Error{Message: "there is no compose file"}
	}
	if len(files) > maxFiles {
		return nil, &Error{Message: fmt.Sprintf("there are %d compose files; at most %d are read", len(files), maxFiles)}
	}
	total := 0
	for _, f := range files {
		if total += len(f.Content); total > MaxBytes {
			return nil, &Error{Position{File: f.Name}, fmt.Sprintf("the compose files have more than %d KiB together", MaxBytes>>10)}
		}
	}
	var out documents
	for _, f := range files {
		found, err := parseFile(f, o)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, out.checkServices()
}

func parseFile(f File, o Options) (documents, error) {
	var out documents
	decoder := yaml.NewDecoder(bytes.NewReader(f.Content))
	for {
		var root yaml.Node
		err := decoder.Decode(&root)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, yamlError(f.Name, err)
		}
		d := &document{file: f.Name, root: &root}
		if err := d.check(o); err != nil {
			return nil, err
		}
		if out = append(out, d); len(out) > maxFiles {
			return nil, &Error{Position{File: f.Name}, fmt.Sprintf("there are more than %d YAML documents in one file", maxFiles)}
		}
	}
}

var yamlLine = regexp.MustCompile(`\bline (\d+)(?:, column \d+)?: ?`)

func yamlError(file string, err error) error {
	p, text := Position{File: file}, err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1]) // digits
		text = yamlLine.ReplaceAllString(text, "")
	}
	return &Error{p, "no valid YAML: " + text}
}

// check holds a document to the limits and refuses what is in no file given.
func (d *document) check(o Options) error {
	if err := count(d.root, 0, &d.nodes); err != nil {
		return &Error{Position{File: d.file}, err.Error()}
	}
	top := d.top()
	if isNull(top) {
		return nil // an empty document is merged as nothing
	}
	if top.Kind != yaml.MappingNode {
		return &Error{d.position(top), "the top of a compose file must be a mapping, such as services:"}
	}
	if include, found := entry(top, "include"); found && o.Directory == "" && !isNull(include.value) {
		return &Error{d.position(include.key), "include is not read here, as there are no other files: " + advice}
	}
	return nil
}

// top is the document's own node, nil where it is empty.
func (d *document) top() *yaml.Node {
	if len(d.root.Content) == 0 {
		return nil
	}
	return resolve(d.root.Content[0])
}

// advice is what a person does with a project of more files than these.
const advice = "`kubectl bridge init` resolves it, as `docker compose config` does"

// count walks a node with every alias written out, up to the limits.
func count(n *yaml.Node, depth int, seen *int) error {
	if *seen++; *seen > maxNodes {
		return fmt.Errorf("the YAML has more than %d nodes once its aliases are written out", maxNodes)
	}
	if depth > maxDepth {
		return fmt.Errorf("the YAML is nested more than %d deep, or an alias contains itself", maxDepth)
	}
	if n.Kind == yaml.AliasNode {
		return count(n.Alias, depth+1, seen)
	}
	for _, c := range n.Content {
		if err := count(c, depth+1, seen); err != nil {
			return err
		}
	}
	return nil
}

// checkServices bounds services, and what those that extend another one copy.
func (ds documents) checkServices() error {
	services := 0
	for _, d := range ds {
		extending := 0
		for _, s := range entries(child(d.top(), "services")) {
			services++
			if _, extends := entry(s.value, "extends"); extends {
				extending++
			}
		}
		if extending*d.nodes > maxExtended {
			return &Error{Position{File: d.file}, fmt.Sprintf("%d services extend another one, which is too much to be copied in a file of this size", extending)}
		}
	}
	if services > MaxServices {
		return &Error{Message: fmt.Sprintf("the compose files have %d services; at most %d are read", services, MaxServices)}
	}
	return nil
}
