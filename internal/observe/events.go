package observe

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/evidence"
)

// EventsOf are events as rules see them, newest last. Both kinds of recorder
// are understood: those that count in count and lastTimestamp, and those of
// events.k8s.io, which count in series.
func EventsOf(events []corev1.Event) []evidence.Event {
	out := make([]evidence.Event, 0, len(events))
	for i := range events {
		out = append(out, eventOf(&events[i]))
	}
	slices.SortStableFunc(out, func(a, b evidence.Event) int { return a.Last.Compare(b.Last) })
	return out
}

func eventOf(e *corev1.Event) evidence.Event {
	out := evidence.Event{
		Type:      e.Type,
		Reason:    e.Reason,
		Message:   e.Message,
		Container: containerIn(e.InvolvedObject.FieldPath),
		Count:     max(1, e.Count),
		Last:      firstKnown(e.LastTimestamp.Time, e.EventTime.Time, e.FirstTimestamp.Time, e.CreationTimestamp.Time),
	}
	if s := e.Series; s != nil {
		out.Count = cmp.Or(s.Count, out.Count)
		out.Last = firstKnown(s.LastObservedTime.Time, out.Last)
	}
	return out
}

// containerIn finds the name in a field path such as spec.containers{app}.
func containerIn(fieldPath string) string {
	_, rest, ok := strings.Cut(fieldPath, "ontainers{")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(rest, "}")
}

func firstKnown(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}
