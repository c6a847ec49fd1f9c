package apply

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/remedy"
)

func withHost(host string) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "app:1", Env: []corev1.EnvVar{{Name: "POSTGRES_HOST", Value: host}},
	}}}}
}

// recordedFor is an attempt at the Deployment api that leads from one template to the other.
func recordedFor(t *testing.T, before, after *corev1.PodTemplateSpec) v1alpha1.Attempt {
	t.Helper()
	w := v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "api", UID: "first"}
	action, err := attempt.ActionOf(remedy.Action{Template: after}, attempt.Target{Workload: w, Template: before})
	if err != nil {
		t.Fatal(err)
	}
	return v1alpha1.Attempt{ID: "abc-1", Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedySetEnv}, Action: action}
}

// TestOnlyTheAttemptsOwnChangeIsTakenBack: an edit of any field since, the
// patched one too, is a person's and stands.
func TestOnlyTheAttemptsOwnChangeIsTakenBack(t *testing.T) {
	before, after := withHost("localhost"), withHost("postgres")
	action := *recordedFor(t, before, after).Action.PatchTemplate
	elsewhere := withHost("postgres")
	elsewhere.Spec.Containers[0].Image = "app:2"
	for name, c := range map[string]struct {
		live *corev1.PodTemplateSpec
		want bool
	}{
		"as the attempt left it":           {after, true},
		"the same field edited since":      {withHost("postgres-2"), false},
		"another field edited since":       {elsewhere, false},
		"taken back by someone else":       {before, false},
		"the container is no longer there": {&corev1.PodTemplateSpec{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := attempt.StandingOf(c.live, action) == attempt.InPlace; got != c.want {
				t.Errorf("may be taken back: %t", got)
			}
		})
	}
}
