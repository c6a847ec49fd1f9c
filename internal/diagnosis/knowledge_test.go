package diagnosis

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// TestKnowledge: each entry has a name of its own and a source, is found in its
// example, and is not found in what only looks like it.
func TestKnowledge(t *testing.T) {
	ids := map[string]bool{}
	well := regexp.MustCompile(`^[a-z0-9]+(?:-[a-z0-9]+)*$`)
	for _, k := range sources {
		for _, s := range k.signatures {
			t.Run(s.id, func(t *testing.T) {
				switch {
				case !well.MatchString(s.id) || ids[s.id]:
					t.Errorf("id %q is not unique, or not in lower case with hyphens", s.id)
				case k.source == "" && s.source == "":
					t.Error("no source")
				case s.cause == "" && s.fault == faultNone && s.codes == "":
					t.Error("neither a cause nor a fault nor codes")
				}
				ids[s.id] = true
				if s.match == "" || !says(s.id, s.match) {
					t.Errorf("not found in its example: %q", s.match)
				}
				if s.not == "" || says(s.id, s.not) {
					t.Errorf("found in what it should not be: %q", s.not)
				}
			})
		}
	}
}

// says tells whether a signature is found in a log.
func says(id, log string) bool {
	c := ended(1, "Error", "")
	c.Env.Variables = map[string]evidence.Variable{
		"SHOP_CONFIG": {Name: "SHOP_CONFIG", Value: "/app/shop.py"},
		"WORKERS":     {Name: "WORKERS", Value: "many"}, "CACHE_TTL": {Name: "CACHE_TTL", Value: "soon"}, "API_URL": {Name: "API_URL", Value: "pricing"},
	}
	for _, k := range read(c, []byte(log)).clues {
		if k.id == id {
			return true
		}
	}
	return false
}

// TestCauses: what the API lists and what is known of causes are the same, and
// no cause is without a meaning and a next step.
func TestCauses(t *testing.T) {
	if len(causes) != len(v1alpha1.Causes) {
		t.Errorf("%d entries for %d causes", len(causes), len(v1alpha1.Causes))
	}
	for _, cause := range v1alpha1.Causes {
		if Meaning(cause) == "" || Advice(cause) == "" {
			t.Errorf("%s: meaning %q, advice %q", cause, Meaning(cause), Advice(cause))
		}
		if StageOf(cause) == 0 && cause != v1alpha1.CauseUnknown { // it would count as earlier than every other one
			t.Errorf("%s has no stage", cause)
		}
	}
}

// TestEveryCauseIsTested: some test or document expects each cause.
func TestEveryCauseIsTested(t *testing.T) {
	expected := map[v1alpha1.Cause]bool{}
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	own, err := filepath.Glob("testdata/own/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, own...) {
		for _, d := range documents(t, file) {
			expected[d.Cause] = true
		}
	}
	tests, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`v1alpha1\.Cause([A-Z]\w+)`)
	for _, file := range tests {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range name.FindAllStringSubmatch(string(text), -1) {
			expected[v1alpha1.Cause(strings.Replace(m[1], "API", "Api", 1))] = true
		}
	}
	for _, cause := range v1alpha1.Causes {
		if !expected[cause] {
			t.Errorf("no test and no document expects %s", cause)
		}
	}
}

// TestLinesAreNarrow: what is known can be reviewed on a screen.
func TestLinesAreNarrow(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasPrefix(file, "signatures_") && file != "causes.go" && file != "fragments.go" {
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		scanner := bufio.NewScanner(f)
		for n := 1; scanner.Scan(); n++ {
			// A tab is shown four columns wide.
			if line := strings.ReplaceAll(scanner.Text(), "\t", "    "); len([]rune(line)) > 120 {
				t.Errorf("%s:%d: %d columns, want at most 120", file, n, len([]rune(line)))
			}
		}
		_ = f.Close() // only read
	}
}

// TestGuesses: each guess has a name of its own, is found in its example, and not in what
// only looks like it.
func TestGuesses(t *testing.T) {
	found := func(id, text string) bool {
		for _, g := range guesser() {
			if g.id == id {
				return g.words.MatchString(text) && (g.unless == nil || !g.unless.MatchString(text))
			}
		}
		return false
	}
	ids := map[string]bool{}
	for _, g := range guesses {
		t.Run(g.id, func(t *testing.T) {
			if ids[g.id] {
				t.Error("the id is not unique")
			}
			ids[g.id] = true
			if g.match == "" || !found(g.id, g.match) {
				t.Errorf("not found in its example: %q", g.match)
			}
			if g.not == "" || found(g.id, g.not) {
				t.Errorf("found in what it should not be: %q", g.not)
			}
		})
	}
}
