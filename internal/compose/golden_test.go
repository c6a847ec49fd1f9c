package compose

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files")

// told is what a golden file holds of a project.
type told struct {
	// Refused says why the operator does not read it; then the rest is what is
	// read where the files are.
	Refused  string             `json:",omitempty"`
	Project  string             `json:",omitempty"`
	Unset    []string           `json:",omitempty"`
	Ignored  []string           `json:",omitempty"`
	Services []Service          `json:",omitempty"`
	Declared []v1alpha1.Service `json:",omitempty"`
}

// Every project of the test data is understood, or refused with a reason; what
// is understood of it is written down.
func TestProjects(t *testing.T) {
	directories, err := filepath.Glob("testdata/projects/*")
	if err != nil || len(directories) < 30 {
		t.Fatalf("%d projects: %v", len(directories), err)
	}
	for _, directory := range directories {
		t.Run(filepath.Base(directory), func(t *testing.T) {
			got, err := yaml.Marshal(tell(t, directory))
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "facts", filepath.Base(directory)+".yaml")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func tell(t *testing.T, directory string) told {
	t.Helper()
	files, env := project(t, directory)
	var out told
	p, err := Load(t.Context(), files, Options{Environment: env, WithoutSecrets: true})
	if err != nil {
		out.Refused = err.Error()
		absolute, errAbs := filepath.Abs(directory)
		if errAbs != nil {
			t.Fatal(errAbs)
		}
		for i := range files {
			files[i].Name = filepath.Join(absolute, files[i].Name)
		}
		if p, err = Load(t.Context(), files, Options{Environment: env, Directory: absolute}); err != nil {
			return out
		}
	}
	f, err := p.Facts()
	if err != nil {
		t.Error(err)
	}
	out.Project, out.Unset, out.Services = f.Project, p.Unset, f.Services
	for _, i := range p.Ignored {
		out.Ignored = append(out.Ignored, filepath.Base(i.Position.String())+": "+i.Path+": "+i.Because)
	}
	for _, s := range f.Services {
		out.Declared = append(out.Declared, s.Declared())
	}
	return out
}

// project is a directory's compose files as compose finds them, and its .env.
func project(t *testing.T, directory string) ([]File, map[string]string) {
	t.Helper()
	var files []File
	for _, name := range []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", "docker-stack.yml", "compose.override.yaml"} {
		if content, err := os.ReadFile(filepath.Join(directory, name)); err == nil {
			files = append(files, File{name, content})
		}
	}
	env := map[string]string{}
	content, _ := os.ReadFile(filepath.Join(directory, ".env")) // most have none
	for line := range strings.Lines(string(content)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			env[name] = strings.Trim(value, `"'`)
		}
	}
	return files, env
}
