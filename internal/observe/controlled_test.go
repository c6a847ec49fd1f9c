package observe

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/bridgestack/operator/internal/workload"
)

// Of what only pods tell of, no template is known: that its operator makes each pod in
// its own way, or has got to one with a newer image, is no webhook's doing and no tag
// that was moved.
func TestPodsOfAnotherOperatorDifferForNobodysFault(t *testing.T) {
	made := func(name, image string, at time.Time) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(at), OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "postgresql.cnpg.io/v1", Kind: "Cluster", Name: "db", UID: "db", Controller: new(true)}}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "postgres", Image: image, Env: []corev1.EnvVar{{Name: "POD_ROLE", Value: name}}, Resources: limited("64Mi")}}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
				{Name: "postgres", RestartCount: 4, ImageID: "docker.io/postgres@sha256:" + image}}},
		}
	}
	older, newer, newest := made("db-1", "postgres:16", noon), made("db-2", "postgres:17", noon.Add(time.Minute)), made("db-3", "postgres:17", noon.Add(2*time.Minute))
	c := fake.NewClientBuilder().WithObjects(older, newer, newest).Build()
	r := New(Options{Cached: c, Live: c, Now: func() time.Time { return noon.Add(time.Hour) }})
	ref := workload.Ref{Kind: "Cluster.postgresql.cnpg.io", Namespace: "shop", Name: "db", UID: "db"}
	origin, err := r.originOf(t.Context(), Request{Workload: ref, Container: "postgres"}, newer)
	if err != nil || !origin.rollout.Known || len(origin.changes) > 0 || len(origin.differences) > 0 {
		t.Errorf("%+v: %v", origin, err)
	}
}
