package diagnosis

import (
	"strings"
	"testing"
	"time"
)

// TestHostileLogs: no log takes long, whatever is in it. The bounds are wide,
// for busy machines; what they catch is work that grows with the square of a log.
func TestHostileLogs(t *testing.T) {
	for name, log := range map[string]string{
		"frames without an end": strings.Repeat("\tat connection refused 10.0.0.1:5432\n", 64<<10/37),
		"exceptions":            strings.Repeat("Error: connect ECONNREFUSED 10.0.0.1:5432\n", 64<<10/42),
		"one long line":         strings.Repeat("connection refused 10.0.0.1:5432 ", 1<<20/33),
		"brackets":              strings.Repeat("{[\"", 64<<10/3) + " connection refused",
		"colours":               strings.Repeat("\x1b[31m", 64<<10/5) + " connection refused",
		"tracebacks":            strings.Repeat("Traceback (most recent call last):\n  File \"x\"\nKeyError: 'A_B'\n\nDuring handling of the above exception, another exception occurred:\n\n", 64<<10/130),
		"huge":                  strings.Repeat("2026-11-24T10:00:00Z INFO GET /api/v1/orders 200 13ms\n", 20<<20/54) + "FATAL: password authentication failed for user \"x\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := ended(1, "Error", "")
			c.Log.Previous = []byte(log)
			start := time.Now()
			f := Diagnose(c)
			took := time.Since(start)
			t.Logf("%s in %s", f.Cause, took)
			if took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}
