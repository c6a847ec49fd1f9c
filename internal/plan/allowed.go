package plan

import (
	"fmt"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/workload"
)

// Forbids says why an attempt that was recorded, and of which nothing was
// written yet, must not be applied any more: the policy may have changed since,
// while the operator was away. Empty is allowed. Of the input it looks at the
// time, the policy, the pauses, the GitOps owner and the approval.
func Forbids(in Input, attempt v1alpha1.Attempt) string {
	if because := held(in); because != "" {
		return because
	}
	if !remedy.Allowed(in.Policy, attempt.Proposal.Remedy) {
		return fmt.Sprintf("the policy switches %s off", attempt.Proposal.Remedy)
	}
	if lock := workload.TraitsOf(in.Diagnosis.Spec.Workload.Kind).Lock; lock != "" {
		return lock
	}
	if because := in.templateIsAnothers(attempt); because != "" {
		return because
	}
	if because := in.holdsTooLong(attempt); because != "" {
		return because
	}
	if because := unwanted(in.Diagnosis.Spec, attempt); because != "" {
		return because
	}
	return in.modeForbids(attempt)
}

// templateIsAnothers says who else decides what the pod template is that an attempt
// changes, or what keeps a change of it from the pods.
func (in Input) templateIsAnothers(attempt v1alpha1.Attempt) string {
	patch := attempt.Action.PatchTemplate
	switch {
	case patch == nil:
		return ""
	case in.Owner != (workload.Owner{}):
		return in.ownedBy(patch.Workload)
	case in.GitOps.takesBack() != "" && !in.holds(attempt):
		return in.GitOps.takesBack()
	case patch.Workload == in.Diagnosis.Spec.Workload:
		return in.Unreachable
	}
	return ""
}

// longestRound is more than a round takes, which looks at the clock when it begins
// and records an attempt at its end.
const longestRound = 10 * time.Minute

// holdsTooLong says why an attempt must not keep a GitOps controller from its object:
// what was recorded is not taken at its word, and holds for no longer than the policy
// lets it.
func (in Input) holdsTooLong(a v1alpha1.Attempt) string {
	switch {
	case a.HeldUntil == nil:
		return ""
	case in.GitOps.TTL <= 0:
		return "the policy lets no GitOps controller be kept from it (spec.gitOps.hold)"
	case a.HeldUntil.After(in.Now.Add(in.GitOps.TTL + longestRound)):
		return fmt.Sprintf("it would keep the GitOps controller from it until %s, and the policy lets it for %s", a.HeldUntil.UTC().Format(time.RFC3339), in.GitOps.TTL)
	}
	return ""
}

// unwanted says that a person does not want an attempt.
func unwanted(spec v1alpha1.BridgeDiagnosisSpec, attempt v1alpha1.Attempt) string {
	switch {
	case spec.Rejected != "" && spec.Rejected == attempt.Proposal.ID:
		return "a person rejected it (spec.rejected)"
	case spec.TakeBack != "" && spec.TakeBack == attempt.ID:
		return "a person wants it taken back (spec.takeBack)"
	}
	return ""
}

// holds says that the attempt keeps its owner from the object, and that it still may.
func (in Input) holds(a v1alpha1.Attempt) bool {
	return a.HeldUntil != nil && in.GitOps.Holdable && in.GitOps.TTL > 0 && in.Now.Before(a.HeldUntil.Time)
}

func (in Input) modeForbids(attempt v1alpha1.Attempt) string {
	switch {
	case in.Policy.Mode == v1alpha1.ModeAuto:
		return ""
	case in.Policy.Mode != v1alpha1.ModeApprove:
		return fmt.Sprintf("the mode is %s", in.Policy.Mode)
	case in.Diagnosis.Spec.Approved != attempt.Proposal.ID && in.Diagnosis.Spec.Approved != attempt.ID:
		return "the mode is Approve, and it is not approved"
	}
	return ""
}

// held is what holds every write of the stack back at the moment.
func held(in Input) string {
	switch {
	case in.Policy.Paused:
		return "the stack is paused (spec.paused)"
	case in.WorkloadPaused:
		return "the workload is paused (annotation " + v1alpha1.AnnotationPaused + ")"
	case in.Policy.MaintenanceAt(in.Now).Now():
		return in.Policy.MaintenanceAt(in.Now).Because
	}
	return ""
}
