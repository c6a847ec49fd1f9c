package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
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
// what each declares.
type besideFiles struct {
	given []string
	files map[string]declared
}

// declared are names by what they are of: service, network, volume, secret or config.
type declared map[string][]string

// lookBeside finds other compose files: a project may be made of several, and not
// all of them be given.
func lookBeside(given []compose.File) besideFiles {
	b := besideFiles{files: map[string]declared{}}
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
		if found := declaredIn(path); len(found) > 0 {
			b.files[path] = found
		}
	}
}

// declaredIn a compose file, nothing where it is no such file.
func declaredIn(path string) declared {
	content, err := readInput(path)
	if err != nil || len(content) > compose.MaxBytes {
		return nil
	}
	var top struct {
		Kind     string               `yaml:"kind"`
		Services map[string]yaml.Node `yaml:"services"`
		Networks map[string]yaml.Node `yaml:"networks"`
		Volumes  map[string]yaml.Node `yaml:"volumes"`
		Secrets  map[string]yaml.Node `yaml:"secrets"`
		Configs  map[string]yaml.Node `yaml:"configs"`
	}
	if err := yaml.Unmarshal(content, &top); err != nil || top.Kind != "" {
		return nil
	}
	out := declared{}
	for kind, section := range map[string]map[string]yaml.Node{
		"service": top.Services, "network": top.Networks, "volume": top.Volumes, "secret": top.Secrets, "config": top.Configs,
	} {
		if len(section) > 0 {
			out[kind] = slices.Sorted(maps.Keys(section))
		}
	}
	return out
}

// services of all of them.
func (b besideFiles) services() []string {
	var out []string
	for _, of := range b.files {
		out = append(out, of["service"]...)
	}
	return out
}

// with are the files that declare something.
func (b besideFiles) with(kind, name string) []string {
	var out []string
	for path, of := range b.files {
		if slices.Contains(of[kind], name) {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// undefined is what a service needs, and no given file has.
var undefined = regexp.MustCompile(`undefined service "([^"]+)"|service "([^"]+)" not found|undefined (network|volume|secret|config) "?([\w.-]+)`)

// cure says which file beside those given has what they lack, and how to give both.
func (b besideFiles) cure(verb, message string) string {
	m := undefined.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	kind, name := cmp.Or(m[3], "service"), m[1]+m[2]+m[4]
	files := b.with(kind, name)
	if len(files) == 0 {
		return ""
	}
	given := strings.Join(append([]string{files[0]}, b.given...), " ")
	return fmt.Sprintf("%s is in %s: give both, as by `kubectl bridge %s %s`", name, strings.Join(files, " and "), verb, given)
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
