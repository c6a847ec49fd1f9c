package observe

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Two brokers are ready for days, and the third was moved a moment ago: the cluster
// was there all the time.
func TestLongestReady(t *testing.T) {
	pod := func(name string, status corev1.ConditionStatus, since time.Time) Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(since)}}
		return Pod{Pod: p}
	}
	moved := pod("redpanda-2", corev1.ConditionTrue, noon)
	days := pod("redpanda-1", corev1.ConditionTrue, noon.Add(-240*time.Hour))
	down := pod("redpanda-0", corev1.ConditionFalse, noon.Add(-480*time.Hour))
	for _, pods := range [][]Pod{{moved, days, down}, {down, days, moved}} {
		if p, since, ready := LongestReady(pods); !ready || p.Name != days.Name || !since.Equal(noon.Add(-240*time.Hour)) {
			t.Errorf("%s since %s, ready %t", p.Name, since, ready)
		}
	}
	if _, _, ready := LongestReady([]Pod{down}); ready {
		t.Error("one that is not ready is")
	}
}
