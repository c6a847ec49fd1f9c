package remedy

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	patch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func template() *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "migrate", Image: "app:1"}},
		Containers: []corev1.Container{
			{Name: "proxy", Image: "proxy:1"},
			{
				Name: "app", Image: "app:1",
				Env: []corev1.EnvVar{
					{Name: "POSTGRES_HOST", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}, Key: "host"}}},
					{Name: "POSTGRES_PORT", Value: "5432"},
					{Name: "MODE", Value: "fast"},
				},
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
					Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")},
				},
			},
		},
	}}
}

func TestPatchAndUndoLeadThereAndBackToTheByte(t *testing.T) {
	before, after := template(), template()
	app := &after.Spec.Containers[1]
	put(app, corev1.EnvVar{Name: "POSTGRES_HOST", Value: "postgres"})
	put(app, corev1.EnvVar{Name: "API_KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "keys"}, Key: "api"}}})
	app.Resources.Limits[corev1.ResourceMemory] = resource.MustParse("192Mi")

	forward, undo, err := Patches(before, after)
	if err != nil {
		t.Fatal(err)
	}
	patched := apply(t, before, forward)
	if TemplateHash(patched) != TemplateHash(after) {
		t.Errorf("the patch %s does not lead to the wanted template", forward)
	}
	if restored := apply(t, patched, undo); TemplateHash(restored) != TemplateHash(before) {
		t.Errorf("the undo %s does not restore the template: %s", undo, cmp.Diff(before, restored))
	}

	p, err := Action{Template: after}.Proposal(before)
	if err != nil {
		t.Fatal(err)
	}
	want := []v1alpha1.FieldChange{
		{Kind: v1alpha1.ChangeField, Operation: v1alpha1.OperationReplace, Path: "containers[app].env[POSTGRES_HOST]", After: "postgres",
			BeforeFrom: &v1alpha1.ValueSource{Kind: v1alpha1.ValueFromConfigMap, Name: "db", Key: "host"}},
		{Kind: v1alpha1.ChangeField, Operation: v1alpha1.OperationAdd, Path: "containers[app].env[API_KEY]",
			AfterFrom: &v1alpha1.ValueSource{Kind: v1alpha1.ValueFromSecret, Name: "keys", Key: "api"}},
		{Kind: v1alpha1.ChangeField, Operation: v1alpha1.OperationReplace, Path: "containers[app].resources.limits.memory", Before: "128Mi", After: "192Mi"},
	}
	if d := cmp.Diff(want, p.Changes); d != "" {
		t.Error(d)
	}
}

func apply(t *testing.T, to *corev1.PodTemplateSpec, operations string) *corev1.PodTemplateSpec {
	t.Helper()
	decoded, err := patch.DecodePatch([]byte(operations))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(to)
	if err != nil {
		t.Fatal(err)
	}
	raw, err = decoded.Apply(raw)
	if err != nil {
		t.Fatal(err)
	}
	var out corev1.PodTemplateSpec
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return &out
}
