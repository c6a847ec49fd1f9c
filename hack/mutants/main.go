// Command mutants tests the tests: it breaks one thing of the operator at a
// time, in a copy, and expects the tests that are named for it to fail. The
// checkout itself is never changed. Run it from hack/:
//
//	KUBEBUILDER_ASSETS=$(go run ./cluster binaries) go run ./mutants [-run regexp]
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

//go:embed mutants.yaml
var list []byte

// mutant is one thing to be broken.
type mutant struct {
	// Name says what is broken.
	Name string `json:"name"`
	// File in the repository, and the text in it that becomes another one. The
	// text must be there exactly once.
	File string `json:"file"`
	Old  string `json:"old"`
	New  string `json:"new"`
	// Package and Tests, as go test -run takes them, that must notice.
	Package string `json:"package"`
	Tests   string `json:"tests"`
}

// verdict on a mutant.
type verdict string

const (
	caught   verdict = "caught"
	survived verdict = "SURVIVED"
	invalid  verdict = "INVALID"
)

func main() {
	only := flag.String("run", "", "only mutants whose name matches this regular expression")
	root := flag.String("root", "..", "the repository")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, only string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("reading -run: %w", err)
	}
	var mutants []mutant
	if err := yaml.UnmarshalStrict(list, &mutants); err != nil {
		return fmt.Errorf("reading the list: %w", err)
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	counts := map[verdict]int{}
	for _, m := range mutants {
		if !wanted.MatchString(m.Name) {
			continue
		}
		begin := time.Now()
		v, output := try(ctx, root, m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		counts[v]++
		fmt.Printf("%-8s %-60s %s (%s)\n", v, m.Name, m.Tests, time.Since(begin).Round(time.Second))
		if v == invalid {
			fmt.Println(output)
		}
	}
	fmt.Printf("%d mutants: %d caught, %d survived, %d invalid\n", counts[caught]+counts[survived]+counts[invalid], counts[caught], counts[survived], counts[invalid])
	if counts[survived]+counts[invalid] > 0 || counts[caught] == 0 {
		return errors.New("the tests do not notice everything")
	}
	return nil
}

// try runs the tests against the mutant: go's overlay puts the broken file in
// the original's place.
func try(ctx context.Context, root string, m mutant) (verdict, string) {
	directory, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return invalid, err.Error()
	}
	defer func() { _ = os.RemoveAll(directory) }()
	overlay, err := plant(directory, filepath.Join(root, m.File), m)
	if err != nil {
		return invalid, err.Error()
	}
	if output, err := goTest(ctx, root, "-overlay", overlay, "-run", "^$", m.Package); err != nil {
		return invalid, output // it does not compile: that would prove nothing
	}
	output, err := goTest(ctx, root, "-overlay", overlay, "-run", m.Tests, "-failfast", "-timeout", "5m", m.Package)
	switch {
	case strings.Contains(output, "no tests to run"):
		return invalid, output
	case err == nil:
		return survived, output
	case !strings.Contains(output, "--- FAIL"):
		return invalid, output
	}
	return caught, output
}

// plant writes the mutant, and the overlay that says where it belongs.
func plant(directory, file string, m mutant) (overlay string, err error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.Old); n != 1 {
		return "", fmt.Errorf("%s holds the text to be replaced %d times, not once", m.File, n)
	}
	broken := filepath.Join(directory, filepath.Base(file))
	if err := os.WriteFile(broken, []byte(strings.Replace(string(source), m.Old, m.New, 1)), 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{file: broken}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(directory, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}

func goTest(ctx context.Context, root string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1", "-vet=off"}, arguments...)...)
	command.Dir = root
	output, err := command.CombinedOutput()
	return string(output), err
}
