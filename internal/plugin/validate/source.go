package validate

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bridgestack/operator/internal/compose"
)

// source are compose files as written, and the environment that variables are
// taken from: a rule may add to it what is missing, for the rules after it.
type source struct {
	files       []compose.File
	environment map[string]string
	scalars     []scalar
}

// scalar is a text in a file.
type scalar struct {
	file         string
	line, column int
	text         string
}

// scalarsOf all files that are YAML, each where it is written.
func scalarsOf(files []compose.File) []scalar {
	var out []scalar
	for _, f := range files {
		decoder := yaml.NewDecoder(bytes.NewReader(f.Content))
		for {
			var root yaml.Node
			if err := decoder.Decode(&root); err != nil {
				break // its end, or what compose.Load tells of
			}
			out = append(out, scalarsIn(f.Name, &root)...)
		}
	}
	return out
}

func scalarsIn(file string, n *yaml.Node) []scalar {
	if n.Kind == yaml.ScalarNode {
		return []scalar{{file, n.Line, n.Column, n.Value}}
	}
	var out []scalar
	for _, c := range n.Content { // an alias has none: its text is where its anchor is
		out = append(out, scalarsIn(file, c)...)
	}
	return out
}

// column of the last part of a path on a line of a file, found from left to
// right; without one, of the first thing on the line that is no list's dash.
func column(files []compose.File, file string, line int, path ...string) int {
	text, found := lineOf(files, file, line)
	if !found {
		return 0
	}
	at := 0
	found = false
	for _, part := range path {
		i := strings.Index(text[at:], part)
		if found = i >= 0 && part != ""; found {
			at += i
		}
	}
	if found {
		return at + 1
	}
	return len(text) - len(strings.TrimLeft(text, " -")) + 1
}

// lineOf a file, counted from 1.
func lineOf(files []compose.File, file string, line int) (text string, found bool) {
	for _, f := range files {
		if f.Name != file || line <= 0 {
			continue
		}
		if lines := bytes.SplitN(f.Content, []byte("\n"), line+1); len(lines) >= line {
			return string(lines[line-1]), true
		}
	}
	return "", false
}
