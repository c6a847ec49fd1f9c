// Package verify tells from an attempt and fresh evidence whether it helped.
// Ready is not enough: the container has to stay up for the whole soak. It is
// pure.
package verify

import (
	"fmt"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/remedy"
)

// Outcome of a verification.
type Outcome string

// The outcomes.
const (
	// Waiting: neither shown yet.
	Waiting Outcome = "Waiting"
	// Helped: every pod stayed up for the soak.
	Helped Outcome = "Helped"
	// CauseGone: it loops on, for another cause: this one is cured.
	CauseGone Outcome = "CauseGone"
	// Failed: it loops on for the same cause, or did not come up in time.
	Failed Outcome = "Failed"
)

// crashesThatFail is how often a container may end after the change before the
// remedy counts as failed: one crash may be the order of start-up.
const crashesThatFail = 2

// Pod is one pod that should be up.
type Pod struct {
	Name    string
	Created time.Time
	// Restarts of the container.
	Restarts int32
	// UpSince is since when it has been up without a break, zero if it is not.
	UpSince time.Time
	// Looping says that it is in CrashLoopBackOff or cannot start.
	Looping bool
	// Older says that it is not of the newest pod template, as far as is known.
	Older bool
}

// Input is what the verdict rests on.
type Input struct {
	Now     time.Time
	Attempt v1alpha1.Attempt
	// Fingerprint of the fresh finding, and whether its cause is known.
	Fingerprint string
	CauseKnown  bool
	Pods        []Pod
	// Wanted replicas.
	Wanted int32
}

// Verdict is what a verification shows.
type Verdict struct {
	Outcome Outcome
	Because string
	// UpSince is since when all pods have been up, zero if they are not.
	UpSince time.Time
	// RecheckAfter is when to look again at the latest.
	RecheckAfter time.Duration
}

// Check is the verdict on an applied attempt.
func Check(in Input) Verdict {
	since, up := allUp(in)
	soak := time.Duration(in.Attempt.SoakSeconds) * time.Second
	crashes := crashes(in)
	switch {
	case up && in.Now.Sub(since) >= soak:
		return Verdict{Outcome: Helped, UpSince: since, Because: fmt.Sprintf("up for %s without a restart", soak)}
	case crashes >= crashesThatFail && in.CauseKnown && in.Fingerprint != in.Attempt.Fingerprint && !akin(in):
		return Verdict{Outcome: CauseGone, Because: "the cause it was for is gone; the container now ends for another one"}
	case crashes >= crashesThatFail:
		return Verdict{Outcome: Failed, Because: fmt.Sprintf("the container ended %d times after the change", crashes)}
	case !up && in.Now.After(in.Attempt.Deadline.Time):
		return Verdict{Outcome: Failed, Because: "the container did not come up before the deadline"}
	case up:
		return Verdict{Outcome: Waiting, UpSince: since, RecheckAfter: since.Add(soak).Sub(in.Now), Because: "up; the soak runs"}
	default:
		return Verdict{Outcome: Waiting, RecheckAfter: min(5*time.Second, max(time.Second, in.Attempt.Deadline.Sub(in.Now))), Because: "not up yet"}
	}
}

func allUp(in Input) (since time.Time, up bool) {
	if len(in.Pods) == 0 || len(in.Pods) < int(in.Wanted) {
		return time.Time{}, false
	}
	reached := !ownTemplate(in.Attempt)
	for _, p := range in.Pods {
		if p.UpSince.IsZero() {
			return time.Time{}, false
		}
		if p.UpSince.After(since) {
			since = p.UpSince
		}
		reached = reached || !p.Older
	}
	// A pod that was up before the change says nothing of it.
	if applied := in.Attempt.AppliedAt; applied != nil && since.Before(applied.Time) {
		since = applied.Time
	}
	return since, reached
}

// ownTemplate says that the attempt changed the looping pods' own template:
// those that it has not reached say nothing of it.
func ownTemplate(a v1alpha1.Attempt) bool { return a.Patch != "" && a.Workload == nil }

// crashes counts how often the worst pod ended since the change.
func crashes(in Input) int32 {
	var worst int32
	for _, p := range in.Pods {
		worst = max(worst, crashesOf(p, in.Attempt))
	}
	return worst
}

// crashesOf one pod. Times of creation are whole seconds, as the API keeps
// them: of a pod from the very second of the change only its revision, or what
// it had restarted, tells on which side of it it was made.
func crashesOf(p Pod, a v1alpha1.Attempt) int32 {
	n, from := p.Restarts, countedFrom(a).Truncate(time.Second)
	switch {
	case ownTemplate(a):
		if p.Older || p.Created.Before(from) {
			return 0
		}
	case p.Created.Before(from), p.Created.Equal(from) && n >= a.Restarts:
		n -= a.Restarts
	}
	if p.Looping {
		n++ // the end that it now waits after is not counted as a restart yet
	}
	return n
}

// countedFrom is when what the attempt did was in force: what ended before was
// not helped, and is no sign that it does not help.
func countedFrom(a v1alpha1.Attempt) time.Time {
	if a.SettledAt != nil {
		return a.SettledAt.Time
	}
	return a.RecordedAt.Time
}

// akin says that the fresh finding is the trouble that the attempt is for.
// Fingerprints begin with the cause.
func akin(in Input) bool {
	if lessTold(in.Fingerprint, in.Attempt.Fingerprint) {
		return true
	}
	is, _, _ := strings.Cut(in.Fingerprint, "/")
	was, _, _ := strings.Cut(in.Attempt.Fingerprint, "/")
	return remedy.Kindred(in.Attempt.Proposal.Remedy, v1alpha1.Cause(is), v1alpha1.Cause(was))
}

// lessTold says that two fingerprints differ only in what one of them leaves open:
// one look may not show which topic or which host the cause is about.
func lessTold(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		if as[i] != bs[i] && !open(as[i]) && !open(bs[i]) {
			return false
		}
	}
	return true
}

// open is an element that the evidence did not show: a port is 0 then.
func open(element string) bool { return element == "" || element == "0" }
