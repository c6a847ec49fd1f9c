package verify

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Of a workload's pods those count that should be up, and each by what is its own doing.
func TestPodsOf(t *testing.T) {
	silent, back := evidence.Node{Name: "n", Known: true}, evidence.Node{Name: "n", Known: true, Ready: true, ReadySince: at(40)}
	pod := func(change ...func(*evidence.WorkloadPod)) evidence.WorkloadPod {
		p := evidence.WorkloadPod{
			HasContainer: true, Newest: true,
			Pod:       evidence.Pod{Name: "api-1", Phase: "Running", Created: at(1), Scheduled: true, Ready: evidence.ReadinessTrue, ReadySince: at(5), ContainersReady: true},
			Container: evidence.Container{Name: "api", Ready: true, RunningSince: at(2), Restarts: 1},
		}
		for _, c := range change {
			c(&p)
		}
		return p
	}
	on := func(n evidence.Node) func(*evidence.WorkloadPod) {
		return func(p *evidence.WorkloadPod) { p.Pod = p.Pod.On(n) }
	}
	older := func(p *evidence.WorkloadPod) { p.Newest = false }
	ending := func(p *evidence.WorkloadPod) { p.Pod.Terminating = true }
	stranded := func(p *evidence.WorkloadPod) { p.Stranded = true }
	sibling := func(p *evidence.WorkloadPod) {
		p.SiblingBroken, p.Container.RunningSince = true, at(5)
		p.Pod.Ready, p.Pod.ContainersReady = evidence.ReadinessFalse, false
	}
	blocked := func(p *evidence.WorkloadPod) {
		p.Container = evidence.Container{Name: "api", Restarts: 4, Waiting: &evidence.Waiting{Reason: "CrashLoopBackOff"}}
		p.Pod.Ready, p.Pod.ContainersReady = evidence.ReadinessFalse, false
	}
	up := Pod{Name: "api-1", Created: at(1), Restarts: 1, UpSince: at(5)}
	with := func(change func(*Pod)) []Pod {
		p := up
		change(&p)
		return []Pod{p}
	}
	for name, c := range map[string]struct {
		pod                evidence.WorkloadPod
		rolloutSeen, older bool
		want               []Pod
	}{
		"up":                           {pod(), true, false, []Pod{up}},
		"it loops":                     {pod(blocked), true, false, []Pod{{Name: "api-1", Created: at(1), Restarts: 4, Looping: true}}},
		"of an earlier revision":       {pod(older), true, false, nil},
		"of one that is kept":          {pod(older), true, true, with(func(p *Pod) { p.Older = true })},
		"nobody has seen the template": {pod(), false, false, with(func(p *Pod) { p.Older = true })},
		"is being deleted":             {pod(ending), true, true, nil},
		"and will not be gone":         {pod(ending, on(silent), stranded), true, true, with(func(p *Pod) { p.UpSince, p.Excused = time.Time{}, true })},
		"has ended":                    {pod(func(p *evidence.WorkloadPod) { p.Pod.Phase = "Failed" }), true, true, nil},
		"has no such container":        {pod(func(p *evidence.WorkloadPod) { p.HasContainer = false }), true, true, nil},
		"no node has room for it": {pod(func(p *evidence.WorkloadPod) {
			p.Pod = evidence.Pod{Name: "api-1", Phase: "Pending", Created: at(1)}
			p.Container = evidence.Container{}
		}), true, false, []Pod{{Name: "api-1", Created: at(1), Excused: true}}},
		"its node is not ready":         {pod(on(silent)), true, false, with(func(p *Pod) { p.UpSince, p.Excused = time.Time{}, true })},
		"its node is back":              {pod(on(back)), true, false, with(func(p *Pod) { p.UpSince = at(40) })},
		"a sibling is broken":           {pod(sibling), true, false, with(func(p *Pod) { p.HeldBack = true })},
		"both are":                      {pod(sibling, blocked), true, false, []Pod{{Name: "api-1", Created: at(1), Restarts: 4, Looping: true}}},
		"it loops on a node that is up": {pod(blocked, on(back)), true, false, []Pod{{Name: "api-1", Created: at(1), Restarts: 4, Looping: true}}},
	} {
		if diff := cmp.Diff(c.want, PodsOf([]evidence.WorkloadPod{c.pod}, c.rolloutSeen, c.older)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestMostRestarts(t *testing.T) {
	if got := MostRestarts([]Pod{{Restarts: 2}, {Restarts: 7}, {}}); got != 7 {
		t.Errorf("got %d", got)
	}
	if got := MostRestarts(nil); got != 0 {
		t.Errorf("of none %d", got)
	}
}

// The soak outlasts what the container was seen to run before, and ends all the same.
func TestSoakOf(t *testing.T) {
	for name, c := range map[string]struct {
		longest int32 // seconds, -1 for not known
		want    time.Duration
	}{
		"nothing is known":            {-1, time.Minute},
		"it crashed at once":          {3, time.Minute},
		"it ran for longer":           {400, 500 * time.Second},
		"it crashed some hours later": {30000, time.Hour},
	} {
		var before *v1alpha1.LoopObservation
		if c.longest >= 0 {
			before = &v1alpha1.LoopObservation{LongestRunSeconds: c.longest}
		}
		if got := SoakOf(time.Minute, before); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if got := SoakOf(2*time.Hour, &v1alpha1.LoopObservation{LongestRunSeconds: 30000}); got != 2*time.Hour {
		t.Errorf("a policy that wants more gets %s", got)
	}
}
