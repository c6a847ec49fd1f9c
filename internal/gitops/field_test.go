package gitops

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func TestFieldsOfChanges(t *testing.T) {
	of := target().Template
	of.Spec.InitContainers = []corev1.Container{{Name: "migrate"}}
	for path, want := range map[string]string{
		"containers[app].resources.limits.memory":                 "spec.template.spec.containers[app].resources.limits.memory",
		"containers[app].resources.limits[nvidia.com/gpu]":        "spec.template.spec.containers[app].resources.limits.nvidia.com/gpu",
		"containers[app].env[A.B]":                                "spec.template.spec.containers[app].env[A.B]",
		"initContainers[migrate].env[A]":                          "spec.template.spec.initContainers[migrate].env[A]",
		"containers[migrate].env[A]":                              "spec.template.spec.initContainers[migrate].env[A]",
		"metadata.annotations[kubectl.kubernetes.io/restartedAt]": "spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt",
		"containers[app].startupProbe.failureThreshold":           "spec.template.spec.containers[app].startupProbe.failureThreshold",
		"": "spec.template",
	} {
		if got := parsePath(of, path).String(); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if fields := Fields(of, []v1alpha1.FieldChange{{Kind: v1alpha1.ChangeRevision, Path: "revision", After: "4"}, {Path: "containers[app].image", After: "a:1"}}); len(fields) != 1 || fields[0].Because == "" {
		t.Errorf("a rollback is %v", fields)
	}
	if fields := Fields(of, []v1alpha1.FieldChange{{Kind: v1alpha1.ChangeTopic, Path: "topics[events]"}}); len(fields) != 0 {
		t.Errorf("a topic is %v", fields)
	}
}

// A value that begins with a parenthesis is a value, and an empty one is there.
func TestWhetherAFieldHolds(t *testing.T) {
	of := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{
		{Name: "TWICE", Value: "old"}, {Name: "TWICE", Value: "new"}, {Name: "EMPTY"}, {Name: "NOTE", Value: "(none)"},
	}}}}}
	for name, c := range map[string]struct {
		change v1alpha1.FieldChange
		want   bool
	}{
		"the last entry":         {v1alpha1.FieldChange{Path: "containers[app].env[TWICE]", After: "new"}, true},
		"not the first":          {v1alpha1.FieldChange{Path: "containers[app].env[TWICE]", After: "old"}, false},
		"an empty value":         {v1alpha1.FieldChange{Operation: v1alpha1.OperationAdd, Path: "containers[app].env[EMPTY]"}, true},
		"a removed variable":     {v1alpha1.FieldChange{Operation: v1alpha1.OperationRemove, Path: "containers[app].env[EMPTY]", Before: "x"}, false},
		"one that is gone":       {v1alpha1.FieldChange{Operation: v1alpha1.OperationRemove, Path: "containers[app].env[GONE]", Before: "x"}, true},
		"text in parentheses":    {v1alpha1.FieldChange{Path: "containers[app].env[NOTE]", After: "(none)"}, true},
		"another in parentheses": {v1alpha1.FieldChange{Path: "containers[app].env[NOTE]", After: "(some)"}, false},
	} {
		if got := Fields(of, []v1alpha1.FieldChange{c.change})[0].Holds(of); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
