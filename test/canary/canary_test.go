package canary

import (
	"strings"
	"testing"
)

// Whatever way a canary is written in, it is found.
func TestFindsEachWay(t *testing.T) {
	f := New()
	value := f.Of("a test")
	for i, way := range Ways(value) {
		if find(viewsOf("tried "+way+" at the server: 100% refused"), value) == "" {
			t.Errorf("way %d is not found: %s", i, way)
		}
	}
	for _, harmless := range []string{"", "[redacted]", strings.Repeat("an ordinary message of a server; ", 50), value[:6]} {
		if at := find(viewsOf(harmless), value); at != "" {
			t.Errorf("found in %q", harmless)
		}
	}
}
