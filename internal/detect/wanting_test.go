package detect_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/workload"
)

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

func podThat(ready evidence.Readiness, endsIn time.Duration) detect.PodState {
	p := detect.PodState{Pod: evidence.Pod{Ready: ready}, Current: true}
	if endsIn != 0 {
		p.Ends = now.Add(endsIn)
	}
	return p
}

// Pods that are not there because something else comes first are not wanting.
func TestWanting(t *testing.T) {
	up, starting := podThat(evidence.ReadinessTrue, 0), podThat(evidence.ReadinessFalse, 0)
	older := starting
	older.Current = false
	over := starting
	over.Pod.Phase = "Failed"
	for name, test := range map[string]struct {
		w    workload.Workload
		pods []detect.PodState
		want int32
		gone time.Duration
	}{
		"none is made":  {w: deployment(2, 0, false), want: 2},
		"all are there": {w: deployment(1, 1, false), pods: []detect.PodState{starting}},
		"one is there that the status does not count yet":        {w: deployment(1, 0, false), pods: []detect.PodState{up}},
		"one starts that the status does not count yet":          {w: deployment(2, 0, false), pods: []detect.PodState{starting}, want: 1},
		"one that ended is there no more than the status counts": {w: deployment(1, 0, false), pods: []detect.PodState{over}, want: 1},
		"a rollout is paused before its first pod":               {w: deployment(2, 0, true)},
		"a paused one lost a pod":                                {w: deployment(2, 1, true), pods: []detect.PodState{up}, want: 1},
		"the old pod ends, and is recreated then":                {w: deployment(1, 0, false), pods: []detect.PodState{podThat(evidence.ReadinessFalse, 5*time.Minute)}, gone: 5 * time.Minute},
		"the old pod should be gone by now":                      {w: deployment(1, 0, false), pods: []detect.PodState{podThat(evidence.ReadinessFalse, -time.Minute)}, want: 1},
		"the first of a row starts":                              {w: statefulSet(3, 1), pods: []detect.PodState{starting}},
		"the first of a row is ready":                            {w: statefulSet(3, 1), pods: []detect.PodState{up}, want: 2},
		"an earlier revision's own state tells not":              {w: statefulSet(3, 1), pods: []detect.PodState{older}, want: 2},
		"fewer are asked for than there are":                     {w: deployment(1, 2, false), pods: []detect.PodState{up, up}},
	} {
		t.Run(name, func(t *testing.T) {
			var gone time.Time
			if test.gone != 0 {
				gone = now.Add(test.gone)
			}
			if got, by := detect.Wanting(test.w, test.pods, now); got != test.want || !by.Equal(gone) {
				t.Errorf("%d are wanting, want %d; gone by %s, want %s", got, test.want, by, gone)
			}
		})
	}
}
