package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// update writes the golden files anew: go test ./cmd/kubectl-bridge -update.
var update = flag.Bool("update", false, "write golden files anew")

// projects are compose projects of many shapes; what comes of each is in
// testdata/projects under the same name.
const projects = "../../internal/compose/testdata/projects"

// cannotLoad are those with an error that only validate bears.
var cannotLoad = map[string]string{
	"dependency-cycle":   "dependency cycle",
	"required-variables": "API_KEY is not set",
}

func projectNames(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(projects)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	if len(out) < 30 {
		t.Fatalf("only %d projects", len(out))
	}
	return out
}

// composeFiles of a project, as compose finds them.
func composeFiles(t *testing.T, name string) []string {
	t.Helper()
	var out []string
	for _, f := range append(slices.Clone(composeNames), "docker-stack.yml", "compose.override.yaml") {
		if path := filepath.Join(projects, name, f); isThere(path) {
			out = append(out, path)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s has no compose file", name)
	}
	return out
}

// plugin runs a verb as a user would, but with no environment of its own.
func plugin(t *testing.T, args ...string) (out, notes string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := root(nil, &stdout)
	command.SetErr(&stderr)
	command.SetArgs(args)
	err = command.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	path = filepath.Join("testdata/projects", path)
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; `go test ./cmd/kubectl-bridge -update` writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestInitProjects: what comes of each project is what was looked at once, has no
// secret from outside of the compose file in it, and is accepted by an API server.
func TestInitProjects(t *testing.T) {
	t.Setenv("TAG", "")
	for _, name := range projectNames(t) {
		t.Run(name, func(t *testing.T) {
			files := composeFiles(t, name)
			out, _, err := plugin(t, append([]string{"init"}, files...)...)
			if says, broken := cannotLoad[name]; broken {
				if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "bridge validate") || exitCode(err) != exitBadInput {
					t.Fatalf("error %v (exit code %d), want %q", err, exitCode(err), says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+"/bridgestack.yaml", out)
			accepted(t, out)
			out, notes, err := plugin(t, append([]string{"init", "--manifests"}, files...)...)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out, "canary") || strings.Contains(notes, "canary") {
				t.Error("there is a secret in it")
			}
			golden(t, name+"/manifests.yaml", out)
			golden(t, name+"/notes.txt", notes)
			accepted(t, out)
		})
	}
}

// accepted fails if the API server would not take one of the objects.
func accepted(t *testing.T, text string) {
	t.Helper()
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for n := 0; ; n++ {
		var o unstructured.Unstructured
		if err := decoder.Decode(&o.Object); err != nil {
			if n == 0 {
				t.Error("there is no object in it")
			}
			return
		}
		o.SetNamespace("default")
		strict := client.WithFieldValidation(k8s, "Strict")
		if err := strict.Create(t.Context(), &o, client.DryRunAll); err != nil {
			t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}
