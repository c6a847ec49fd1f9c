package apply

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/remedy"
)

func withHost(host string) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "app:1", Env: []corev1.EnvVar{{Name: "POSTGRES_HOST", Value: host}},
	}}}}
}

// TestOnlyTheAttemptsOwnChangeIsTakenBack: an edit of any field since, the
// patched one too, is a person's and stands.
func TestOnlyTheAttemptsOwnChangeIsTakenBack(t *testing.T) {
	before, after := withHost("localhost"), withHost("postgres")
	patch, undo, err := remedy.Patches(before, after)
	if err != nil {
		t.Fatal(err)
	}
	attempt := v1alpha1.Attempt{TemplateHash: remedy.TemplateHash(before), Patch: patch, Undo: undo}
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
			if got := undone(c.live, attempt) && remedy.TemplateHash(c.live) != attempt.TemplateHash; got != c.want {
				t.Errorf("may be taken back: %t", got)
			}
		})
	}
}
