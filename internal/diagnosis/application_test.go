package diagnosis

import (
	"regexp"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestPhrases: each phrase is found in its example, and not in what only looks like it.
func TestPhrases(t *testing.T) {
	for name, phrases := range map[string][]phrase{"fatal": fatalPhrases, "wrapper": wrapperPhrases, "goodbye": goodbyePhrases} {
		for _, p := range phrases {
			t.Run(name+"/"+p.words, func(t *testing.T) {
				words := regexp.MustCompile(`(?i)` + p.words)
				if !words.MatchString(p.match) {
					t.Errorf("not found in %q", p.match)
				}
				if p.not == "" || words.MatchString(p.not) {
					t.Errorf("found in %q", p.not)
				}
			})
		}
	}
}

// TestFirstComplaintIsQuoted: what is told of an error of the program's own is the first
// complaint of its last record, not the tail of it.
func TestFirstComplaintIsQuoted(t *testing.T) {
	for name, tc := range map[string]struct{ log, want string }{
		"advice below":           {"starting\nError: the tariff of region 7 is not in the catalogue\nThe importer cannot go on without it, see the manual\n", "the tariff of region 7 is not in the catalogue"},
		"records before":         {"2026-12-01 09:00:00 ERROR order 4 failed\n2026-12-01 09:00:01 ERROR the catalogue is inconsistent\n  region 7 is missing\n  the import failed\n", "the catalogue is inconsistent"},
		"another block above":    {"error: order 4 was rejected by its owner\n\nerror: the catalogue is inconsistent\nimport failed\n", "the catalogue is inconsistent"},
		"one line":               {"starting\nimporter: the catalogue is inconsistent, giving up\n", "the catalogue is inconsistent"},
		"a calm line in between": {"error: order 4 was odd\nimporting regions\nerror: the catalogue is inconsistent\n", "the catalogue is inconsistent"},
	} {
		t.Run(name, func(t *testing.T) {
			c := ended(1, "Error", "")
			c.Log.Previous = []byte(tc.log)
			found := Diagnose(c)
			if found.Cause != v1alpha1.CauseApplicationError {
				t.Fatalf("%s: %s", found.Cause, found.Message)
			}
			if !regexp.MustCompile(regexp.QuoteMeta(tc.want)).MatchString(found.Message) {
				t.Errorf("%q does not quote %q", found.Message, tc.want)
			}
		})
	}
}
