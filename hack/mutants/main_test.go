package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const repository = "../.."

// A mutant whose text or test has been renamed, or which does not compile any more,
// proves nothing. Without this only a run of them all tells, which takes a quarter of
// an hour and more.
func TestMutantsAreUpToDate(t *testing.T) {
	mutants, err := readMutants()
	if err != nil {
		t.Fatal(err)
	}
	compiles := typeChecker(t)
	names, tests := map[string]bool{}, map[string][]string{}
	for _, m := range mutants {
		t.Run(m.Name, func(t *testing.T) {
			if names[m.Name] {
				t.Error("another one has the same name")
			}
			names[m.Name] = true
			if err := compiles(m); err != nil {
				t.Error(err)
			}
			if _, read := tests[m.Package]; !read {
				if tests[m.Package], err = testsOf(m.Package); err != nil {
					t.Error(err)
				}
			}
			if missing := m.missing(tests[m.Package]); len(missing) > 0 {
				t.Errorf("%s has no test %s", m.Package, strings.Join(missing, ", "))
			}
		})
	}
}

// typeChecker checks a package that has a mutant in it, against its compiled imports.
func typeChecker(t *testing.T) func(mutant) error {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-export", "-f", "{{.ImportPath}}={{.Export}}", "./...")
	list.Dir = repository
	var stderr bytes.Buffer
	list.Stderr = &stderr
	output, err := list.Output()
	if err != nil {
		t.Fatalf("compiling the operator: %v\n%s", err, &stderr)
	}
	compiled := map[string]string{}
	for line := range strings.Lines(string(output)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		compiled[path] = file
	}
	files := token.NewFileSet()
	imports := importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(compiled[path]) })
	return func(m mutant) error {
		if m.Old == m.New {
			return errors.New("nothing is replaced")
		}
		source, err := m.broken(repository)
		if err != nil {
			return err
		}
		directory := filepath.Join(repository, filepath.Dir(m.File))
		p, err := build.ImportDir(directory, 0)
		if err != nil {
			return err
		}
		var parsed []*ast.File
		for _, name := range p.GoFiles {
			var text any // nil is what the file holds
			if name == filepath.Base(m.File) {
				text = source
			}
			file, err := parser.ParseFile(files, filepath.Join(directory, name), text, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			parsed = append(parsed, file)
		}
		_, err = (&types.Config{Importer: imports}).Check(m.File, files, parsed, nil)
		return err
	}
}

// missing are those of the mutant's tests that are none of these. What a pattern
// says of subtests is left to a run.
func (m mutant) missing(tests []string) []string {
	first, _, _ := strings.Cut(m.Tests, "/")
	return slices.DeleteFunc(strings.Split(first, "|"), func(pattern string) bool {
		name, err := regexp.Compile(pattern)
		return err == nil && pattern != "" && slices.ContainsFunc(tests, name.MatchString)
	})
}

// testsOf are the names of a package's tests, as a build without tags has them.
func testsOf(directory string) ([]string, error) {
	directory = filepath.Join(repository, directory)
	p, err := build.ImportDir(directory, 0)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(directory, file), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("reading the tests of %s: %w", directory, err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names, nil
}
