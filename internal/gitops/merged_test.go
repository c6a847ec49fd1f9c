package gitops

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Only what is in force, and came there through Git, counts as merged.
func TestMerged(t *testing.T) {
	template := func(limit string) *corev1.PodTemplateSpec {
		return &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "api", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)}},
		}}}}
	}
	now := metav1.Now()
	committed := func(inForce *metav1.Time, attempts ...v1alpha1.Attempt) v1alpha1.BridgeDiagnosisStatus {
		return v1alpha1.BridgeDiagnosisStatus{Attempts: attempts, Commit: &v1alpha1.GitCommit{InForceAt: inForce, Changes: []v1alpha1.FieldChange{
			{Path: "containers[api].resources.limits.memory", Before: "128Mi", After: "192Mi"},
		}}}
	}
	for name, c := range map[string]struct {
		status v1alpha1.BridgeDiagnosisStatus
		limit  string
		want   bool
	}{
		"nothing was committed":                    {v1alpha1.BridgeDiagnosisStatus{}, "192Mi", false},
		"it is not merged yet":                     {committed(nil), "128Mi", false},
		"it has come into force":                   {committed(nil), "192Mi", true},
		"that is known already":                    {committed(&now), "192Mi", false},
		"it was written under a hold as well":      {committed(nil, v1alpha1.Attempt{HeldUntil: &now}), "192Mi", false},
		"another attempt was made, without a hold": {committed(nil, v1alpha1.Attempt{}), "192Mi", true},
	} {
		if got := Merged(c.status, template(c.limit)); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
