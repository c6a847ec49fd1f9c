package gitops

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// What an owner names as handed over is that field and what is below it, and
// nothing else.
func TestHandedOver(t *testing.T) {
	const limit = "spec.template.spec.containers[app].resources.limits.memory"
	at := template.with(Step{Key: "spec"}, Step{"containers", "app"}).with(keys("resources", "limits", "memory")...)
	if at.String() != limit {
		t.Fatal(at)
	}
	for names, want := range map[string]Rung{
		"":                        SetInGit,
		" , ":                     SetInGit,
		limit:                     HandedOver,
		"spec.replicas, " + limit: HandedOver,
		"spec.template.spec.containers[app].resources": HandedOver,
		"spec.template.spec.containers":                HandedOver,
		"spec.template.spec.containers[ap":             SetInGit,
		"spec.template.spec.containers[other]":         SetInGit,
		limit + "Max":                                  SetInGit,
		"spec.template.spec.containers[app].res":       SetInGit,
	} {
		t.Run(names, func(t *testing.T) {
			o := Object{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "api",
				Labels:      map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"},
				Annotations: map[string]string{v1alpha1.AnnotationHandedOver: names},
				Managed: []metav1.ManagedFieldsEntry{{Manager: "kustomize-controller", FieldsV1: metav1.NewFieldsV1(
					`{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{"f:resources":{"f:limits":{"f:memory":{}}}}}}}}}`)}}}
			if got := Stand(o, []Field{{Path: at}}); got.Rung != want || (len(got.Set) == 0) != (want == HandedOver) {
				t.Errorf("it stands on %s with %v set, want %s", got.Rung, got.Set, want)
			}
			// One that is not handed over keeps the remedy from being patched.
			if got := Stand(o, []Field{{Path: at}, {Path: at[:4]}}); names == limit && got.Rung != SetInGit {
				t.Errorf("with a field that is not handed over it stands on %s", got.Rung)
			}
		})
	}
}
