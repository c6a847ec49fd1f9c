// Package notify tells receivers of incidents that need a person: once when the
// person is called, once when the incident is over. What is due follows from the
// diagnosis alone, whose status keeps what each receiver has accepted: nothing is
// lost by a receiver that is down or an operator that is. Between the receiver's
// answer and the write of the status the operator may die: then the message comes
// again, with the same id.
package notify

import (
	"errors"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/text"
)

const (
	// firstPause after a failure; it doubles with each further one.
	firstPause = 10 * time.Second
	// longestPause between two tries, however many failed.
	longestPause = 15 * time.Minute
	// longestRetryAfter that a receiver may ask for.
	longestRetryAfter = time.Hour
	// Refresh is how often an Alertmanager is told of an incident that is open:
	// it takes alerts for resolved that it is not told of until their endsAt, and
	// forgets them when it restarts.
	Refresh = 5 * time.Minute
	// callStaleAfter is how long after the end of an incident a receiver is still told
	// that it needed a person.
	callStaleAfter = time.Hour
	// giveUpAfter is how long after the end of an incident a receiver is tried to be
	// told that it is over.
	giveUpAfter = 24 * time.Hour
	// mostMessage is the API's limit.
	mostMessage = 1024
)

// Due is a message that a receiver has to be told now.
type Due struct {
	// Index of the receiver in the stack's spec.notifications.
	Index    int
	Receiver v1alpha1.Receiver
	Event    v1alpha1.NotificationEvent
}

// Incident is what decides of what receivers are told.
type Incident struct {
	Diagnosis *v1alpha1.BridgeDiagnosis
	// Roots are the diagnoses that this one is, or was when a person was called, a
	// symptom of. Those that are gone are left out.
	Roots []*v1alpha1.BridgeDiagnosis
	// RootGrace is how long after its root a symptom may take to be over before it is
	// told of itself: the policy's escalateAfter.
	RootGrace time.Duration
}

// RootsOf names the diagnoses that one is, or was when a person was called, a symptom of.
func RootsOf(d *v1alpha1.BridgeDiagnosis) []string {
	var out []string
	for _, root := range []*v1alpha1.RootReference{d.Status.Root, d.Status.EscalatedRoot} {
		if root != nil && root.Diagnosis != "" && root.Diagnosis != d.Name && !slices.Contains(out, root.Diagnosis) {
			out = append(out, root.Diagnosis)
		}
	}
	return out
}

// Plan finds the messages that are due now, and when to look again: 0 where only
// a change of the diagnosis, of its roots or of the policy can make one due.
func (in Incident) Plan(receivers []v1alpha1.Receiver, now time.Time) (due []Due, next time.Duration) {
	for i, r := range receivers {
		event, at := in.wanted(r, now)
		switch wait := at.Sub(now); {
		case event == "":
		case wait <= 0:
			due = append(due, Due{Index: i, Receiver: r, Event: event})
		case next == 0 || wait < next:
			next = wait
		}
	}
	return due, next
}

// wanted is the next message for a receiver, none where it is empty, and when it
// is due.
func (in Incident) wanted(r v1alpha1.Receiver, now time.Time) (v1alpha1.NotificationEvent, time.Time) {
	d := in.Diagnosis
	record, enlisted := recordOf(d.Status.Notifications, r.Name)
	at := now
	if record.NextAttemptAt != nil {
		at = record.NextAttemptAt.Time
	}
	if d.Status.Times.Escalated == nil || record.Delivered == v1alpha1.NotificationResolved || in.outdated(record, enlisted, at) {
		return "", at
	}
	switch {
	case record.Delivered == "":
		held, until := in.heldByRoots()
		if held {
			return "", at
		}
		return v1alpha1.NotificationEscalated, latest(at, until)
	case d.Status.State.Final():
		return v1alpha1.NotificationResolved, at
	case r.Alertmanager != nil && record.DeliveredAt != nil:
		if record.NextAttemptAt == nil {
			at = record.DeliveredAt.Add(Refresh)
		}
		return v1alpha1.NotificationEscalated, at
	}
	return "", at
}

// outdated is true of what is over and that nobody needs to hear of any more: by a
// receiver that is new, by one that could not be told of it while it mattered, and by
// one that has not answered for long.
func (in Incident) outdated(record v1alpha1.Delivery, enlisted bool, at time.Time) bool {
	ended, over := incident.EndedAt(in.Diagnosis)
	switch {
	case !over:
		return false
	case record.Delivered == "":
		return !enlisted || at.Sub(ended) > callStaleAfter
	}
	return at.Sub(ended) > giveUpAfter
}

// heldByRoots is true where the root's incident is told of instead: while that is
// open, and where this one ended not long after it. Else it is told of from the time
// on that its roots have been over for the grace.
func (in Incident) heldByRoots() (held bool, until time.Time) {
	ended, over := incident.EndedAt(in.Diagnosis)
	for _, root := range in.Roots {
		rootEnded, rootOver := incident.EndedAt(root)
		if !rootOver {
			return true, time.Time{}
		}
		until = latest(until, rootEnded.Add(in.RootGrace))
	}
	return over && ended.Before(until), until
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func recordOf(all []v1alpha1.Delivery, receiver string) (v1alpha1.Delivery, bool) {
	i := slices.IndexFunc(all, func(d v1alpha1.Delivery) bool { return d.Receiver == receiver })
	if i < 0 {
		return v1alpha1.Delivery{Receiver: receiver}, false
	}
	return all[i], true
}

// Enlist notes that the receivers have to be told. It is persisted together with
// the escalation, so that even an incident that is over at once is told of.
// Receivers that the policy no longer has are left out.
func Enlist(known []v1alpha1.Delivery, receivers []v1alpha1.Receiver) []v1alpha1.Delivery {
	var out []v1alpha1.Delivery
	for _, r := range receivers {
		record, _ := recordOf(known, r.Name)
		out = append(out, record)
	}
	return out
}

// Result is how a message was taken.
type Result struct {
	Due
	// Failure says why the receiver did not accept it, empty where it did.
	Failure string
	// RetryAfter is when the receiver wants to be asked again, 0 if it does not say.
	RetryAfter time.Duration
}

// ResultOf is what came of sending a message.
func ResultOf(due Due, err error) Result {
	result := Result{Due: due}
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		result.Failure, result.RetryAfter = refusal.Because, refusal.RetryAfter
	case err != nil:
		result.Failure = err.Error()
	}
	return result
}

// Settle notes a result.
func Settle(known []v1alpha1.Delivery, result Result, now time.Time) []v1alpha1.Delivery {
	record, found := recordOf(known, result.Receiver.Name)
	at := metav1.NewTime(now)
	if result.Failure == "" {
		record = v1alpha1.Delivery{Receiver: record.Receiver, Delivered: result.Event, DeliveredAt: &at}
	} else {
		record.Failures++
		next := metav1.NewTime(now.Add(pauseAfter(record.Failures, result.RetryAfter)))
		record.NextAttemptAt, record.Message = &next, text.Clip(result.Failure, mostMessage)
	}
	out := slices.Clone(known)
	if !found {
		return append(out, record)
	}
	for i := range out {
		if out[i].Receiver == record.Receiver {
			out[i] = record
		}
	}
	return out
}

// pauseAfter so many failures in a row.
func pauseAfter(failures int32, retryAfter time.Duration) time.Duration {
	pause := firstPause
	for i := int32(1); i < failures && pause < longestPause; i++ {
		pause *= 2
	}
	return max(min(pause, longestPause), min(retryAfter, longestRetryAfter))
}
