package availability

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/workload"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func deployment(desired, total int32, paused bool) workload.Workload {
	d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &desired, Paused: paused}}
	d.Status.Replicas = total
	w, _ := workload.Of(d)
	return w
}

func statefulSet(desired, total int32) workload.Workload {
	s := &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Replicas: &desired}}
	s.Status.Replicas = total
	w, _ := workload.Of(s)
	return w
}

func podThat(ready corev1.ConditionStatus, endsIn time.Duration) observe.Pod {
	p := &corev1.Pod{}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	if endsIn != 0 {
		p.DeletionTimestamp = &metav1.Time{Time: now.Add(endsIn)}
	}
	return observe.Pod{Pod: p, Newest: true}
}

// Pods that are not there because something else comes first are not wanting.
func TestWanting(t *testing.T) {
	up, starting := podThat(corev1.ConditionTrue, 0), podThat(corev1.ConditionFalse, 0)
	older := starting
	older.Newest = false
	for name, test := range map[string]struct {
		w    workload.Workload
		pods []observe.Pod
		want int32
		gone time.Duration
	}{
		"none is made":  {w: deployment(2, 0, false), want: 2},
		"all are there": {w: deployment(1, 1, false), pods: []observe.Pod{starting}},
		"a rollout is paused before its first pod":  {w: deployment(2, 0, true)},
		"a paused one lost a pod":                   {w: deployment(2, 1, true), pods: []observe.Pod{up}, want: 1},
		"the old pod ends, and is recreated then":   {w: deployment(1, 0, false), pods: []observe.Pod{podThat(corev1.ConditionFalse, 5*time.Minute)}, gone: 5 * time.Minute},
		"the old pod should be gone by now":         {w: deployment(1, 0, false), pods: []observe.Pod{podThat(corev1.ConditionFalse, -time.Minute)}, want: 1},
		"the first of a row starts":                 {w: statefulSet(3, 1), pods: []observe.Pod{starting}},
		"the first of a row is ready":               {w: statefulSet(3, 1), pods: []observe.Pod{up}, want: 2},
		"an earlier revision's own state tells not": {w: statefulSet(3, 1), pods: []observe.Pod{older}, want: 2},
		"fewer are asked for than there are":        {w: deployment(1, 2, false), pods: []observe.Pod{up, up}},
	} {
		t.Run(name, func(t *testing.T) {
			var gone time.Time
			if test.gone != 0 {
				gone = now.Add(test.gone)
			}
			if got, by := wanting(test.w, test.pods, now); got != test.want || !by.Equal(gone) {
				t.Errorf("%d are wanting, want %d; gone by %s, want %s", got, test.want, by, gone)
			}
		})
	}
}

// Many pods take their time to be made: as long as some come, none is overdue.
func TestMissingSince(t *testing.T) {
	var m missing
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	for i, step := range []struct {
		pods  int32
		since time.Time
	}{{5, at(0)}, {5, at(0)}, {4, at(2)}, {4, at(2)}, {5, at(2)}, {0, time.Time{}}, {1, at(6)}} {
		if got := m.since("a", step.pods, at(i)); !got.Equal(step.since) {
			t.Errorf("step %d: since %s, want %s", i, got, step.since)
		}
	}
	if m.forget("a"); len(m.at) != 0 {
		t.Errorf("it is not forgotten: %v", m.at)
	}
}

// Of many pods that wait for the same new node a few are asked, and none is an incident.
func TestPodsThatAreNotAskedAreAsTheOthers(t *testing.T) {
	a := detect.Availability{Wanted: 6, Pods: make([]detect.PodState, 6)}
	for i := range a.Pods {
		a.Pods[i].Pod = evidence.Pod{Phase: "Pending", Created: now.Add(-5 * time.Minute)}
	}
	asked := 0
	answers := func(yes bool) func(evidence.Pod) bool {
		return func(evidence.Pod) bool { asked++; return yes }
	}
	if learnScaleUps(&a, answers(false)) || !detect.Unavailable(a, detect.Settings{}, now).Looping {
		t.Error("no node is made, and it is no incident")
	}
	if !learnScaleUps(&a, answers(true)) || detect.Unavailable(a, detect.Settings{}, now).Looping {
		t.Error("a node is made, and it is an incident")
	}
	if asked != 2*maxAsked {
		t.Errorf("%d pods were asked for, want %d at a time", asked, maxAsked)
	}
}
