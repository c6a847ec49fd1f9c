// Package plan decides whether the proposed remedy is used now. The checks are asked
// in their order, and the first that answers decides: what a person has to do or did,
// the mode, a pause, a maintenance window, the confidence, what was tried before, who
// else owns the workload, the approval, and last what bounds how much is done at once.
// That a person is called once it takes too long keeps from nothing. It is pure.
package plan

import (
	"fmt"
	"slices"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/text"
	"github.com/bridgestack/operator/internal/workload"
)

// How long a decision may stand before it is looked at again.
const (
	// recheck is for what an event will normally announce.
	recheck = 10 * time.Second
	// evidenceGrace is how long evidence is awaited while the cause is not
	// known, or shown by evidence that contradicts itself: a dependency that has
	// just come up makes the log of the last crash a tale of the past.
	evidenceGrace = time.Minute
)

// Input is what the decision rests on.
type Input struct {
	Now      time.Time
	Policy   stack.Policy
	Finding  diagnosis.Finding
	Action   remedy.Action
	Proposal v1alpha1.Proposal
	// Diagnosis as it was last persisted.
	Diagnosis v1alpha1.BridgeDiagnosis
	// Others are the stack's other diagnoses, ended ones too.
	Others []v1alpha1.BridgeDiagnosis
	// Services of the stack, in number.
	Services int
	// WorkloadPaused is the annotation on the workload.
	WorkloadPaused bool
	// GitOps is where the change stands on the ladder beside GitOps.
	GitOps GitOps
	// Up is true while the container has been up for longer than it ever ran
	// before, in every pod that should be up: also in those that keep an earlier
	// template.
	Up bool
	// Owner is the custom resource that owns the workload whose pod template the
	// action changes, zero where none does. Its operator would put back what is
	// changed there.
	Owner workload.Owner
	// UnderWay is the other diagnosis of which an attempt is in force on that
	// workload, empty where none is.
	UnderWay string
	// Tried is the same change, which was tried for an earlier incident, or for
	// another one of the stack, and did not help or was not wanted; nil where there
	// is none that is remembered.
	Tried *v1alpha1.TriedChange
	// Unreachable says why a change of the pod template would not reach the
	// looping pod, such as a rollout that is paused; empty where it would.
	Unreachable string
	// Untried says that the pod in trouble does not have the present pod template,
	// so that it shows nothing of it; empty where it has. See Untried.
	Untried string
}

// Decision is what happens next.
type Decision struct {
	State v1alpha1.DiagnosisState
	// Reason is one of the API's.
	Reason  string
	Message string
	// Apply says that the proposal is to be recorded and applied now.
	Apply bool
	// Commit says that the proposal is to be committed to the owner's Git
	// repository now.
	Commit bool
	// HoldFor is how long the GitOps controller is kept from the object that the
	// proposal is applied to, 0 where it is not.
	HoldFor time.Duration
	// RecheckAfter is when to decide again at the latest.
	RecheckAfter time.Duration
	// Root is the incident that tells of what is at fault here, too; nil where none does.
	Root *v1alpha1.RootReference
	// Evidence that the decision adds to the finding's.
	Evidence []v1alpha1.EvidenceItem
}

// check is one reason not to apply; nil lets the next one look.
type check func(Input) *Decision

// says is the finding in a sentence that can be gone on from.
func (in Input) says() string { return text.AsClause(in.Finding.Message) }

// checks in their order: the first that answers decides.
var checks = []check{
	observing,
	comingUp,
	merged,
	overwritten,
	awaitingEvidence,
	toldBeside,
	needsPerson,
	heldByRoot,
	rejected,
	ownedByOperator,
	locked,
	suggestOnly,
	paused,
	inMaintenance,
	unsure,
	untried,
	triedBefore,
	attemptsExhausted,
	unreachable, // before a commit of it is thought of
	ownedByGitOps,
	unapproved,
	bounded,
}

// bounds keep from too much at once. They hold a commit as they hold a patch.
var bounds = []check{
	underWay,
	coolingDown,
	storm,
	budgetSpent,
}

func bounded(in Input) *Decision { return first(bounds, in) }

// first is the first answer.
func first(checks []check, in Input) *Decision {
	for _, c := range checks {
		if d := c(in); d != nil {
			return d
		}
	}
	return nil
}

// Decide is the decision for a proposed remedy.
func Decide(in Input) Decision {
	if d := first(checks, in); d != nil {
		calledInTime(in, d)
		if d.State == v1alpha1.StateEscalated {
			d.Evidence = beside(in)
		}
		return *d
	}
	return Decision{State: v1alpha1.StateApplying, Reason: v1alpha1.ReasonRemedyRecorded, Apply: true, HoldFor: in.holdFor(),
		Message: fmt.Sprintf("%s: %s", in.Proposal.Remedy, in.Proposal.Because)}
}

func observing(in Input) *Decision {
	if in.Policy.Mode != v1alpha1.ModeObserve {
		return nil
	}
	return &Decision{State: v1alpha1.StateObserved, Reason: v1alpha1.ReasonObserving, RecheckAfter: time.Minute,
		Message: in.says()}
}

// comingUp leaves a container alone that has just begun to stay up.
func comingUp(in Input) *Decision {
	if !in.Up {
		return nil
	}
	return &Decision{State: v1alpha1.StateWaiting, Reason: v1alpha1.ReasonVerifying, RecheckAfter: recheck,
		Message: "the container is up and has outlived its earlier runs: nothing is touched while it stays so"}
}

// overwritten gives what someone else made of a remedy the time that any remedy has
// to help: a person or a pipeline is at work.
func overwritten(in Input) *Decision {
	for _, a := range in.Diagnosis.Status.Attempts {
		if a.Reason != v1alpha1.AttemptOverwritten || a.EndedAt == nil {
			continue
		}
		if left := a.EndedAt.Add(in.Policy.Timeout).Sub(in.Now); left > 0 {
			return &Decision{State: v1alpha1.StateWaiting, Reason: v1alpha1.ReasonRemedyConflict, RecheckAfter: min(left, recheck),
				Message: fmt.Sprintf("%s was %s. Nothing else is touched before %s", a.Proposal.Remedy, a.Message, in.Now.Add(left).UTC().Format(time.RFC3339))}
		}
	}
	return nil
}

func awaitingEvidence(in Input) *Decision {
	visible := in.Diagnosis.Status.Times.Visible
	plain := in.Finding.Cause != v1alpha1.CauseUnknown && in.Finding.Confidence != v1alpha1.ConfidenceLow
	if plain || in.Action.Hold != "" || visible == nil || in.Now.Sub(visible.Time) >= evidenceGrace {
		return nil
	}
	reason := v1alpha1.ReasonCauseFound
	if in.Finding.Cause == v1alpha1.CauseUnknown {
		reason = v1alpha1.ReasonCauseUnknown
	}
	return &Decision{State: v1alpha1.StateDiagnosing, Reason: reason, RecheckAfter: recheck,
		Message: in.says() + ". The evidence is not clear yet: the next crash is awaited before a person is called"}
}

func needsPerson(in Input) *Decision {
	if in.Action.Remedy != v1alpha1.RemedyEscalate {
		return nil
	}
	reason := v1alpha1.ReasonNeedsPerson
	if in.Finding.Cause == v1alpha1.CauseUnknown {
		reason = v1alpha1.ReasonCauseUnknown
	}
	message := in.says() + ". " + text.AsSentence(in.Action.Because)
	if command := in.Finding.Command; command != "" {
		message = text.AsClause(message) + ". Next: " + command
	}
	return &Decision{State: v1alpha1.StateEscalated, Reason: reason, RecheckAfter: time.Minute, Message: message}
}

// CallDue is when a person is to be called at the latest, whatever else goes on;
// zero where nobody is to be called by the time alone. That a person was called
// keeps from nothing: what may be done is still done.
func CallDue(policy stack.Policy, d v1alpha1.BridgeDiagnosis) time.Time {
	times := d.Status.Times
	if policy.Mode == v1alpha1.ModeObserve || d.Status.State.Final() || times.Visible == nil {
		return time.Time{}
	}
	return times.Visible.Add(policy.EscalateAfter)
}

// calledInTime makes a decision by which nothing is done one that calls a person,
// where it is time for that, and has it looked at again in time for it. See CallDue
// for who is called while something is done.
func calledInTime(in Input, d *Decision) {
	due := CallDue(in.Policy, in.Diagnosis)
	switch left := due.Sub(in.Now); {
	case due.IsZero() || d.State == v1alpha1.StateEscalated:
	case left > 0:
		d.RecheckAfter = min(d.RecheckAfter, left)
	default:
		// What a person can do at once stays what is shown: they are called all the same.
		if d.State != v1alpha1.StateAwaitingApproval && d.State != v1alpha1.StateAwaitingMerge {
			d.State, d.Reason = v1alpha1.StateEscalated, v1alpha1.ReasonDownTooLong
		}
		d.Message = fmt.Sprintf("not over after %s. %s", in.Policy.EscalateAfter, d.Message)
	}
}

func heldByRoot(in Input) *Decision {
	if in.Action.Hold == "" {
		return nil
	}
	return &Decision{State: v1alpha1.StateWaiting, Reason: v1alpha1.ReasonWaitingForDependency, RecheckAfter: recheck / 2,
		Message: fmt.Sprintf("waits for %s: %s", in.Action.Hold, in.says())}
}

// rejected leaves alone what a person does not want. Who had an attempt taken
// back has the incident in hand: nothing else is tried but what they approve.
func rejected(in Input) *Decision {
	spec := in.Diagnosis.Spec
	if in.Proposal.ID != "" && spec.Rejected == in.Proposal.ID {
		return suggested(in, "a person rejected it (spec.rejected)")
	}
	for _, a := range in.Diagnosis.Status.Attempts {
		takenBack := a.Outcome == v1alpha1.AttemptRolledBack || a.Outcome == v1alpha1.AttemptWithdrawn
		if a.ID == spec.TakeBack && takenBack && (a.Proposal.ID == in.Proposal.ID || !in.approved()) {
			return suggested(in, fmt.Sprintf("a person had %s taken back (spec.takeBack)", a.Proposal.Remedy))
		}
	}
	return nil
}

func suggestOnly(in Input) *Decision {
	if in.Policy.Mode != v1alpha1.ModeSuggest {
		return nil
	}
	return suggested(in, "the mode is Suggest")
}

func suggested(in Input, because string) *Decision {
	return &Decision{State: v1alpha1.StateSuggested, Reason: v1alpha1.ReasonRemedySuggested, RecheckAfter: time.Minute,
		Message: fmt.Sprintf("%s. Suggested: %s, %s; not applied: %s", in.says(), in.Proposal.Remedy, in.Proposal.Because, because)}
}

func paused(in Input) *Decision {
	what := ""
	switch {
	case in.Policy.Paused:
		what = "the stack is paused (spec.paused)"
	case in.WorkloadPaused:
		what = "the workload is paused (annotation " + v1alpha1.AnnotationPaused + ")"
	default:
		return nil
	}
	return waiting(v1alpha1.ReasonPaused, recheck, in, what)
}

// inMaintenance touches nothing until the window is over. A person is called in
// it as ever.
func inMaintenance(in Input) *Decision {
	window := in.Policy.MaintenanceAt(in.Now)
	if !window.Now() {
		return nil
	}
	return waiting(v1alpha1.ReasonMaintenanceWindow, window.Until.Sub(in.Now), in, window.Because)
}

func waiting(reason string, after time.Duration, in Input, because string) *Decision {
	return &Decision{State: v1alpha1.StateWaiting, Reason: reason, RecheckAfter: after,
		Message: fmt.Sprintf("%s. %s waits: %s", in.says(), in.Proposal.Remedy, because)}
}

func unsure(in Input) *Decision {
	if in.Policy.Mode != v1alpha1.ModeAuto || in.Finding.Confidence.AtLeast(in.Policy.MinimumConfidence) {
		return nil
	}
	return suggested(in, fmt.Sprintf("the confidence is %s and the policy wants at least %s", in.Finding.Confidence, in.Policy.MinimumConfidence))
}

// ApprovalOf is what spec.approved has to say for a proposal to be applied: its id, and
// once an approval of that was used, the id of the attempt that would be the next. So an
// approval counts once, whatever else its author writes later.
func ApprovalOf(d v1alpha1.BridgeDiagnosis, p v1alpha1.Proposal) string {
	used := slices.ContainsFunc(d.Status.Attempts, func(a v1alpha1.Attempt) bool {
		return a.Proposal.ID == p.ID && counts(a) && !neverWritten(a)
	})
	if !used {
		return p.ID
	}
	return fmt.Sprintf("%s-%d", p.ID, len(d.Status.Attempts)+1)
}

// approved says that a person approved exactly this proposal, and that it was not
// used yet.
func (in Input) approved() bool {
	return in.Proposal.ID != "" && in.Diagnosis.Spec.Approved == ApprovalOf(in.Diagnosis, in.Proposal)
}

// triedBefore keeps the same change from being made twice for the same trouble,
// from whatever side that is seen. One that met someone else's edit before
// anything was written was not tried. What was tried for an earlier incident may
// be approved by a person.
func triedBefore(in Input) *Decision {
	for _, a := range in.Diagnosis.Status.Attempts {
		if a.Outcome == v1alpha1.AttemptReverted {
			return reverted(in, a)
		}
		same := a.Proposal.ID == in.Proposal.ID && remedy.SameTrouble(in.Proposal.Remedy, a.Finding, in.Finding.Identity())
		if same && counts(a) && !remedy.Repeatable(a.Proposal.Remedy) && !neverWritten(a) {
			return exhausted(in, fmt.Sprintf("%s was tried already (%s) and is not tried again", in.Proposal.Remedy, a.Outcome))
		}
	}
	if t := in.Tried; t != nil && !in.approved() {
		return exhausted(in, fmt.Sprintf("%s was tried already, for %s at %s (%s), and is not tried again",
			in.Proposal.Remedy, t.Diagnosis, t.EndedAt.UTC().Format(time.RFC3339), t.Outcome))
	}
	return nil
}

func exhausted(in Input, reason string) *Decision {
	return &Decision{State: v1alpha1.StateEscalated, Reason: v1alpha1.ReasonAttemptsExhausted, RecheckAfter: time.Minute,
		Message: fmt.Sprintf("%s. %s", in.says(), reason)}
}

func neverWritten(a v1alpha1.Attempt) bool {
	return a.Outcome == v1alpha1.AttemptConflict && a.AppliedAt == nil
}

// counts says whether an attempt counts against the bounds: one that was
// withdrawn before anything was written does not.
func counts(a v1alpha1.Attempt) bool { return a.Outcome != v1alpha1.AttemptWithdrawn }

func attemptsExhausted(in Input) *Decision {
	n := 0
	for _, a := range in.Diagnosis.Status.Attempts {
		if counts(a) {
			n++
		}
	}
	if n < int(in.Policy.MaxAttempts) {
		return nil
	}
	return exhausted(in, fmt.Sprintf("%d attempts did not end the loop; the policy allows no more", n))
}

// underWay lets one attempt at a time change a workload, whoever's incident it is
// for: of two, the later one could not be judged, nor the earlier one be taken back.
func underWay(in Input) *Decision {
	if in.UnderWay == "" {
		return nil
	}
	return waiting(v1alpha1.ReasonBudgetSpent, recheck/2, in, fmt.Sprintf("the remedy of %s is in force on the same workload", in.UnderWay))
}

// unreachable keeps from a change that would wait for a person's hand anyway.
func unreachable(in Input) *Decision {
	if in.Unreachable == "" || in.Action.Template == nil || in.Action.On != nil {
		return nil
	}
	return suggested(in, in.Unreachable)
}

// untried keeps from judging the present template by a pod that does not have it.
func untried(in Input) *Decision {
	if in.Untried == "" || in.Action.Template == nil || in.Action.On != nil {
		return nil
	}
	return suggested(in, in.Untried)
}

func unapproved(in Input) *Decision {
	if in.Policy.Mode != v1alpha1.ModeApprove || in.approved() {
		return nil
	}
	return &Decision{State: v1alpha1.StateAwaitingApproval, Reason: v1alpha1.ReasonAwaitingApproval, RecheckAfter: time.Minute,
		Message: fmt.Sprintf(`%s. Proposed: %s, %s. To approve: kubectl -n %s patch bd %s --type=merge -p '{"spec":{"approved":"%s","approvedBy":"ME"}}', ME being who kubectl auth whoami says that you are`,
			in.says(), in.Proposal.Remedy, in.Proposal.Because, in.Diagnosis.Namespace, in.Diagnosis.Name, ApprovalOf(in.Diagnosis, in.Proposal))}
}

func coolingDown(in Input) *Decision {
	failed := 0
	var last time.Time
	for _, a := range in.Diagnosis.Status.Attempts {
		if a.EndedAt != nil && (a.Outcome == v1alpha1.AttemptRolledBack || a.Outcome == v1alpha1.AttemptFailed) {
			failed++
			last = a.EndedAt.Time
		}
	}
	left := last.Add(in.Policy.CooldownAfter(failed)).Sub(in.Now)
	if failed == 0 || left <= 0 {
		return nil
	}
	return waiting(v1alpha1.ReasonBudgetSpent, left, in, fmt.Sprintf("%d attempts failed, the next is due at %s", failed, in.Now.Add(left).UTC().Format(time.RFC3339)))
}
