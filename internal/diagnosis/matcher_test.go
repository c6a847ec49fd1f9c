package diagnosis

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bridgestack/operator/internal/logscan"
)

// TestMatcherIsTheExpression: what a Matcher makes of each signature's patterns
// says of lines of the corpus what the regular expression says.
func TestMatcherIsTheExpression(t *testing.T) {
	var lines []string
	for i, d := range documents(t, "testdata/dev.jsonl") {
		for j, line := range strings.Split(d.Log, "\n") {
			if (i+j)%199 == 0 && len(line) < 2<<10 {
				// The words of a line stand at its front, too, and behind what is not ASCII.
				lines = append(lines, line, strings.ToUpper(line), "é"+line)
			}
		}
	}
	matched := 0
	for _, s := range signatures().signatures {
		for _, pattern := range slices.Concat(s.words, s.signature.within, s.unless) {
			matcher, want := logscan.MustMatcher(pattern), regexp.MustCompile(pattern)
			for _, line := range lines {
				is := want.MatchString(line)
				if matcher.MatchString(line) != is {
					t.Errorf("%q: %t, want %t for %q", pattern, !is, is, line)
				}
				if is {
					matched++
				}
			}
		}
	}
	if t.Logf("%d lines, %d matches", len(lines), matched); matched < 1000 {
		t.Error("too few lines match to tell anything")
	}
}
