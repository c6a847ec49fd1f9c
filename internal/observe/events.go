package observe

import (
	"cmp"
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
	inOrderOfTime(out)
	return out
}

func eventOf(e *corev1.Event) evidence.Event {
	o := &e.InvolvedObject
	out := evidence.Event{
		About:     evidence.ObjectReference{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, UID: string(o.UID)},
		Type:      e.Type,
		Reason:    e.Reason,
		Message:   strings.TrimPrefix(e.Message, aggregated),
		Container: containerIn(o.FieldPath),
		Count:     max(1, e.Count),
		First:     firstKnown(e.FirstTimestamp.Time, e.EventTime.Time, e.CreationTimestamp.Time),
		Last:      firstKnown(e.LastTimestamp.Time, e.EventTime.Time, e.FirstTimestamp.Time, e.CreationTimestamp.Time),
	}
	if s := e.Series; s != nil {
		out.Count = cmp.Or(s.Count, out.Count)
		out.Last = firstKnown(s.LastObservedTime.Time, out.Last)
	}
	return out
}

// aggregated is what a recorder writes before the message of an event that stands for
// many of one reason (client-go, tools/record: EventAggregatorByReasonMessageFunc).
const aggregated = "(combined from similar events): "

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
