package observe

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bridgestack/operator/internal/evidence"
)

func templateOf(c ...corev1.Container) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: c}}
}

func limited(memory string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)}}
}

// What a variable holds is never told; that it was changed is.
func TestTemplateChanges(t *testing.T) {
	from := templateOf(
		corev1.Container{Name: "app", Image: "api:1", Args: []string{"--password=a"}, Resources: limited("64Mi"), Env: []corev1.EnvVar{{Name: "TOKEN", Value: "a"}, {Name: "OLD", Value: "x"}, {Name: "SAME", Value: "s"}}},
		corev1.Container{Name: "gone"})
	to := templateOf(
		corev1.Container{Name: "app", Image: "api:2", Args: []string{"--password=b"}, Resources: limited("32Mi"), Env: []corev1.EnvVar{{Name: "SAME", Value: "s"}, {Name: "TOKEN", Value: "b"}, {Name: "NEW", Value: "y"}},
			LivenessProbe: &corev1.Probe{PeriodSeconds: 1}},
		corev1.Container{Name: "side"})
	to.Spec.ServiceAccountName = "other"
	to.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "now"}
	want := []evidence.FieldChange{
		{Path: "containers[app].image", From: "api:1", To: "api:2"},
		{Path: "containers[app].args"},
		{Path: "containers[app].env[TOKEN]"},
		{Path: "containers[app].env[NEW]", To: "added"},
		{Path: "containers[app].env[OLD]", From: "there", To: "removed"},
		{Path: "containers[app].resources.limits.memory", From: "64Mi", To: "32Mi"},
		{Path: "containers[app].livenessProbe"},
		{Path: "containers[side]", To: "added"},
		{Path: "containers[gone]", From: "there", To: "removed"},
		{Path: "annotations[kubectl.kubernetes.io/restartedAt]"},
		{Path: "serviceAccountName"},
	}
	if diff := cmp.Diff(want, templateChanges(from, to)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := templateChanges(to, to); len(got) > 0 {
		t.Errorf("a template differs from itself: %+v", got)
	}
}

// What was taken away may be what a sidecar's injector went by.
func TestTemplateChangesTellWhatWasTakenAway(t *testing.T) {
	from := &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"sidecar.example.com/inject": "true"}}}
	want := []evidence.FieldChange{{Path: "annotations[sidecar.example.com/inject]", From: "there", To: "removed"}}
	if diff := cmp.Diff(want, templateChanges(from, &corev1.PodTemplateSpec{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestManagerOf(t *testing.T) {
	at := metav1.NewTime(noon)
	entry := func(manager, subresource, fields string, when time.Time) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, Time: &metav1.Time{Time: when}, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	const template = `{"f:spec":{"f:template":{}}}`
	entries := []metav1.ManagedFieldsEntry{
		entry("helm", "", template, noon.Add(-time.Hour)),
		entry("kubectl-edit", "", template, noon.Add(-time.Second)),
		entry("kube-controller-manager", "status", template, noon),
		entry("hpa", "", `{"f:spec":{"f:replicas":{}}}`, noon),
	}
	if got := managerOf(entries, at.Time); got != "kubectl-edit" {
		t.Errorf("got %q", got)
	}
	if got := managerOf(entries, noon.Add(time.Hour)); got != "" {
		t.Errorf("of another time: got %q", got)
	}
}

func TestDifferences(t *testing.T) {
	template := templateOf(corev1.Container{Name: "app", Image: "api:1"})
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "mirror/api:1", Resources: limited("30Mi"), Env: []corev1.EnvVar{{Name: "AGENT", Value: "secret"}},
		VolumeMounts: []corev1.VolumeMount{{Name: "kube-api-access", MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}},
	}}}}
	defaults := []evidence.LimitDefault{{LimitRange: "small", MemoryLimit: 30 << 20}}
	want := []evidence.FieldChange{
		{Path: "containers[app].image", From: "api:1", To: "mirror/api:1", By: "by an admission webhook"},
		{Path: "containers[app].env[AGENT]", To: "added", By: "by an admission webhook"},
		{Path: "containers[app].resources.limits.memory", To: "30Mi", By: "by the LimitRange small"},
		{Path: "containers[app].resources.requests.memory", To: "30Mi", By: "by the LimitRange small"},
	}
	if diff := cmp.Diff(want, differencesOf(template, pod, "app", defaults)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	pod.Annotations = map[string]string{annotationVPA: "Pod resources updated by api"}
	if got := differencesOf(template, pod, "app", defaults); got[2].By != "by a VerticalPodAutoscaler" {
		t.Errorf("beside a VerticalPodAutoscaler: %+v", got[2])
	}
	if got := differencesOf(template, transformed(t, pod), "app", nil); len(got) != 4 {
		t.Errorf("of a pod in the cache: %+v", got)
	}
	if got := differencesOf(templateOf(pod.Spec.Containers[0]), pod, "app", nil); len(got) > 0 {
		t.Errorf("of one that is as its template: %+v", got)
	}
}
