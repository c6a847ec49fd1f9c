package compose

import (
	"fmt"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/template"
)

func TestParts(t *testing.T) {
	env := map[string]string{"PW": "s3", "NAME": "shop"}
	for written, want := range map[string]string{
		"plain":                         "plain",
		"postgres://a:${PW}@db/${N:-d}": "postgres://a:[PW=s3]@db/[N=d]",
		"$PW-$$PW$${PW}":                "[PW=s3]-$PW${PW}",
		"${A:-${B:-${NAME}}}":           "[A,B,NAME=shop]",
		"${PW:+is set}":                 "[PW=is set]",
		"${REQUIRED:?why}x":             "[REQUIRED=]x",
		"a$":                            "a$",
		"":                              "",
	} {
		var got strings.Builder
		for _, p := range Parts(written, env) {
			if p.IsVariable() {
				fmt.Fprintf(&got, "[%s=%s]", strings.Join(p.Variables, ","), p.Text)
			} else {
				got.WriteString(p.Text)
			}
		}
		if got.String() != want {
			t.Errorf("%s: %s, want %s", written, got.String(), want)
		}
	}
}

// FuzzParts: whatever is written, the parts joined are what the library makes of it.
func FuzzParts(f *testing.F) {
	for _, written := range []string{"postgres://a:${PW}@db/${N:-d}", "$PW-$$PW$${PW}", "${A:-${B:-$C}}", "${A", "$", "$$$A", "${A:-}}", "${A:-{}}", "$1${1}", "${A-$$}"} {
		f.Add(written, "value")
	}
	f.Fuzz(func(t *testing.T, written, value string) {
		env := map[string]string{"A": value, "PW": "s3"}
		want, err := template.SubstituteWithOptions(written, func(name string) (string, bool) { v, ok := env[name]; return v, ok }, template.WithoutLogging)
		if err != nil || len(written) > 1000 {
			return // then there is no value
		}
		var got strings.Builder
		for _, p := range Parts(written, env) {
			got.WriteString(p.Text)
		}
		if got.String() != want {
			t.Errorf("%q: %q, want %q", written, got.String(), want)
		}
	})
}
