package gitops

import (
	"slices"

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

// Merged says that what was committed for a diagnosis has come into force since. Where
// it was also written under a hold, that it is in force says nothing of Git.
func Merged(s v1alpha1.BridgeDiagnosisStatus, template *corev1.PodTemplateSpec) bool {
	underHold := func(a v1alpha1.Attempt) bool { return a.HeldUntil != nil }
	return s.Commit != nil && s.Commit.InForceAt == nil && !slices.ContainsFunc(s.Attempts, underHold) && AllHold(template, s.Commit.Changes)
}
