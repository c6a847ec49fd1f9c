package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bridgestack/operator/internal/compose"
)

// mostBeside bounds the files that are looked at beside those given.
const mostBeside = 64

// besideFiles are the compose files in the directories of those given, by name, with
// the services of each.
type besideFiles struct {
	given []string
	files map[string][]string
}

// lookBeside finds other compose files: a project may be made of several, and not
// all of them be given.
func lookBeside(given []compose.File) besideFiles {
	b := besideFiles{files: map[string][]string{}}
	for _, f := range given {
		b.given = append(b.given, filepath.Clean(f.Name))
	}
	seen := map[string]bool{}
	for _, name := range b.given {
		if directory := filepath.Dir(name); !seen[directory] {
			seen[directory] = true
			b.lookIn(directory)
		}
	}
	return b
}

func (b besideFiles) lookIn(directory string) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return // it was readable for the file in it; what is beside is a courtesy
	}
	for _, e := range entries {
		path := filepath.Join(directory, e.Name())
		ext := filepath.Ext(path)
		if len(b.files) >= mostBeside || !e.Type().IsRegular() || ext != ".yaml" && ext != ".yml" || slices.Contains(b.given, path) {
			continue
		}
		if services := servicesIn(path); len(services) > 0 {
			b.files[path] = services
		}
	}
}

// servicesIn a compose file, none where it is no such file.
func servicesIn(path string) []string {
	content, err := readInput(path)
	if err != nil || len(content) > compose.MaxBytes {
		return nil
	}
	var top struct {
		Kind     string               `yaml:"kind"`
		Services map[string]yaml.Node `yaml:"services"`
	}
	if err := yaml.Unmarshal(content, &top); err != nil || top.Kind != "" {
		return nil
	}
	var out []string
	for name := range top.Services {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// services of all of them.
func (b besideFiles) services() []string {
	var out []string
	for _, list := range b.files {
		out = append(out, list...)
	}
	return out
}

// with are the files that have a service.
func (b besideFiles) with(service string) []string {
	var out []string
	for path, list := range b.files {
		if slices.Contains(list, service) {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// undefined is a service that another one needs, and no given file has.
var undefined = regexp.MustCompile(`undefined service "([^"]+)"|service "([^"]+)" not found`)

// cure says which file beside those given has a service that they lack, and how to
// give both.
func (b besideFiles) cure(verb, message string) string {
	m := undefined.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	service := m[1] + m[2]
	files := b.with(service)
	if len(files) == 0 {
		return ""
	}
	given := strings.Join(append([]string{files[0]}, b.given...), " ")
	return fmt.Sprintf("%s is in %s: give both, as by `kubectl bridge %s %s`", service, strings.Join(files, " and "), verb, given)
}

// tell that an override file is there which compose would read, too, where it is
// given no file.
func (b besideFiles) tell(to io.Writer) {
	for _, given := range b.given {
		if !slices.Contains(composeNames, filepath.Base(given)) {
			continue
		}
		for path := range b.files {
			ext := filepath.Ext(path)
			if strings.TrimSuffix(path, ext) == strings.TrimSuffix(given, filepath.Ext(given))+".override" {
				fmt.Fprintf(to, "note: %s is not read: name it behind %s, as compose reads both where it is given no file\n", path, given)
			}
		}
	}
}
