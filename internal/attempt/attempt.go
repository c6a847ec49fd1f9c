// Package attempt is the life of an attempt at a remedy as one table: from how
// the attempt stands and what one look shows of it to the one next step. It is
// pure: Next is given a View of plain values and returns a Step; the caller looks,
// persists and writes.
//
// # The life of an attempt
//
// The controller of diagnoses records an attempt (outcome Recorded) together with
// the state of its diagnosis, in one write of the status, before anything else is
// written. From then on each reconcile gathers a View of the latest attempt and
// executes what Next says:
//
//   - Recorded: the policy, the wishes of people and the rights of the stack's
//     ServiceAccount are asked once more; then the action is written, with a
//     precondition. A write whose answer is lost is found out by looking whether
//     the change is in place. Writes that fail for the moment are tried again,
//     with back-off, until the attempt's deadline. What must not be done twice,
//     and may have been done, is not done again.
//   - Applied: the change is in force. What it started elsewhere, such as a Job,
//     is awaited first; pods that would sit out an old back-off, or keep the new
//     template from being rolled out, are evicted. Package verify is the judge.
//     From the write on, the container has the policy's timeout to come up
//     (deadline) and then has to stay up for the soak. The change must still be
//     there at the end: where someone else overwrote it, it did not help, and
//     what they wrote stands.
//   - RollingBack: the attempt did not help, or is not wanted, and that is
//     persisted. In a pause or a maintenance window it waits; otherwise the pod
//     template is restored exactly, unless someone edited it since. Where the
//     stack's ServiceAccount is not allowed that, a person is called.
//   - Helped, RolledBack, Withdrawn, Conflict, Reverted and Failed are final, with
//     endedAt and a reason.
//
// A restart between any two writes changes nothing: what was persisted is all that
// Next looks at, beside the cluster. An attempt whose stack is gone ends where it
// stands; with spec.remediation.onDelete TakeBack the diagnosis has a finalizer
// while an attempt is in force, and takes the same way through RollingBack, for at
// most TakeBackPatience after its deletion.
//
// The conditions of the diagnosis follow from the state that a step sets (package
// report); escalation by time is not part of an attempt's life and happens beside it.
package attempt

import (
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/verify"
)

const (
	// TakeBackPatience is how long a deleted diagnosis is kept for a remedy that
	// cannot be taken back.
	TakeBackPatience = 5 * time.Minute
	// lookAgain is when to come again where the next look may show more.
	lookAgain = time.Second
	// lookAtStarted is how often what an attempt started elsewhere is looked at.
	lookAtStarted = 2 * time.Second
	// lookAtHeld is when to come again where a person has to act first.
	lookAtHeld = time.Minute
)

// Answer to a question about the cluster.
type Answer string

// The answers. Empty is not asked yet.
const (
	Yes Answer = "Yes"
	No  Answer = "No"
	// Unknowable: the cluster cannot tell, now or later.
	Unknowable Answer = "Unknowable"
)

// Question is something that Next must know before it can say what is next. Each
// costs a call, so it is asked only where the answer decides.
type Question string

// The questions, with the field of View that takes the answer.
const (
	// AskInPlace: is the change on the live object? View.InPlace, and View.Template
	// and View.Overwriter of the live object where the action changes a template.
	AskInPlace Question = "InPlace"
	// AskPermission: may the stack's ServiceAccount make the write? View.Permission.
	AskPermission Question = "Permission"
	// AskStarted: has what was started come to its end? View.Started.
	AskStarted Question = "Started"
	// AskFinding: of what cause does it loop on? View.Verdict, and View.Rediagnosed.
	AskFinding Question = "Finding"
)

// View is what one look shows of an attempt and what it is about.
type View struct {
	Now time.Time
	// Attempt as it was last persisted.
	Attempt v1alpha1.Attempt
	// Own is the workload that loops; the action may change another one.
	Own v1alpha1.DiagnosedWorkload
	// Final says that the remedy has no way back, whatever was recorded.
	Final bool
	// Timeout is how long an applied attempt has until the container must be up.
	Timeout time.Duration
	// Restarts is the highest restart count of the pods.
	Restarts int32

	// WorkloadGone says that the workload was deleted, or is another one under its name.
	WorkloadGone bool
	// StackGone says that no stack covers the workload any more.
	StackGone bool
	// Deleted is when the stack or the diagnosis was deleted, where the policy
	// wants the attempt taken back then; zero otherwise.
	Deleted time.Time
	// Hold says why nothing may be written at the moment, nil where it may.
	Hold *Hold
	// Forbidden says why an attempt of which nothing was written yet must not be
	// applied any more, empty where it may.
	Forbidden string
	// Unwanted says that a person wants the attempt taken back.
	Unwanted bool
	// UnwantedBy is who that is, as the diagnosis says.
	UnwantedBy string
	// Permission of the stack's ServiceAccount for the attempt's write.
	Permission Permission

	// JustRecorded says that the attempt was persisted in this very round: nothing
	// of it can have been written.
	JustRecorded bool
	// InPlace says whether the change was made, though nobody may have heard of it.
	InPlace Answer
	// Write is how this round's write went, nil before it was tried.
	Write *WriteResult

	// Template is how the pod template stands that the action changes: the cache's
	// until AskInPlace was answered. Empty for other actions.
	Template Standing
	// Overwriter is who overwrote the change, where that is known.
	Overwriter *Overwriter
	// Desired replicas of the looping workload.
	Desired int32
	// ContainerGone says that neither the template nor any pod has the container.
	ContainerGone bool
	// Started is how what the attempt started elsewhere stands.
	Started *Started
	// Pods of the looping workload that are not being deleted.
	Pods []Pod
	// Rollout of the looping workload.
	Rollout Rollout
	// EvictionTried says that this round has evicted what it wanted to evict.
	EvictionTried bool
	// Verdict of package verify, for an applied attempt.
	Verdict verify.Verdict
	// Rediagnosed says that the verdict rests on a finding of this round.
	Rediagnosed bool
}

// Hold says why nothing may be written at the moment.
type Hold struct {
	// Reason is one of the API's.
	Reason string
	// Message for people.
	Message string
	// RecheckAfter is when it may be over.
	RecheckAfter time.Duration
}

// Permission is whether the stack's ServiceAccount may make a write.
type Permission struct {
	Asked bool
	// Denied says what is missing, empty where it may.
	Denied string
}

// WriteOutcome is how a write went.
type WriteOutcome string

// The outcomes of a write.
const (
	// WriteAccepted: it was made, or was in place already.
	WriteAccepted WriteOutcome = "Accepted"
	// WriteConflicted: the object is not what the attempt was recorded for, or is gone.
	WriteConflicted WriteOutcome = "Conflicted"
	// WriteRefused: the server refuses it for good.
	WriteRefused WriteOutcome = "Refused"
	// WriteFailed: it may pass when it is tried again.
	WriteFailed WriteOutcome = "Failed"
)

// WriteResult is how a write went, with the error in words.
type WriteResult struct {
	Outcome WriteOutcome
	Message string
}

// Overwriter is who overwrote an attempt's change.
type Overwriter struct {
	// Name for people, such as the field manager.
	Name string
	// Reconciles says that it is the GitOps controller that owns the workload.
	Reconciles bool
	// Advice is how the change could be let stand, empty where there is none.
	Advice string
}

// Started is how what an attempt started elsewhere stands: a Job, the restart of
// a dependency.
type Started struct {
	// Over says that it has come to its end.
	Over bool
	// Failure says how it failed, empty where it did not.
	Failure string
}

// Pod is one pod of the looping workload.
type Pod struct {
	v1alpha1.PodIdentity
	Created time.Time
	// Newest says that it is of the workload's present template.
	Newest bool
	// Up says that the container is up.
	Up bool
	// BackingOff says that the container sits in CrashLoopBackOff.
	BackingOff bool
	// Broken says that the container waits after a crash, or cannot start.
	Broken bool
	// OutOfReach says that a new template would not reach it: a StatefulSet's
	// partition keeps it.
	OutOfReach bool
}

// Rollout is how the looping workload replaces its pods.
type Rollout struct {
	// WaitsForBroken says that its controller does not replace a broken pod by
	// itself: a StatefulSet's waits for it to become ready, and nobody does where
	// pods change on delete only.
	WaitsForBroken bool
	// Seen says that its controller has seen the template as it is.
	Seen bool
}

// Do is what the caller is to do.
type Do string

// What there is to do.
const (
	// DoAsk: find the answer to Step.Question, then ask Next again.
	DoAsk Do = "Ask"
	// DoWrite: write the attempt's action, note the result, then ask Next again.
	DoWrite Do = "Write"
	// DoUndo: take the action back, note the result, then ask Next again.
	DoUndo Do = "Undo"
	// DoEvict: evict Step.Pods as far as that is possible, then ask Next again.
	DoEvict Do = "Evict"
	// DoAdvance: persist the attempt as it stands after the step; the round is over.
	DoAdvance Do = "Advance"
	// DoWait: nothing; the round is over.
	DoWait Do = "Wait"
	// DoRetry: the write's error is this round's; it is tried again with back-off.
	DoRetry Do = "Retry"
	// DoFinish: persist the attempt's final outcome; the round is over.
	DoFinish Do = "Finish"
	// DoFinishAndGoOn: the same, and the round goes on with the incident.
	DoFinishAndGoOn Do = "FinishAndGoOn"
	// DoRest: no attempt is in force; the round goes on with the incident.
	DoRest Do = "Rest"
)

// Step is the one next step.
type Step struct {
	Do Do
	// Observation that it follows from.
	Observation Observation
	// Question for DoAsk.
	Question Question
	// Pods for DoEvict.
	Pods []v1alpha1.PodIdentity
	// Attempt as it stands after the step, nil where it stays as it is.
	Attempt *v1alpha1.Attempt
	// State, Reason and Message of the diagnosis; an empty state leaves them.
	State   v1alpha1.DiagnosisState
	Reason  string
	Message string
	// UpSince is since when the container has been up, for StateRecovered.
	UpSince time.Time
	// KeepFinding says that what the attempt was for may no longer be seen, so that the
	// diagnosis keeps the finding that it had.
	KeepFinding bool
	// After is when to come again at the latest, 0 where an event will tell.
	After time.Duration
}

// Next is the one next step of the latest attempt of a diagnosis.
func Next(v View) Step {
	seen, question := observe(v)
	if question != "" {
		return Step{Do: DoAsk, Observation: seen, Question: question}
	}
	c, legal := table[v.Attempt.Outcome][seen]
	if !legal { // nothing is written on what makes no sense
		return Step{Do: DoWait, Observation: seen, After: lookAtHeld}
	}
	return c.step(v, seen)
}

// reversible says that there is a way back.
func (v View) reversible() bool {
	p := v.Attempt.Action.PatchTemplate
	return p != nil && p.Undo != "" && !v.Final
}

// ChangesOwnTemplate says that the attempt changes the pod template of the
// workload that loops.
func (v View) changesOwnTemplate() bool { return ChangesTemplateOf(v.Attempt.Action, v.Own) }

// actsElsewhere says that the looping pods do not notice the change by
// themselves: they would sit out their back-off.
func (v View) actsElsewhere() bool {
	return v.Attempt.Action.Type != v1alpha1.ActionEvictPods && !v.changesOwnTemplate()
}

// onlyOnce says that the action must not be done twice: what it deletes may be
// there again, with what was written since.
func (v View) onlyOnce() bool {
	return v.Attempt.Action.Type == v1alpha1.ActionDeleteConsumerGroup
}

// ChangesTemplateOf says that an action changes the pod template of a workload.
func ChangesTemplateOf(a v1alpha1.AttemptAction, w v1alpha1.DiagnosedWorkload) bool {
	return a.PatchTemplate != nil && a.PatchTemplate.Workload == w
}

// IsFinal says that an attempt's remedy has no way back.
func IsFinal(a v1alpha1.Attempt) bool { return remedy.Final(a.Proposal.Remedy) }
