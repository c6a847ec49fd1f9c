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

// Plan finds the messages that are due now, and when to look again: 0 where only
// a change of the diagnosis or of the policy can make one due.
func Plan(d *v1alpha1.BridgeDiagnosis, receivers []v1alpha1.Receiver, now time.Time) (due []Due, next time.Duration) {
	for i, r := range receivers {
		event, at := wanted(d, r, now)
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
func wanted(d *v1alpha1.BridgeDiagnosis, r v1alpha1.Receiver, now time.Time) (v1alpha1.NotificationEvent, time.Time) {
	record, enlisted := recordOf(d.Status.Notifications, r.Name)
	at := now
	if record.NextAttemptAt != nil {
		at = record.NextAttemptAt.Time
	}
	over := d.Status.State.Final()
	if untold(d, record, enlisted) {
		return "", at
	}
	switch {
	case record.Delivered == "":
		return v1alpha1.NotificationEscalated, at
	case over:
		return v1alpha1.NotificationResolved, at
	case r.Alertmanager != nil && record.DeliveredAt != nil:
		if record.NextAttemptAt == nil {
			at = record.DeliveredAt.Add(Refresh)
		}
		return v1alpha1.NotificationEscalated, at
	}
	return "", at
}

// untold is true where there is nothing to tell a receiver: nobody was called, all
// is told, or the root's incident is told of instead. A receiver that is new is
// not told what was over before it came.
func untold(d *v1alpha1.BridgeDiagnosis, record v1alpha1.Delivery, enlisted bool) bool {
	if d.Status.Times.Escalated == nil || record.Delivered == v1alpha1.NotificationResolved {
		return true
	}
	return record.Delivered == "" && (symptom(d) || d.Status.State.Final() && !enlisted)
}

// symptom is true where another diagnosis is at the root.
func symptom(d *v1alpha1.BridgeDiagnosis) bool {
	return d.Status.Root != nil && d.Status.Root.Diagnosis != "" && d.Status.Root.Diagnosis != d.Name
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
