package observe

import (
	"strings"
	"testing"
)

// The cases are those of the kubelet's documentation and of its tests'
// subjects: closed and open references, escapes, nesting, unknown names.
func TestExpand(t *testing.T) {
	values := map[string]string{"A": "a", "B": "b", "EMPTY": "", "NESTED": "$(A)", "A.B-C": "dotted"}
	for text, want := range map[string]string{
		"":                  "",
		"plain":             "plain",
		"$(A)":              "a",
		"x$(A)y$(B)z":       "xaybz",
		"$(A)$(A)":          "aa",
		"$(EMPTY)":          "",
		"[$(EMPTY)]":        "[]",
		"$(UNKNOWN)":        "$(UNKNOWN)",
		"$(A.B-C)":          "dotted",
		"$$(A)":             "$(A)",
		"$$$(A)":            "$a",
		"$$$$(A)":           "$$(A)",
		"$$":                "$",
		"$$A":               "$A",
		"$A":                "$A",
		"$":                 "$",
		"a$":                "a$",
		"$(A":               "$(A",
		"$(":                "$(",
		"$()":               "$()",
		"$(A)$(":            "a$(",
		"$(NESTED)":         "$(A)", // what is put in is not expanded again
		"$($(A))":           "$($(A))",
		"$(A$(B))":          "$(A$(B))",
		"${A}":              "${A}",
		"`$(A)`":            "`a`",
		"p@$$word$(B)":      "p@$wordb",
		"postgres://$(A):5": "postgres://a:5",
	} {
		got := expand(text, func(name string) (string, bool) { v, ok := values[name]; return v, ok })
		if got != want {
			t.Errorf("expand(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"$(A)", "$$(A)", "$(A", "$", "a$$b$(B)c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		unknown := expand(text, func(string) (string, bool) { return "", false })
		if !strings.Contains(text, "$$") && unknown != text {
			t.Errorf("without an escape and a known name %q became %q", text, unknown)
		}
		if strings.Count(text, "$") < strings.Count(unknown, "$") {
			t.Errorf("%q grew dollar signs: %q", text, unknown)
		}
	})
}
