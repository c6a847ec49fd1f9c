package gitops

import (
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// AllHold reports whether all of the changes are in force in a template.
func AllHold(template *corev1.PodTemplateSpec, changes []v1alpha1.FieldChange) bool {
	for _, f := range Fields(template, changes) {
		if !f.Holds(template) {
			return false
		}
	}
	return true
}
