package remedy

import (
	"encoding/json"
	"errors"
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

	changes, err := Changes(before, after)
	if err != nil {
		t.Fatal(err)
	}
	want := []v1alpha1.FieldChange{
		{Path: "containers[app].resources.limits.memory", Before: "128Mi", After: "192Mi"},
		{Path: "containers[app].env[POSTGRES_HOST]", Before: "(key host of ConfigMap db)", After: "postgres"},
		{Path: "containers[app].env[API_KEY]", After: "(key api of Secret keys)"},
	}
	if d := cmp.Diff(want, changes); d != "" {
		t.Error(d)
	}
}

func TestChangesRefusesFieldsThatNoRemedyMayTouch(t *testing.T) {
	for name, touch := range map[string]func(*corev1.PodTemplateSpec){
		"image":           func(p *corev1.PodTemplateSpec) { p.Spec.Containers[1].Image = "app:2" },
		"command":         func(p *corev1.PodTemplateSpec) { p.Spec.Containers[1].Command = []string{"sh"} },
		"args":            func(p *corev1.PodTemplateSpec) { p.Spec.Containers[1].Args = []string{"-v"} },
		"envFrom":         func(p *corev1.PodTemplateSpec) { p.Spec.Containers[1].EnvFrom = []corev1.EnvFromSource{{}} },
		"securityContext": func(p *corev1.PodTemplateSpec) { p.Spec.Containers[1].SecurityContext = &corev1.SecurityContext{} },
		"volumeMounts": func(p *corev1.PodTemplateSpec) {
			p.Spec.Containers[1].VolumeMounts = []corev1.VolumeMount{{Name: "data"}}
		},
		"volumes":        func(p *corev1.PodTemplateSpec) { p.Spec.Volumes = []corev1.Volume{{Name: "data"}} },
		"serviceAccount": func(p *corev1.PodTemplateSpec) { p.Spec.ServiceAccountName = "admin" },
		"new container": func(p *corev1.PodTemplateSpec) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "x"})
		},
		"new probe": func(p *corev1.PodTemplateSpec) { p.Spec.Containers[1].LivenessProbe = &corev1.Probe{} },
	} {
		t.Run(name, func(t *testing.T) {
			after := template()
			touch(after)
			if _, err := Changes(template(), after); !errors.Is(err, ErrForbiddenField) {
				t.Errorf("got %v", err)
			}
		})
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
