// Package verify tells from an attempt and fresh evidence whether it helped.
//
// It helped once the container came up and stayed up, Ready by the pod's own
// condition, for the whole soak, on as many pods as the change was made for; that
// the change is still there is for package attempt to see. What happens to pods for other reasons says nothing
// of it: replicas that are added later, a node that is drained or does not
// answer, a pod that no node has room for. It did not help if the container ends
// again, for the same cause or for one that the change may have made, or if it
// never comes up. It is pure.
package verify

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/remedy"
)

// Outcome of a verification.
type Outcome string

// The outcomes.
const (
	// Waiting: neither shown yet.
	Waiting Outcome = "Waiting"
	// Helped: enough pods stayed up for the soak.
	Helped Outcome = "Helped"
	// CauseGone: it loops on, for a cause that the change did not make and that
	// shows itself later in the container's life: this one is cured.
	CauseGone Outcome = "CauseGone"
	// Failed: it loops on for the same cause, or did not come up in time.
	Failed Outcome = "Failed"
)

// crashesThatFail is how often a container may end after the change before the
// remedy counts as failed: one crash may be the order of start-up.
const crashesThatFail = 2

// recheck is when to look again while no event may tell.
const recheck = 5 * time.Second

// Pod is one pod of the workload.
type Pod struct {
	Name    string
	Created time.Time
	// Restarts of the container.
	Restarts int32
	// UpSince is since when it has been up and Ready without a break, zero if it is not.
	UpSince time.Time
	// Looping says that it is in CrashLoopBackOff or cannot start.
	Looping bool
	// Older says that it is not of the newest pod template, as far as is known.
	Older bool
	// Excused says that it is not up for a reason that lies outside of it: no node
	// has room for it, its node does not answer, or a readiness gate is closed.
	Excused bool
	// Unplaced says that the scheduler found no node that takes it.
	Unplaced bool
	// HeldBack says that it is up in a pod that another container keeps from being ready.
	HeldBack bool
}

// Input is what the verdict rests on.
type Input struct {
	Now     time.Time
	Attempt v1alpha1.Attempt
	// Finding is the fresh one, zero where nothing was diagnosed since the
	// attempt, and Confidence is how sure it is.
	Finding    v1alpha1.FindingIdentity
	Confidence v1alpha1.Confidence
	// Ran is how long the run lasted that ended for Finding's cause, 0 where that
	// is not known.
	Ran time.Duration
	// Pods that should be up: of the newest revision, and earlier ones where the
	// workload keeps them. None that is being deleted or has ended.
	Pods []Pod
	// Desired replicas now.
	Desired int32
	// RefusedSince is since when the API server refuses to create a pod of the workload,
	// zero where it does not, or where nothing says so.
	RefusedSince time.Time
	// SurgesFirst says that no pod goes before the one in its place is ready.
	SurgesFirst bool
}

// Verdict is what a verification shows.
type Verdict struct {
	Outcome Outcome
	Reason  string
	// UpSince is since when enough pods have been up, zero if they are not.
	UpSince time.Time
	// CameUp is when enough pods were first seen up since the change, zero if they
	// never were: persist it as the attempt's cameUpAt.
	CameUp time.Time
	// RecheckAfter is when to look again at the latest.
	RecheckAfter time.Duration
	// Partly says of one that helped that it did so on the pods which have the change,
	// and that another container of theirs keeps the rollout from the others.
	Partly bool
}

// Check is the verdict on an applied attempt.
func Check(in Input) Verdict {
	v := judge(in)
	v.CameUp = cameUp(in, v.UpSince)
	return v
}

func judge(in Input) Verdict {
	since, up := upSince(in)
	soak := time.Duration(in.Attempt.SoakSeconds) * time.Second
	crashes := crashes(in)
	v := Verdict{Outcome: Waiting, UpSince: since, RecheckAfter: recheck}
	switch {
	case up && in.Now.Sub(since) >= soak && !loopsOn(in):
		v.Outcome, v.Reason = Helped, fmt.Sprintf("up for %s without a restart", soak)
		if reached, heldBack := in.heldBack(); heldBack {
			v.Partly = true
			v.Reason += fmt.Sprintf(" on %d of %d pods; another container of theirs is broken and keeps the rollout from the others", reached, in.asked())
		}
	case crashes >= crashesThatFail:
		return afterCrashes(in, v, crashes)
	case !up && unplacedByChange(in):
		v.Outcome, v.Reason = Failed, "no node takes the pod since it requests more"
	case !up && refusedByChange(in):
		v.Outcome, v.Reason = Failed, "the API server refuses to create the pod since it requests more"
	case in.Attempt.CameUpAt == nil && !up:
		return notUpYet(in, v)
	case !in.Now.Before(latestEnd(in, cameUp(in, since))):
		return atTheEnd(in, v, up, crashes)
	case up:
		v.Reason, v.RecheckAfter = "up; the soak runs", since.Add(soak).Sub(in.Now)
	default:
		v.Reason = fmt.Sprintf("it was up; not enough of its %d pods are at the moment", in.replicas())
	}
	return v
}

// placedWithin is how long a pod that requests more than before may be without a node:
// the scheduler says at once that none takes it, and one of the old pods may be about to
// make room.
const placedWithin = 15 * time.Second

// unplacedByChange says that a pod which was made since the change has no node because
// the change has it request more: it is taken back at once, not at the deadline.
func unplacedByChange(in Input) bool {
	return remedy.AsksForRoom(in.Attempt.Proposal.Remedy) && ownTemplate(in.Attempt) && slices.ContainsFunc(in.Pods, func(p Pod) bool {
		return p.Unplaced && !p.Older && !p.Created.Before(in.Attempt.RecordedAt.Time) && in.Now.Sub(p.Created) >= placedWithin
	})
}

// admittedWithin is how long the API server may refuse a pod that requests more than
// before, where pods go first: each has half a minute to end, as a rule, and counts for
// a quota until then; and it is tried again after twice as long each time.
const admittedWithin = time.Minute

// refusedByChange says that no pod with the change was made, and that the API server
// refuses one since the change: a quota, or a limit on what one may request.
func refusedByChange(in Input) bool {
	if !remedy.AsksForRoom(in.Attempt.Proposal.Remedy) || !ownTemplate(in.Attempt) || in.RefusedSince.IsZero() {
		return false
	}
	wait := admittedWithin
	if in.SurgesFirst {
		wait = placedWithin
	}
	// Times of conditions are whole seconds.
	byChange := !in.RefusedSince.Before(in.Attempt.RecordedAt.Truncate(time.Second))
	return !madeOne(in) && byChange && in.Now.Sub(in.RefusedSince) >= wait
}

// AsksForRefusals says that the verdict rests on whether the API server refuses a pod,
// and that the workload itself does not say so, as only a Deployment does.
func AsksForRefusals(in Input) bool {
	return remedy.AsksForRoom(in.Attempt.Proposal.Remedy) && ownTemplate(in.Attempt) && in.RefusedSince.IsZero() && !madeOne(in)
}

// madeOne says that a pod with the change was made.
func madeOne(in Input) bool {
	return slices.ContainsFunc(in.Pods, func(p Pod) bool { return !p.Older })
}

// RefusedSince is since when what makes a workload's pods says in its events that the API
// server refuses one, as far as it said so after a time, which is a change of the pods. The
// same was perhaps said before it, of an earlier change: events are counted up. Zero where
// nothing was said since.
func RefusedSince(events []evidence.Event, after time.Time) time.Time {
	var since time.Time
	after = after.Truncate(time.Second) // as the times of events
	for _, e := range events {
		if e.Reason != "FailedCreate" || e.Last.Before(after) {
			continue
		}
		first := e.First
		if first.Before(after) {
			first = after
		}
		if since.IsZero() || first.Before(since) {
			since = first
		}
	}
	return since
}

// loopsOn says that a pod beside those that stayed up goes on to end: one that was
// added later has not got to be up, but must not end either.
func loopsOn(in Input) bool {
	soak := time.Duration(in.Attempt.SoakSeconds) * time.Second
	return slices.ContainsFunc(in.Pods, func(p Pod) bool {
		return crashesOf(p, in.Attempt) >= crashesThatFail && (p.UpSince.IsZero() || in.Now.Sub(p.UpSince) < soak)
	})
}

func notUpYet(in Input, v Verdict) Verdict {
	if left := rollsOutFor(in); left > 0 {
		v.Reason, v.RecheckAfter = fmt.Sprintf("%d of %d pods have the change, and it is rolled out further", len(in.Pods), in.replicas()), min(recheck, left)
		return v
	}
	if in.Now.After(in.Attempt.Deadline.Time) {
		v.Outcome, v.Reason = Failed, "the container did not come up before the deadline"
		return v
	}
	v.Reason, v.RecheckAfter = "not up yet", min(recheck, max(time.Second, in.Attempt.Deadline.Sub(in.Now)))
	return v
}

// rollsOutFor is how long a change that is rolled out pod after pod has for the next
// one, 0 where that is no question: a DaemonSet of a hundred nodes replaces one at a
// time, and each has the time that a single one would have. None may have ended.
func rollsOutFor(in Input) time.Duration {
	if !ownTemplate(in.Attempt) || len(in.Pods) >= in.replicas() || crashes(in) > 0 {
		return 0
	}
	var last time.Time
	for _, p := range in.Pods {
		if !p.Older && p.UpSince.After(last) {
			last = p.UpSince
		}
	}
	if last.IsZero() {
		return 0
	}
	return max(0, last.Add(in.timeout()).Sub(in.Now))
}

// latestEnd is when a soak ends that pods which come and go begin anew again and
// again: three soaks after the container came up, and not before the deadline
// and one soak more.
func latestEnd(in Input, cameUp time.Time) time.Time {
	soak := time.Duration(in.Attempt.SoakSeconds) * time.Second
	end := in.Attempt.Deadline.Time
	if last := cameUp.Add(2 * soak); last.After(end) {
		end = last
	}
	return end.Add(soak)
}

// atTheEnd judges what pods that come and go leave open. Where none of them
// ended by itself, and each has been up since it came, the change helped.
func atTheEnd(in Input, v Verdict, up bool, crashes int32) Verdict {
	soak := time.Duration(in.Attempt.SoakSeconds) * time.Second
	tookTooLong := func(p Pod) bool {
		old := in.Now.Sub(p.Created) >= soak+in.timeout()
		return old && !p.Excused && (p.UpSince.IsZero() || in.Now.Sub(p.UpSince) < soak)
	}
	if up && crashes == 0 && !slices.ContainsFunc(in.Pods, tookTooLong) {
		v.Outcome, v.Reason = Helped, "no container has ended since the change, though pods came and went"
		return v
	}
	v.Outcome, v.Reason = Failed, fmt.Sprintf("the container came up and did not stay up and Ready for %s", soak)
	return v
}

// timeout is how long a container may take to come up.
func (in Input) timeout() time.Duration {
	from := in.Attempt.RecordedAt.Time
	if in.Attempt.AppliedAt != nil {
		from = in.Attempt.AppliedAt.Time
	}
	return max(0, in.Attempt.Deadline.Sub(from))
}

func cameUp(in Input, since time.Time) time.Time {
	if in.Attempt.CameUpAt != nil {
		return in.Attempt.CameUpAt.Time
	}
	return since
}

// replicas are those that can be judged: of those that are asked for, the ones that
// the rollout reaches.
func (in Input) replicas() int {
	if reached, heldBack := in.heldBack(); heldBack {
		return reached
	}
	return in.asked()
}

// heldBack says that the change does not reach more pods than so many: one of them is
// up, and another container keeps it from being ready. Whose incident that is has its
// turn once this one is judged.
func (in Input) heldBack() (reached int, heldBack bool) {
	for _, p := range in.Pods {
		if !p.Older {
			reached++
			heldBack = heldBack || p.HeldBack
		}
	}
	return reached, heldBack && ownTemplate(in.Attempt) && reached < in.asked()
}

// asked are the replicas that the change was made for, or fewer where fewer are asked
// for now: those that were added later have not got to be up.
func (in Input) asked() int {
	if made := in.Attempt.Replicas; made > 0 {
		return int(min(made, in.Desired))
	}
	return int(in.Desired)
}

// upSince is since when enough pods have been up: as many as the change was made
// for, less those that are excused, and more than half in any case.
func upSince(in Input) (since time.Time, up bool) {
	since, up = enoughUp(in.Pods, in.replicas())
	if !up || ownTemplate(in.Attempt) && !slices.ContainsFunc(in.Pods, func(p Pod) bool { return !p.Older && !p.UpSince.IsZero() }) {
		return time.Time{}, false
	}
	// A pod that was up before the change says nothing of it.
	for _, at := range []*metav1.Time{in.Attempt.AppliedAt, in.Attempt.SettledAt} {
		if at != nil && since.Before(at.Time) {
			since = at.Time
		}
	}
	return since, true
}

// enoughUp is since when as many pods have been up as are needed, the longest
// first: one that is added, or made anew, begins no new soak of the others.
func enoughUp(pods []Pod, replicas int) (since time.Time, enough bool) {
	var up []time.Time
	excused := 0
	for _, p := range pods {
		switch {
		case !p.UpSince.IsZero():
			up = append(up, p.UpSince)
		case p.Excused:
			excused++
		}
	}
	needed := max(replicas-excused, replicas/2+1)
	if replicas == 0 || len(up) < needed {
		return time.Time{}, false
	}
	slices.SortFunc(up, time.Time.Compare)
	return up[needed-1], true
}

// Recovered is the verdict on a container of which no attempt is in force: it is
// over once all of its pods, of whatever revision, have been up for the soak.
// The outcome is Helped or Waiting.
func Recovered(now time.Time, pods []Pod, desired int32, soak time.Duration) Verdict {
	since, up := enoughUp(pods, max(int(desired), len(pods)))
	switch {
	case !up:
		return Verdict{Outcome: Waiting, Reason: "not up yet", RecheckAfter: recheck}
	case now.Sub(since) < soak:
		return Verdict{Outcome: Waiting, Reason: "up; the soak runs", UpSince: since, RecheckAfter: since.Add(soak).Sub(now)}
	}
	return Verdict{Outcome: Helped, Reason: fmt.Sprintf("up for %s without a restart", soak), UpSince: since}
}

// ownTemplate says that the attempt changed the looping pods' own template:
// those that it has not reached say nothing of it.
func ownTemplate(a v1alpha1.Attempt) bool {
	return a.Action.PatchTemplate != nil && remedy.SettlesBy(a.Proposal.Remedy) == ""
}

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
