package observe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/evidence"
)

var at10 = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

func told(uid, message string, last time.Time) evidence.Event {
	return evidence.Event{About: evidence.ObjectReference{Kind: "Pod", UID: uid}, Reason: "Killing", Message: message, Count: 1, Last: last}
}

func TestEventMemory(t *testing.T) {
	var m eventMemory
	news := func(name string, e evidence.Event, counted bool) bool {
		news, again := m.put("shop", name, e)
		return news && again == counted
	}
	if !news("b", told("api", "second", at10.Add(time.Minute)), false) || !news("a", told("api", "first", at10), false) {
		t.Error("what was not known is no news")
	}
	if news, _ := m.put("shop", "a", told("api", "first", at10)); news {
		t.Error("what is known is news")
	}
	again := told("api", "first", at10.Add(time.Hour))
	again.Count = 7
	if !news("a", again, true) {
		t.Error("a count is no news")
	}
	m.put("shop", "c", told("web", "of another", at10))
	m.put("else", "a", told("api", "of another namespace under the same UID", at10))
	got := m.about("shop", "api")
	if len(got) != 2 || got[0].Message != "second" || got[1].Message != "first" || got[1].Count != 7 {
		t.Errorf("got %+v, want the two on the object, that which was counted up last", got)
	}
}

// The newest of an object stay, and one message fills no memory.
func TestEventMemoryOfOneObject(t *testing.T) {
	var m eventMemory
	for i := range 3 * maxRememberedOfIt {
		m.put("shop", fmt.Sprint(i), told("api", strings.Repeat("x", 100_000), at10.Add(time.Duration(i)*time.Second)))
	}
	got := m.about("shop", "api")
	if len(got) != maxRememberedOfIt || !got[0].Last.Equal(at10.Add(2*maxRememberedOfIt*time.Second)) {
		t.Errorf("%d are remembered from %s on", len(got), got[0].Last)
	}
	if len(got[0].Message) > maxEventText {
		t.Errorf("a message of %d bytes is kept", len(got[0].Message))
	}
}

// Nor do the other words of an event, which the API server does not bound.
func TestEventMemoryTakesNoLongWords(t *testing.T) {
	var m eventMemory
	long := strings.Repeat("x", 1<<20)
	for what, set := range map[string]func(*evidence.Event){
		"uid":       func(e *evidence.Event) { e.About.UID = long },
		"name":      func(e *evidence.Event) { e.About.Name = long },
		"kind":      func(e *evidence.Event) { e.About.Kind = long },
		"namespace": func(e *evidence.Event) { e.About.Namespace = long },
		"reason":    func(e *evidence.Event) { e.Reason = long },
		"type":      func(e *evidence.Event) { e.Type = long },
		"container": func(e *evidence.Event) { e.Container = long },
	} {
		e := told("api", "noise", at10)
		set(&e)
		if news, _ := m.put("flood", what, e); news {
			t.Errorf("an event whose %s has a MiB is remembered", what)
		}
	}
	if m.total != 0 {
		t.Errorf("%d are remembered", m.total)
	}
}

// A tenant who floods the cluster with events loses his own, and nobody else's.
func TestEventMemoryIsBounded(t *testing.T) {
	var m eventMemory
	m.put("shop", "a", told("api", "killed", at10.Add(-24*time.Hour)))
	for i := range 2*maxRemembered + 1 {
		m.put("flood", fmt.Sprint(i), told(fmt.Sprint(i), "noise", at10.Add(time.Duration(i/100)*time.Second)))
		if m.total > maxRemembered {
			t.Fatalf("%d are remembered", m.total)
		}
	}
	if len(m.about("shop", "api")) != 1 {
		t.Error("another's event is gone")
	}
	if n := countOf(m.namespaces["flood"]) + 1; n != m.total {
		t.Errorf("%d are counted, %d are there", m.total, n)
	}
	if len(m.about("flood", fmt.Sprint(2*maxRemembered))) != 1 {
		t.Error("the newest is gone")
	}
}
