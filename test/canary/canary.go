// Package canary has values for tests to put wherever a secret may stand, one for
// each such place, and finds them again in whatever was written, however it is
// written there.
package canary

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Flock is the canaries of a test, and what was searched for them. It is safe for
// concurrent use.
type Flock struct {
	mu sync.Mutex
	// roles by canary.
	roles map[string]string
	// outputs are how many texts of each were searched, and bytes how long they were.
	outputs map[string]int
	bytes   int
	leaks   map[string]string
}

// New makes a flock.
func New() *Flock {
	return &Flock{roles: map[string]string{}, outputs: map[string]int{}, leaks: map[string]string{}}
}

// length of a canary, in characters.
const length = 18

// Of is the canary of a role, such as "the password of a URL": letters and digits,
// the same each time.
func (f *Flock) Of(role string) string {
	sum := sha256.Sum256([]byte(role))
	value := "k7" + strings.NewReplacer("+", "", "/", "", "=", "").Replace(base64.StdEncoding.EncodeToString(sum[:]))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.roles[value[:length]] = role
	return value[:length]
}

// Ways are texts in which programs write a value.
func Ways(value string) []string {
	b64 := base64.StdEncoding.EncodeToString
	var escaped, percent, octal strings.Builder
	for _, c := range []byte(value) {
		fmt.Fprintf(&escaped, `\u%04x`, c)
		fmt.Fprintf(&percent, "%%%02X", c)
		fmt.Fprintf(&octal, `\%03o`, c)
	}
	return []string{
		value, b64([]byte(value)), b64([]byte("u" + value)), b64([]byte("me" + value)), b64([]byte("app:" + value)),
		base64.RawURLEncoding.EncodeToString([]byte(value)), hex.EncodeToString([]byte(value)), strings.ToUpper(value),
		escaped.String(), percent.String(), octal.String(), strconv.Quote(value), fmt.Sprintf("%d", []byte(value)),
		strings.Join(strings.Split(value, ""), " "), value[:7] + "\n    " + value[7:], `"` + value[:8] + `" + "` + value[8:] + `"`,
		"postgres://app:" + value + "@db:5432/shop",
	}
}

// Search a text that an output, such as "events", was given.
func (f *Flock) Search(output, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outputs[output]++
	f.bytes += len(text)
	views := viewsOf(text)
	for value, role := range f.roles {
		if at := find(views, value); at != "" && f.leaks[output+": "+role] == "" {
			f.leaks[output+": "+role] = at
		}
	}
}

// viewsOf a text are what a reader can make of it.
func viewsOf(text string) []string {
	unescaped := html.UnescapeString(text)
	if plain, err := url.QueryUnescape(percents.ReplaceAllString(unescaped, "%25")); err == nil {
		unescaped = plain
	}
	for _, e := range []struct {
		form *regexp.Regexp
		base int
	}{{unicodes, 16}, {octals, 8}} {
		unescaped = e.form.ReplaceAllStringFunc(unescaped, func(m string) string {
			n, err := strconv.ParseUint(strings.TrimLeft(m, `\ux`), e.base, 8)
			if err != nil {
				return m
			}
			return string(rune(n))
		})
	}
	compact := strings.Join(strings.Fields(text), "")
	return []string{compact, squeezed(text), squeezed(unescaped)}
}

var (
	// percents are those that are no escapes.
	percents = regexp.MustCompile(`%(?:[^0-9a-fA-F]|[0-9a-fA-F][^0-9a-fA-F]|.?$)`)
	unicodes = regexp.MustCompile(`\\u00[0-9a-fA-F]{2}`)
	octals   = regexp.MustCompile(`\\[0-3][0-7]{2}`)
)

// squeezed are a text's letters and digits, in lower case.
func squeezed(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		}
		return -1
	}, text)
}

// part of a canary that counts as found, in characters.
const part = 8

func find(views []string, value string) string {
	for i := 0; i+part <= len(value); i++ {
		for _, v := range views[1:] {
			if at := strings.Index(v, strings.ToLower(value[i:i+part])); at >= 0 {
				return around(v, at)
			}
		}
	}
	for shift := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + value))
		encoded = encoded[(shift*8+5)/6 : len(encoded)-2]
		if at := strings.Index(views[0], encoded); at >= 0 {
			return around(views[0], at)
		}
	}
	if at := strings.Index(views[1], hex.EncodeToString([]byte(value))); at >= 0 {
		return around(views[1], at)
	}
	decimals := squeezed(fmt.Sprintf("%d", []byte(value)))
	if at := strings.Index(views[1], decimals); at >= 0 {
		return around(views[1], at)
	}
	return ""
}

func around(text string, at int) string {
	return text[max(0, at-60):min(len(text), at+60)]
}

// Report fails the test for each canary that was found, and says how much was
// searched. want are the outputs that must have been written at all.
func (f *Flock) Report(t testing.TB, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, output := range want {
		if f.outputs[output] == 0 {
			t.Errorf("nothing was written as %s: there was nothing to search", output)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(f.leaks)) {
		t.Errorf("security: leaked, %s: ...%s...", what, f.leaks[what])
	}
	texts := 0
	for _, n := range f.outputs {
		texts += n
	}
	t.Logf("security: canaries in %d places, %d outputs (%d texts, %d KiB) searched, %d leaked: %s", len(f.roles), len(f.outputs), texts, f.bytes>>10, len(f.leaks),
		strings.Join(slices.Sorted(maps.Keys(f.outputs)), ", "))
}
