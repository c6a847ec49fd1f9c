package availability

import (
	"testing"
	"time"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// Many pods take their time to be made: as long as some come, none is overdue.
func TestMissingSince(t *testing.T) {
	var m missing
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	for i, step := range []struct {
		pods  int32
		since time.Time
	}{{5, at(0)}, {5, at(0)}, {4, at(2)}, {4, at(2)}, {5, at(2)}, {0, time.Time{}}, {1, at(6)}} {
		if got := m.since("a", step.pods, at(i)); !got.Equal(step.since) {
			t.Errorf("step %d: since %s, want %s", i, got, step.since)
		}
	}
	if m.forget("a"); len(m.at) != 0 {
		t.Errorf("it is not forgotten: %v", m.at)
	}
}
