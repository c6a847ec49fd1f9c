package remedy

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// Changes is the workload whose template an action changes, nil for none. own is the
// one that the incident is of.
func (a Action) Changes(own v1alpha1.DiagnosedWorkload) *v1alpha1.DiagnosedWorkload {
	switch {
	case a.Template == nil:
		return nil
	case a.On != nil:
		return &a.On.DiagnosedWorkload
	}
	return &own
}
