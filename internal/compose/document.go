package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// What a project may be at most. The largest that are public have some 60 KiB
// and 70 services.
const (
	// MaxBytes of all files together.
	MaxBytes = 512 << 10
	// MaxServices of all files together.
	MaxServices = 256
	maxFiles    = 16
	maxNodes    = 50_000 // with every alias written out
	maxDepth    = 64
)

// document is a parsed file, for its lines and what must not be in it.
type document struct {
	name string
	root *yaml.Node
}

type documents []document

// parse reads the files as YAML and holds them to the limits.
func parse(files []File, _ Options) (documents, error) {
	if len(files) == 0 {
		return nil, &Error{Message: "there is no compose file"}
	}
	var out documents
	for _, f := range files {
		decoder := yaml.NewDecoder(bytes.NewReader(f.Content))
		for {
			var node yaml.Node
			err := decoder.Decode(&node)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, &Error{Position{File: f.Name}, err.Error()}
			}
			out = append(out, document{f.Name, &node})
		}
	}
	return out, nil
}

func (documents) at([]string) Position { return Position{} }

func (documents) explain(err error) error { return &Error{Message: err.Error()} }

func (p *Project) ignored() []Ignored { return nil }

func configFiles(files []File, _ Options) []types.ConfigFile {
	out := make([]types.ConfigFile, len(files))
	for i, f := range files {
		out[i] = types.ConfigFile{Filename: f.Name, Content: f.Content}
	}
	return out
}

func environmentOf(o Options) types.Mapping {
	env := types.Mapping{}
	maps.Copy(env, o.Environment)
	if o.ProjectName == "" {
		delete(env, consts.ComposeProjectName)
	}
	return env
}

// substitution replaces ${VARIABLE} and notes those that are not set.
type substitution struct{ unset map[string]bool }

func (s *substitution) substitute(text string, mapping template.Mapping) (string, error) {
	return template.SubstituteWithOptions(text, mapping, template.WithoutLogging)
}

func (s *substitution) names() []string { return slices.Sorted(maps.Keys(s.unset)) }

// outside is whatever is not in the given files.
type outside struct{ directory string }

// Accept takes everything where nothing may be read, else what is not local.
func (o outside) Accept(path string) bool { return o.directory == "" || strings.Contains(path, "://") }

// Load refuses.
func (o outside) Load(_ context.Context, path string) (string, error) {
	return "", fmt.Errorf("%s: %w", path, errRefused)
}

// Dir is never asked: nothing was loaded.
func (o outside) Dir(path string) string { return path }
