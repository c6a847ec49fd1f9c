package main

import (
	"bytes"
	"encoding/json"
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
	environ = func() []string { return nil }
	t.Cleanup(func() { environ = os.Environ })
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
			filled, notes, err := plugin(t, append([]string{"init", "--manifests", "--with-secrets"}, files...)...)
			if err != nil || strings.Contains(notes, "canary") {
				t.Errorf("with secrets: %v\n%s", err, notes)
			}
			for document := range strings.SplitSeq(filled, "\n---\n") {
				if strings.Contains(document, "canary") && !strings.Contains(document, "kind: Secret\n") {
					t.Errorf("with secrets there is one in\n%s", document)
				}
			}
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

// TestValidateProjects: what validate finds in each project is what was looked at
// once, without the values of secrets, in each of its forms.
func TestValidateProjects(t *testing.T) {
	for _, name := range projectNames(t) {
		t.Run(name, func(t *testing.T) {
			files := composeFiles(t, name)
			out, _, err := plugin(t, append([]string{"validate"}, files...)...)
			if failed := strings.Contains(out, ": error: "); failed != (exitCode(err) == exitFailed) || !failed && err != nil {
				t.Errorf("exit code %d, error %v, with\n%s", exitCode(err), err, out)
			}
			if strings.Contains(out, "canary") {
				t.Error("there is a secret in it")
			}
			golden(t, name+"/validate.txt", out)
			var asJSON struct {
				Findings []struct{ Rule, Severity, File, Message string }
			}
			text, _, _ := plugin(t, append([]string{"validate", "-o", "json"}, files...)...)
			if err := json.Unmarshal([]byte(text), &asJSON); err != nil || len(asJSON.Findings) != strings.Count(out, "]\n") {
				t.Errorf("JSON: %v\n%s", err, text)
			}
			var sarif struct {
				Version string
				Runs    []struct{ Results []struct{ RuleID string } }
			}
			text, _, _ = plugin(t, append([]string{"validate", "-o", "sarif"}, files...)...)
			if err := json.Unmarshal([]byte(text), &sarif); err != nil || sarif.Version != "2.1.0" || len(sarif.Runs[0].Results) != len(asJSON.Findings) {
				t.Errorf("SARIF: %v\n%s", err, text)
			}
		})
	}
}

// TestValidateWhatInitWrites: a policy that init writes has nothing wrong.
func TestValidateWhatInitWrites(t *testing.T) {
	written, err := filepath.Glob("testdata/projects/*/*.yaml")
	if err != nil || len(written) < 60 {
		t.Fatalf("%d files: %v", len(written), err)
	}
	if out, _, err := plugin(t, append([]string{"validate"}, written...)...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestValidateExitCodes(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fine := write("compose.yaml", "services: {web: {image: web}}\n")
	needs := write("needs.yaml", "services: {web: {image: \"web:${TAG_OF_WEB:?}\"}}\n")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"fine":                   {[]string{fine}, 0, "0 errors"},
		"errors":                 {[]string{needs}, exitFailed, "TAG_OF_WEB is not set"},
		"given by an env file":   {[]string{needs, write("prod.env", "TAG_OF_WEB=v1\n")}, 0, "0 errors"},
		"a broken env file":      {[]string{fine, write("bad.env", "A='b\n")}, exitFailed, "env-file-invalid"},
		"a BridgeStack":          {[]string{write("bs.yaml", "apiVersion: bridgestack.dev/v1alpha1\nkind: BridgeStack\nmetadata: {name: a}\nspec: {}\n")}, exitFailed, "otherwise the stack has no workload"},
		"no file":                {nil, exitBadInput, "name one"},
		"no such file":           {[]string{filepath.Join(folder, "absent.yaml")}, exitBadInput, "absent.yaml"},
		"no such form":           {[]string{"-o", "xml", fine}, exitBadInput, "json or sarif"},
		"no such flag":           {[]string{"--strict", fine}, exitBadInput, "--strict"},
		"no such .env":           {[]string{"--env-file", filepath.Join(folder, "absent.env"), fine}, exitBadInput, "absent.env"},
		"production is stricter": {[]string{"--production", write("weak.yaml", "services: {db: {image: postgres, environment: {POSTGRES_PASSWORD: postgres}}}\n")}, exitFailed, "weak-secret"},
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := plugin(t, append([]string{"validate"}, c.args...)...)
			if err != nil {
				out += err.Error()
			}
			if exitCode(err) != c.code || !strings.Contains(out, c.says) || strings.Count(strings.TrimSpace(errorText(err)), "\n") > 0 {
				t.Errorf("exit code %d, want %d\n%s\nwant %q", exitCode(err), c.code, out, c.says)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestInitWritesFiles: secrets are kept to their owner and out of commits, and
// only where they were asked for.
func TestInitWritesFiles(t *testing.T) {
	runbook := composeFiles(t, "runbook")
	for _, with := range []bool{false, true} {
		folder := filepath.Join(t.TempDir(), "k8s")
		args := append([]string{"init", "--manifests", "-d", folder}, runbook...)
		if with {
			args = append(args, "--with-secrets")
		}
		if _, _, err := plugin(t, args...); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(folder, "secrets.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(folder, "secrets.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if hasThem := strings.Contains(string(text), "canary-postgres-1907"); hasThem != with {
			t.Errorf("--with-secrets=%t:\n%s", with, text)
		}
		ignored, _ := os.ReadFile(filepath.Join(folder, ".gitignore"))
		if with != strings.Contains(string(ignored), "/secrets.yaml") || with && info.Mode().Perm() != 0o600 {
			t.Errorf("--with-secrets=%t: mode %s, .gitignore %q", with, info.Mode(), ignored)
		}
		others, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
		if err != nil || len(others) < 9 {
			t.Fatalf("%d files: %v", len(others), err)
		}
		for _, path := range others {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Base(path) != "secrets.yaml" && strings.Contains(string(text), "canary") {
				t.Errorf("there is a secret in %s", path)
			}
		}
	}
}
