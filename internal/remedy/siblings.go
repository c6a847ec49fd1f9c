package remedy

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
)

// RestartsBy are the attempts of a stack's incidents, but for one's own, that
// restart a dependency.
func RestartsBy(diagnoses []v1alpha1.BridgeDiagnosis, own types.UID) []v1alpha1.Attempt {
	var out []v1alpha1.Attempt
	for _, d := range diagnoses {
		for _, a := range d.Status.Attempts {
			if d.UID != own && SettlesBy(a.Proposal.Remedy) == SettlesWhenAnswering {
				out = append(out, a)
			}
		}
	}
	return out
}

// RecurrencesOf is when the recovered incidents of a service with a cause began.
func RecurrencesOf(diagnoses []v1alpha1.BridgeDiagnosis, service string, cause v1alpha1.Cause) []time.Time {
	var out []time.Time
	for _, d := range diagnoses {
		if d.Spec.Service == service && d.Status.State == v1alpha1.StateRecovered && d.Status.Cause == cause {
			out = append(out, d.CreationTimestamp.Time)
		}
	}
	return out
}

// RestartableBy are the workloads of a service's dependencies that the policy lets
// be restarted.
func RestartableBy(s stack.Stack, service stack.Service) []v1alpha1.DiagnosedWorkload {
	var out []v1alpha1.DiagnosedWorkload
	for _, d := range service.DependsOn {
		target, known := s.ByName(d.Service)
		if known && target.Workload != nil && MayRestart(target.Workload.Kind, target.AllowRestart) {
			out = append(out, v1alpha1.DiagnosedWorkload{Kind: target.Workload.Kind, Name: target.Workload.Name, UID: types.UID(target.Workload.UID)})
		}
	}
	return out
}
