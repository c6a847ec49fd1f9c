package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/bridgestack/operator/hack/internal/progress"
)

// stackOf an act: the scenario's, or one of the compose file with the act's faults.
func stackOf(ctx context.Context, o options, a act, printer *progress.Printer) ([]*unstructured.Unstructured, error) {
	if a.faults == nil {
		return render(o.conf, "testdata/"+a.scenario)
	}
	folder, err := os.MkdirTemp("", "stack")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the stack: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // it is the system's to clean up
	project := cmp.Or(a.project, o.project)
	printer.Say("kubectl bridge init %s --manifests --with-secrets --ephemeral -d k8s", filepath.Base(project))
	if err := initStack(ctx, project, folder); err != nil {
		return nil, err
	}
	if err := addFaults(o.conf, folder, a.faults); err != nil {
		return nil, err
	}
	return render(folder, "")
}

// initStack runs the plugin of this checkout.
func initStack(ctx context.Context, project, folder string) error {
	absolute, err := filepath.Abs(project)
	if err != nil {
		return fmt.Errorf("find %s: %w", project, err)
	}
	command := exec.CommandContext(ctx, "go", "run", "./cmd/kubectl-bridge", "init", absolute, "--manifests", "--with-secrets", "--ephemeral", "--output-directory", folder)
	command.Dir = ".."
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("make manifests of %s: %w: %s", project, err, out)
	}
	return nil
}

// addFaults makes a kustomization of the files, with components that break them.
func addFaults(conf, folder string, faults []string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return err
	}
	k := map[string]any{"resources": bases(files)}
	var components []string
	for _, f := range faults {
		path, err := relative(folder, filepath.Join(conf, "testdata/components", f))
		if err != nil {
			return err
		}
		components = append(components, path)
	}
	k["components"] = components
	text, err := yaml.Marshal(k)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "kustomization.yaml"), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the kustomization: %w", err)
	}
	return nil
}

func bases(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = filepath.Base(p)
	}
	return out
}

// relative is the way from a folder to a path, as kustomize wants it.
func relative(folder, path string) (string, error) {
	from, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", folder, err)
	}
	to, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", path, err)
	}
	return filepath.Rel(from, to)
}
