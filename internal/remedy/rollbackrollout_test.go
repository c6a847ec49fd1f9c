package remedy

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
)

// A rollback shows all that it changes.
func TestARollbackIsShownInFull(t *testing.T) {
	in := input(v1alpha1.CauseApplicationError, diagnosis.Subject{})
	enabled(&in, v1alpha1.RemedyRollbackRollout)
	looksBetter(&in, 2, 0)
	old := container(in.Previous, "app")
	old.Env = []corev1.EnvVar{{Name: "POSTGRES_HOST", Value: "old-db"}}
	old.Command, old.Args = []string{"serve"}, []string{"--old"}
	in.Previous.Spec.InitContainers[0].Image = "migrate:0"
	in.Previous.Labels = map[string]string{"release": "4"}
	p, refused := shown(t, in)
	if p.Remedy != v1alpha1.RemedyRollbackRollout {
		t.Fatalf("%s, refused %v", p.Remedy, refused)
	}
	want := []string{
		"revision: 5 -> 4",
		"metadata.labels.release: (absent) -> 4",
		"containers[app].args: (absent) -> [\"--old\"]",
		"containers[app].command: (absent) -> [\"serve\"]",
		"containers[app].env[POSTGRES_HOST]: (key host of ConfigMap db) -> old-db",
		"containers[app].env[POSTGRES_PORT]: 5432 -> (absent)",
		"containers[app].env[MODE]: fast -> (absent)",
		"containers[app].image: app:1 -> app:0",
		"initContainers[migrate].image: app:1 -> migrate:0",
	}
	if got := diffOf(p); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// Who a pod is, what it may do and its data are not changed by going back.
func TestARollbackThatReachesFurtherIsRefused(t *testing.T) {
	for field, change := range map[string]func(*corev1.PodTemplateSpec){
		"serviceAccountName": func(p *corev1.PodTemplateSpec) { p.Spec.ServiceAccountName = "admin" },
		"volumes[data]": func(p *corev1.PodTemplateSpec) {
			p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "old"}}}}
		},
		"containers[app].securityContext": func(p *corev1.PodTemplateSpec) {
			yes := true
			p.Spec.Containers[1].SecurityContext = &corev1.SecurityContext{Privileged: &yes}
		},
		"containers[app].volumeMounts": func(p *corev1.PodTemplateSpec) {
			p.Spec.Containers[1].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/d"}}
		},
		"hostNetwork": func(p *corev1.PodTemplateSpec) { p.Spec.HostNetwork = true },
	} {
		in := input(v1alpha1.CauseApplicationError, diagnosis.Subject{})
		enabled(&in, v1alpha1.RemedyRollbackRollout)
		looksBetter(&in, 2, 0)
		change(in.Previous)
		if p, _ := shown(t, in); p.Remedy != v1alpha1.RemedyEscalate || !strings.Contains(p.Because, field) {
			t.Errorf("%s: %s: %s", field, p.Remedy, p.Because)
		}
	}
}
