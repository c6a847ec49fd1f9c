package text

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClip(t *testing.T) {
	for name, c := range map[string]struct {
		text     string
		maxBytes int
		clipped  string
	}{
		"fits":                        {"short", 5, "short"},
		"ASCII":                       {"postgres is down", 11, "postgres..."},
		"a character across the end":  {"aä日本語", 9, "aä日..."},
		"a character ends at the end": {"日本語日本語", 9, "日本..."},
		"a surrogate pair's worth":    {"ab😀😀", 8, "ab..."},
		"nothing fits":                {"日本語", 2, ".."},
		"no room at all":              {"text", 0, ""},
		"less than none":              {"text", -1, ""},
		"not UTF-8":                   {"a\xffb", 10, "a\uFFFDb"},
		"not UTF-8, and cut":          {"\xffa\xffa", 4, "..."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Clip(c.text, c.maxBytes); got != c.clipped {
				t.Errorf("got %q, want %q", got, c.clipped)
			}
		})
	}
}

// FuzzClip: the result fits, is valid, is clipped no further by another round,
// and comes back from JSON as it went in: a status that does not would be
// written again in every round.
func FuzzClip(f *testing.F) {
	f.Add("aä日本語😀", 7)
	f.Add("\xff\xfe", 3)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, s string, maxBytes int) {
		got := Clip(s, maxBytes)
		if len(got) > max(0, maxBytes) || !utf8.ValidString(got) {
			t.Fatalf("%d bytes in %q", len(got), got)
		}
		if Clip(got, maxBytes) != got {
			t.Fatalf("clipped again: %q", Clip(got, maxBytes))
		}
		stored, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var read string
		if err := json.Unmarshal(stored, &read); err != nil || read != got {
			t.Fatalf("stored %q, read %q: %v", got, read, err)
		}
		if body, cut := strings.CutSuffix(got, ellipsis); cut && !strings.HasPrefix(strings.ToValidUTF8(s, "\uFFFD"), body) {
			t.Fatalf("%q is no beginning of %q", body, s)
		}
	})
}

func TestWords(t *testing.T) {
	if got := OneLine("  two\n\tlines \u2028 here "); got != "two lines here" {
		t.Errorf("one line: %q", got)
	}
	if got := AsClause("It failed. "); got != "It failed" {
		t.Errorf("clause: %q", got)
	}
	for in, want := range map[string]string{"": "", "über": "Über", "ask": "Ask", "日本": "日本", "\xff": "\xff"} {
		if got := AsSentence(in); got != want {
			t.Errorf("sentence: %q", got)
		}
	}
}
