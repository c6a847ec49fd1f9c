// Package docs_test holds what the documents say of the code.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	row      = regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \| (.*) \| (.*) \|$`)
	named    = regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")
	declared = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(t \*testing\.T\)`)
)

// Every finding of the review is mended, with a test that exists, or refuted.
func TestEveryFindingHasATest(t *testing.T) {
	text, err := os.ReadFile("security-findings.md")
	if err != nil {
		t.Fatal(err)
	}
	there := testsOfTheRepository(t)
	rows := row.FindAllStringSubmatch(string(text), -1)
	for i, r := range rows {
		number, became, tests := r[1], strings.TrimSpace(r[3]), named.FindAllStringSubmatch(r[4], -1)
		if number != strconv.Itoa(i+1) {
			t.Fatalf("finding %s stands in place %d", number, i+1)
		}
		if became == "" || strings.HasPrefix(strings.ToLower(became), "open") {
			t.Errorf("finding %s: nothing became of it: %q", number, became)
		}
		if len(tests) == 0 && !strings.HasPrefix(became, "refuted: ") {
			t.Errorf("finding %s: neither a test nor a refutation", number)
		}
		for _, name := range tests {
			if !there[name[1]] {
				t.Errorf("finding %s: there is no test %s", number, name[1])
			}
		}
	}
	if len(rows) != 40 {
		t.Errorf("%d findings, want 40", len(rows))
	}
}

// testsOfTheRepository are the names of all tests of all modules.
func testsOfTheRepository(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, found := range declared.FindAllStringSubmatch(string(code), -1) {
			out[found[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
