package observe

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bridgestack/operator/internal/workload"
)

// TestRolledBackIsNew: kubectl rollout undo makes an old ReplicaSet the newest again.
// What was seen of the revision in between must not pass for what is known of this one.
func TestRolledBackIsNew(t *testing.T) {
	controller := true
	first := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	replicaSet := func(uid types.UID, revision string, made time.Time) appsv1.ReplicaSet {
		return appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
			Name: string(uid), UID: uid, CreationTimestamp: metav1.NewTime(made),
			Annotations:     map[string]string{workload.AnnotationRevision: revision},
			OwnerReferences: []metav1.OwnerReference{{UID: "d", Controller: &controller}},
		}}
	}
	pod := func(owner types.UID, made time.Time) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			CreationTimestamp: metav1.NewTime(made), OwnerReferences: []metav1.OwnerReference{{UID: owner, Controller: &controller}},
		}}
	}
	deployment, _ := workload.Of(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "app", UID: "d"}})
	between, back := first.Add(time.Hour), first.Add(2*time.Hour)
	for name, test := range map[string]struct {
		sets []appsv1.ReplicaSet
		want time.Time
	}{
		"rolled out":  {[]appsv1.ReplicaSet{replicaSet("a", "1", first), replicaSet("b", "2", between)}, between},
		"rolled back": {[]appsv1.ReplicaSet{replicaSet("a", "3", first), replicaSet("b", "2", between)}, back},
	} {
		t.Run(name, func(t *testing.T) {
			history := deployment.History(&appsv1.ReplicaSetList{Items: test.sets})
			pods := []corev1.Pod{pod("b", between), pod("a", back)}
			if got := rolloutOf(deployment, history, pods).TemplateChanged; !got.Equal(test.want) {
				t.Errorf("the template changed at %s, want %s", got, test.want)
			}
		})
	}
}
