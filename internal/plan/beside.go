package plan

import (
	"fmt"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// besideGrace is how long it is awaited what earlier incidents are found to be.
const besideGrace = 30 * time.Second

// toldBeside lets one incident tell for all of what lies beside the pods and is at fault
// for each of them, such as a node or a registry: the oldest one. The others are its
// symptoms for as long as it is open.
func toldBeside(in Input) *Decision {
	beside := in.Finding.Subject.Beside
	if beside == "" {
		return nil
	}
	undecided := false
	for i := range in.Others {
		d := &in.Others[i]
		switch {
		case d.Status.State.Final() || !isOlder(d, &in.Diagnosis):
		case d.Status.Beside == beside:
			return &Decision{State: v1alpha1.StateWaiting, Reason: v1alpha1.ReasonWaitingForDependency, RecheckAfter: recheck,
				Root:    &v1alpha1.RootReference{Service: d.Spec.Service, Diagnosis: d.Name},
				Message: fmt.Sprintf("%s is at fault for several services: %s tells of it. %s", beside, d.Name, in.says())}
		case d.Status.Cause == "":
			undecided = true
		}
	}
	visible := in.Diagnosis.Status.Times.Visible
	if !undecided || visible == nil || in.Now.Sub(visible.Time) >= besideGrace {
		return nil
	}
	return &Decision{State: v1alpha1.StateDiagnosing, Reason: v1alpha1.ReasonCauseFound, RecheckAfter: time.Second,
		Message: fmt.Sprintf("%s. It is awaited what the incidents before it are found to be", in.says())}
}

// isOlder tells which of two diagnoses was there first.
func isOlder(a, b *v1alpha1.BridgeDiagnosis) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}
