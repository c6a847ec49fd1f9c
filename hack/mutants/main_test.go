package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const repository = "../.."

// A mutant whose text or test was renamed proves nothing any more, and is seen only
// by who runs them all, which takes most of an hour.
func TestMutantsAreUpToDate(t *testing.T) {
	mutants, err := listed()
	if err != nil {
		t.Fatal(err)
	}
	names, packages := map[string]bool{}, map[string][]string{}
	for _, m := range mutants {
		t.Run(m.Name, func(t *testing.T) {
			if names[m.Name] {
				t.Error("another one has the same name")
			}
			names[m.Name] = true
			if err := m.breaks(); err != nil {
				t.Error(err)
			}
			if _, read := packages[m.Package]; !read {
				if packages[m.Package], err = testsOf(m.Package); err != nil {
					t.Error(err)
				}
			}
			if missing := m.missing(packages[m.Package]); len(missing) > 0 {
				t.Errorf("%s has no test %s", m.Package, strings.Join(missing, ", "))
			}
		})
	}
}

// breaks fails if the mutant is the original, or no Go.
func (m mutant) breaks() error {
	source, err := m.broken(repository)
	if err != nil {
		return err
	}
	if m.Old == m.New {
		return fmt.Errorf("nothing is replaced")
	}
	_, err = parser.ParseFile(token.NewFileSet(), m.File, source, parser.SkipObjectResolution)
	return err
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
			return nil, err
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names, nil
}
