package compose

import "testing"

func TestWritten(t *testing.T) {
	p, err := load(t, Options{Environment: map[string]string{"PW": "from outside"}},
		"x-env: &env {MERGED: m=1}\nservices:\n  a:\n    image: a\n    environment: {<<: *env, PASSWORD: \"${PW}\", EMPTY: }\n  b:\n    image: b\n    environment: [\"LISTED=x=${PW}\", BARE]\n",
		"services:\n  b:\n    environment: [LISTED=over]\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		service, variable, want string
		found                   bool
	}{
		{"a", "PASSWORD", "${PW}", true}, {"a", "MERGED", "m=1", true}, {"a", "EMPTY", "", false}, {"a", "OTHER", "", false},
		{"b", "LISTED", "over", true}, {"b", "BARE", "", false},
	} {
		if got, found := p.Written("services", c.service, "environment", c.variable); got != c.want || found != c.found {
			t.Errorf("%s.%s: %q, %t", c.service, c.variable, got, found)
		}
	}
}
