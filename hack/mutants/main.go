// Command mutants tests the tests: it breaks one thing of the operator at a
// time, in a copy, and expects the tests that are named for it to fail. The
// checkout itself is never changed. Run it from hack/:
//
//	KUBEBUILDER_ASSETS=$(go run ./cluster binaries) go run ./mutants [-run regexp] [-at-once n]
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
	"runtime"
	"slices"
	"strings"
	"sync"
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
	atOnce := flag.Int("at-once", runtime.NumCPU(), "how many are tried at the same time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *only, *atOnce); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, only string, atOnce int) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("reading -run: %w", err)
	}
	mutants, err := readMutants()
	if err != nil {
		return err
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	counts, results := map[verdict]int{}, tryAll(ctx, root, slices.DeleteFunc(mutants, func(m mutant) bool { return !wanted.MatchString(m.Name) }), atOnce)
	for r := range results {
		counts[r.verdict]++
		fmt.Printf("%-8s %-60s %s (%s)\n", r.verdict, r.Name, r.Tests, r.took.Round(time.Second))
		if r.verdict == invalid {
			fmt.Println(r.output)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Printf("%d mutants: %d caught, %d survived, %d invalid\n", counts[caught]+counts[survived]+counts[invalid], counts[caught], counts[survived], counts[invalid])
	if counts[survived]+counts[invalid] > 0 || counts[caught] == 0 {
		return errors.New("the tests do not notice everything")
	}
	return nil
}

// readMutants reads the list.
func readMutants() ([]mutant, error) {
	var mutants []mutant
	if err := yaml.UnmarshalStrict(list, &mutants); err != nil {
		return nil, fmt.Errorf("reading the list: %w", err)
	}
	return mutants, nil
}

// result of a mutant's trial.
type result struct {
	mutant
	verdict verdict
	output  string
	took    time.Duration
}

// tryAll tries some at once: the tests wait more than they work. The results come
// as they are there, and end with the last one or with the context.
func tryAll(ctx context.Context, root string, mutants []mutant, atOnce int) <-chan result {
	next, results := make(chan mutant), make(chan result)
	var work sync.WaitGroup
	for range atOnce {
		work.Go(func() {
			for m := range next {
				begin := time.Now()
				if v, output := try(ctx, root, m); ctx.Err() == nil {
					results <- result{m, v, output, time.Since(begin)}
				}
			}
		})
	}
	go func() {
		for _, m := range mutants {
			next <- m
		}
		close(next)
		work.Wait()
		close(results)
	}()
	return results
}

// try runs the tests against the mutant: go's overlay puts the broken file in
// the original's place.
func try(ctx context.Context, root string, m mutant) (verdict, string) {
	directory, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return invalid, err.Error()
	}
	defer func() { _ = os.RemoveAll(directory) }()
	overlay, err := plant(directory, root, m)
	if err != nil {
		return invalid, err.Error()
	}
	binary := filepath.Join(directory, "tests")
	if output, err := execute(ctx, root, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, m.Package); err != nil {
		return invalid, output // it does not compile: that would prove nothing
	}
	output, err := execute(ctx, filepath.Join(root, m.Package), binary, "-test.run", m.Tests, "-test.failfast", "-test.timeout", "5m")
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

// broken is the mutant's file with the text replaced.
func (m mutant) broken(root string) (string, error) {
	source, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.Old); n != 1 {
		return "", fmt.Errorf("%s holds the text to be replaced %d times, not once", m.File, n)
	}
	return strings.Replace(string(source), m.Old, m.New, 1), nil
}

// plant writes the mutant, and the overlay that says where it belongs.
func plant(directory, root string, m mutant) (overlay string, err error) {
	source, err := m.broken(root)
	if err != nil {
		return "", err
	}
	file := filepath.Join(directory, filepath.Base(m.File))
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, m.File): file}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(directory, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}

func execute(ctx context.Context, directory, name string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = directory
	output, err := command.CombinedOutput()
	return string(output), err
}
