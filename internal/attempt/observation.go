package attempt

import (
	"cmp"
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/verify"
)

// Observation is what a look shows, as far as it decides what is next.
type Observation string

// The observations.
const (
	// WorkloadGone: the workload was deleted, or is another one under its name.
	WorkloadGone Observation = "WorkloadGone"
	// StackGone: no stack covers the workload any more, and something is written.
	StackGone Observation = "StackGone"
	// StackGoneUnwritten: no stack covers the workload any more, and nothing was written.
	StackGoneUnwritten Observation = "StackGoneUnwritten"
	// Deleted: the stack or the diagnosis is deleted, and the policy wants the
	// attempt taken back then.
	Deleted Observation = "Deleted"

	// Unwritten: nothing was written yet, as far as is known, and it may be.
	Unwritten Observation = "Unwritten"
	// Forbidden: nothing was written, and it must not be any more.
	Forbidden Observation = "Forbidden"
	// FoundInPlace: it was written, and nobody heard of it.
	FoundInPlace Observation = "FoundInPlace"
	// MaybeWritten: whether it was written cannot be known, and it must not be done twice.
	MaybeWritten Observation = "MaybeWritten"
	// Accepted: this round's write was made.
	Accepted Observation = "Accepted"
	// Conflicted: this round's write met what someone else made of the object.
	Conflicted Observation = "Conflicted"
	// Refused: this round's write was refused for good.
	Refused Observation = "Refused"
	// NotAnswered: this round's write failed, and may be tried again.
	NotAnswered Observation = "NotAnswered"
	// Overdue: this round's write failed, the deadline is over, and nothing was written.
	Overdue Observation = "Overdue"

	// Unwanted: a person wants it taken back.
	Unwanted Observation = "Unwanted"
	// RevertedByGitOps: the GitOps controller that owns the workload took the change back.
	RevertedByGitOps Observation = "RevertedByGitOps"
	// Overwritten: someone else changed what the attempt had changed.
	Overwritten Observation = "Overwritten"
	// ScaledToZero: the workload has no replicas any more.
	ScaledToZero Observation = "ScaledToZero"
	// ContainerGone: the container was removed, or renamed.
	ContainerGone Observation = "ContainerGone"
	// StartFailed: what it started failed.
	StartFailed Observation = "StartFailed"
	// StartRuns: what it started has not come to its end.
	StartRuns Observation = "StartRuns"
	// StartOver: what it started has come to its end, or had its time.
	StartOver Observation = "StartOver"
	// PodsLeftBehind: pods sit in a back-off from before, or keep the template from
	// being rolled out.
	PodsLeftBehind Observation = "PodsLeftBehind"
	// Helped: the container stayed up for the whole soak, and the change is there.
	Helped Observation = "Helped"
	// HelpedWhereItIs: the same on the pods that have the change, and another container
	// of theirs keeps it from the others.
	HelpedWhereItIs Observation = "HelpedWhereItIs"
	// CauseGone: the container ends for another cause, further along.
	CauseGone Observation = "CauseGone"
	// NotHelped: the container ended again, or did not come up in time.
	NotHelped Observation = "NotHelped"
	// Undecided: neither is shown yet.
	Undecided Observation = "Undecided"

	// Held: nothing may be written at the moment.
	Held Observation = "Held"
	// NotPermitted: the stack's ServiceAccount is not allowed to take it back.
	NotPermitted Observation = "NotPermitted"
	// CannotUndo: there is no way back, or the diagnosis is deleted and cannot be kept for it.
	CannotUndo Observation = "CannotUndo"

	// Over: the attempt has ended and nothing is left to do.
	Over Observation = "Over"
)

// Observations in the order of a life.
var Observations = []Observation{
	WorkloadGone, StackGone, StackGoneUnwritten, Deleted,
	Unwritten, Forbidden, FoundInPlace, MaybeWritten, Accepted, Conflicted, Refused, NotAnswered, Overdue,
	Unwanted, RevertedByGitOps, Overwritten, ScaledToZero, ContainerGone, StartFailed, StartRuns, StartOver,
	PodsLeftBehind, Helped, HelpedWhereItIs, CauseGone, NotHelped, Undecided,
	Held, NotPermitted, CannotUndo, Over,
}

// check is one look at the view: what it shows, or the question that has to be
// answered first. Neither lets the next check look.
type check func(View) (Observation, Question)

// checks by outcome, in their order: the first that answers decides. Of other
// outcomes than these, the attempt has ended.
var checks = map[v1alpha1.AttemptOutcome][]check{
	v1alpha1.AttemptRecorded: {
		workloadGone,
		deleted,          // before the stack is looked for: it is gone then
		stackGone,        // nobody may write any more
		written,          // this round's own write
		mustNotBeWritten, // the policy, a person, the rights
		writtenAtMostOnce,
		unwritten,
	},
	v1alpha1.AttemptApplied: {
		workloadGone,
		deleted,
		stackGone,
		overwritten, // what is not there any more is no longer ours to take back
		unwanted,
		containerGone,
		scaledToZero,
		started, // what happens before its end does not count
		leftBehind,
		judged,
	},
	v1alpha1.AttemptRollingBack: {
		workloadGone,
		cannotUndo, // before the stack is looked for, as above
		abandoned,
		undone,
		held,
		notPermitted,
		unwritten,
	},
}

// observe is what the view shows, or the question that has to be answered first.
func observe(v View) (Observation, Question) {
	all, inForce := checks[v.Attempt.Outcome]
	if !inForce {
		all = []check{leftBehind}
	}
	for _, c := range all {
		if seen, question := c(v); seen != "" || question != "" {
			return seen, question
		}
	}
	return Over, ""
}

func workloadGone(v View) (Observation, Question) {
	if v.WorkloadGone {
		return WorkloadGone, ""
	}
	return "", ""
}

func deleted(v View) (Observation, Question) {
	if !v.Deleted.IsZero() {
		return Deleted, ""
	}
	return "", ""
}

// stackGone tells apart what was written and what was not, for people.
func stackGone(v View) (Observation, Question) {
	switch {
	case !v.StackGone:
		return "", ""
	case v.Attempt.Outcome != v1alpha1.AttemptRecorded:
		return StackGone, ""
	case v.InPlace == "":
		return "", AskInPlace
	case v.InPlace == No && !v.onlyOnce():
		return StackGoneUnwritten, ""
	}
	return StackGone, ""
}

// abandoned is stackGone for an attempt that is to be taken back.
func abandoned(v View) (Observation, Question) {
	if v.StackGone && v.Deleted.IsZero() {
		return StackGone, ""
	}
	return "", ""
}

// written is how this round's write of the action went.
func written(v View) (Observation, Question) {
	if v.Write == nil {
		return "", ""
	}
	switch v.Write.Outcome {
	case WriteAccepted:
		return Accepted, ""
	case WriteConflicted:
		return Conflicted, ""
	case WriteRefused:
		return Refused, ""
	case WriteFailed:
	}
	switch {
	case !v.Now.After(v.Attempt.Deadline.Time):
		return NotAnswered, ""
	case v.InPlace == "": // it may have been made and its answer got lost
		return "", AskInPlace
	case v.InPlace == Yes:
		return FoundInPlace, ""
	case v.onlyOnce():
		return MaybeWritten, ""
	case v.InPlace == Unknowable:
		return NotAnswered, ""
	}
	return Overdue, ""
}

// undone is how this round's write back went. It is tried for as long as it takes.
func undone(v View) (Observation, Question) {
	if v.Write == nil {
		return "", ""
	}
	switch v.Write.Outcome {
	case WriteAccepted:
		return Accepted, ""
	case WriteConflicted:
		return Conflicted, ""
	case WriteRefused:
		return Refused, ""
	case WriteFailed:
	}
	return NotAnswered, ""
}

// mustNotBeWritten is asked before each write of the action. What was written all
// the same, and only the answer was lost, is verified.
func mustNotBeWritten(v View) (Observation, Question) {
	switch {
	case v.forbidden() == "" && !v.Permission.Asked:
		return "", AskPermission
	case v.forbidden() == "":
		return "", ""
	case v.JustRecorded:
		return Forbidden, ""
	case v.InPlace == "":
		return "", AskInPlace
	case v.InPlace == Yes:
		return FoundInPlace, ""
	case v.onlyOnce(), v.InPlace == Unknowable:
		return MaybeWritten, ""
	}
	return Forbidden, ""
}

// writtenAtMostOnce keeps what must not be done twice from being written by a
// round that cannot know whether an earlier one wrote it.
func writtenAtMostOnce(v View) (Observation, Question) {
	switch {
	case v.JustRecorded || !v.onlyOnce():
		return "", ""
	case v.InPlace == "":
		return "", AskInPlace
	case v.InPlace == Yes:
		return FoundInPlace, ""
	}
	return MaybeWritten, ""
}

func unwritten(View) (Observation, Question) { return Unwritten, "" }

// overwritten asks for the live object before it says so: a cache may still show
// what was before the write. What has no way back has done what it does.
func overwritten(v View) (Observation, Question) {
	switch {
	case v.Attempt.Action.PatchTemplate == nil, v.Final, v.Template.kept():
		return "", ""
	case v.InPlace == "":
		return "", AskInPlace
	case v.Overwriter != nil && v.Overwriter.Reconciles:
		return RevertedByGitOps, ""
	}
	return Overwritten, ""
}

func unwanted(v View) (Observation, Question) {
	if v.Unwanted && v.reversible() {
		return Unwanted, ""
	}
	return "", ""
}

func containerGone(v View) (Observation, Question) {
	if v.ContainerGone {
		return ContainerGone, ""
	}
	return "", ""
}

func scaledToZero(v View) (Observation, Question) {
	if v.Desired == 0 && len(v.Pods) == 0 {
		return ScaledToZero, ""
	}
	return "", ""
}

func started(v View) (Observation, Question) {
	switch {
	case !v.actsElsewhere() || v.Attempt.SettledAt != nil:
		return "", ""
	case v.Started == nil:
		return "", AskStarted
	case v.Started.Failure != "":
		return StartFailed, ""
	case v.Started.Over || v.Now.After(v.Attempt.Deadline.Time):
		return StartOver, ""
	}
	return StartRuns, ""
}

func leftBehind(v View) (Observation, Question) {
	if !v.EvictionTried && len(v.toEvict()) > 0 {
		return PodsLeftBehind, ""
	}
	return "", ""
}

// judged is the verdict on an applied attempt. One that failed is looked at anew:
// for the same cause, or for the next one? One that helped must still be there.
func judged(v View) (Observation, Question) {
	switch v.Verdict.Outcome {
	case verify.Helped:
		if v.Attempt.Action.PatchTemplate != nil && !v.Final && v.InPlace == "" {
			return "", AskInPlace
		}
		if v.Verdict.Partly {
			return HelpedWhereItIs, ""
		}
		return Helped, ""
	case verify.CauseGone:
		return CauseGone, ""
	case verify.Failed:
		if !v.Rediagnosed {
			return "", AskFinding
		}
		return NotHelped, ""
	case verify.Waiting:
	}
	return Undecided, ""
}

// cannotUndo ends what has no way back, and what a deleted diagnosis is kept for.
func cannotUndo(v View) (Observation, Question) {
	switch {
	case !v.reversible():
		return CannotUndo, ""
	case v.Deleted.IsZero():
		return "", ""
	case v.Hold != nil, v.Permission.Denied != "":
		return CannotUndo, ""
	case v.Write != nil && v.Write.Outcome == WriteFailed && !v.Now.Before(v.Deleted.Add(TakeBackPatience)):
		return CannotUndo, ""
	}
	return "", ""
}

func held(v View) (Observation, Question) {
	if v.Hold != nil {
		return Held, ""
	}
	return "", ""
}

func notPermitted(v View) (Observation, Question) {
	switch {
	case !v.Permission.Asked:
		return "", AskPermission
	case v.Permission.Denied != "":
		return NotPermitted, ""
	}
	return "", ""
}

// toEvict are the pods that are to be evicted now.
func (v View) toEvict() []v1alpha1.PodIdentity {
	switch v.Attempt.Outcome {
	case v1alpha1.AttemptApplied:
		if v.Forbidden != "" || v.Hold != nil {
			return nil
		}
		if v.actsElsewhere() {
			return v.asleep()
		}
		return v.blocking(InPlace)
	case v1alpha1.AttemptRolledBack:
		if v.Hold != nil {
			return nil
		}
		return v.blocking(Original)
	default:
		return nil
	}
}

// asleep are the pods that sit in a back-off from before what the attempt did:
// they would not notice that the cause is gone.
func (v View) asleep() []v1alpha1.PodIdentity {
	if v.Attempt.SettledAt == nil {
		return nil
	}
	return v.podsThat(func(p Pod) bool { return p.BackingOff && p.Created.Before(v.Attempt.SettledAt.Time) })
}

// blocking are the broken pods of an earlier template that keep the workload's
// present one from being rolled out (documented as forced rollback for
// StatefulSets). Nothing is evicted unless the template is exactly as the
// attempt's last write left it, whatever else of the workload was changed, such
// as its replicas: what someone else wrote since is theirs to roll out.
func (v View) blocking(as Standing) []v1alpha1.PodIdentity {
	if !v.changesOwnTemplate() || v.Template != as || !v.Rollout.WaitsForBroken || !v.Rollout.Seen {
		return nil
	}
	return v.podsThat(func(p Pod) bool { return !p.Newest && !p.Up && p.Broken && !p.OutOfReach })
}

func (v View) podsThat(is func(Pod) bool) []v1alpha1.PodIdentity {
	var out []v1alpha1.PodIdentity
	for _, p := range v.Pods {
		if is(p) {
			out = append(out, p.PodIdentity)
		}
	}
	slices.SortFunc(out, func(a, b v1alpha1.PodIdentity) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
