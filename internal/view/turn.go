package view

import (
	"fmt"
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

// Rests is true where no attempt is in force and nothing is awaited that only a
// look at the cluster can tell.
func Rests(d *v1alpha1.BridgeDiagnosis) bool {
	if slices.ContainsFunc(d.Status.Attempts, func(a v1alpha1.Attempt) bool { return a.Outcome.InForce() }) {
		return false
	}
	switch d.Status.State {
	case v1alpha1.StateObserved, v1alpha1.StateSuggested, v1alpha1.StateEscalated, v1alpha1.StateAwaitingApproval:
		return true
	default:
		return false
	}
}

// GivesWay says that a change of a diagnosis may be what another incident of its stack
// waits for: its state is another one, or its attempts stand otherwise.
func GivesWay(before, after *v1alpha1.BridgeDiagnosis) bool {
	was, is := before.Status.Attempts, after.Status.Attempts
	return before.Status.State != after.Status.State || len(was) != len(is) || len(is) > 0 && was[len(was)-1].Outcome != is[len(is)-1].Outcome
}

// Seen is what there is of what an incident is about.
type Seen struct {
	// WorkloadGone says that the workload was deleted, or is another one under its
	// name; StackGone that no stack covers it any more.
	WorkloadGone, StackGone bool
	// ContainerGone says that neither the template nor any pod has Container.
	ContainerGone bool
	Container     string
	// Desired replicas, and Pods that are not being deleted.
	Desired int32
	Pods    int
	// Run is how it stands with what runs to an end, nil of what runs for good: that has
	// no replicas between its runs.
	Run *workload.Run
}

// Over is why there is nothing left to repair, with the reason of the API, empty while
// there is.
func (s Seen) Over() (reason, message string) {
	switch {
	case s.WorkloadGone, s.StackGone:
		return v1alpha1.ReasonWorkloadGone, "the workload was deleted, or is no longer part of the stack"
	case s.ContainerGone:
		return v1alpha1.ReasonContainerGone, fmt.Sprintf("the pod template has no container %q any more: it was removed or renamed", s.Container)
	case s.Run != nil && s.Run.State == workload.RunSuspended:
		return v1alpha1.ReasonSuspended, "it was suspended: nothing of it runs until it is resumed"
	case s.Run == nil && s.Desired == 0 && s.Pods == 0:
		return v1alpha1.ReasonScaledToZero, "the workload was scaled to zero: nothing of it runs that could loop"
	}
	return "", ""
}

// RecoveredBy is the reason of the API for an incident whose container stays up without
// an attempt in force, and how to end the sentence that says so.
func RecoveredBy(s v1alpha1.BridgeDiagnosisStatus) (reason, because string) {
	switch {
	case len(s.Attempts) > 0:
		return v1alpha1.ReasonRecovered, ""
	case s.Commit != nil:
		return v1alpha1.ReasonRecovered, " since it was made in Git"
	}
	return v1alpha1.ReasonRecoveredWithoutRemedy, "; nothing was patched"
}
