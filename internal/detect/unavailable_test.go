package detect_test

import (
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
)

// pod that was made so long ago and is not ready.
func unready(age time.Duration, containers ...evidence.Container) detect.PodState {
	p := detect.PodState{Pod: young(age), Containers: containers, Current: true}
	p.Pod.Ready, p.Pod.ReadySince, p.Pod.Scheduled = evidence.ReadinessFalse, p.Pod.Created, true
	return p
}

func changed(p detect.PodState, change func(*detect.PodState)) detect.PodState {
	change(&p)
	return p
}

func starting(since time.Duration) evidence.Container {
	c := running(0, ago(since))
	c.Ready = false
	return c
}

func TestUnavailable(t *testing.T) {
	unplaced := func(p *detect.PodState) { p.Pod.Phase, p.Pod.Scheduled = "Pending", false }
	initializing := waiting("PodInitializing", 0)
	hanging := with(starting(5*time.Minute), func(c *evidence.Container) { c.Name, c.Role = "wait", evidence.RoleInit })
	slow := with(starting(5*time.Minute), func(c *evidence.Container) {
		c.Startup = &evidence.ProbeSpec{Period: 10 * time.Second, FailureThreshold: 60}
	})
	crashed := with(running(1, ago(time.Second)), func(c *evidence.Container) {
		c.Ready, c.LastTermination = false, ended("Error", 1, time.Second, ago(2*time.Second))
	})
	crashedLongAgo := with(crashed, func(c *evidence.Container) {
		c.RunningSince = ago(50 * time.Minute)
		c.LastTermination = ended("Error", 1, time.Second, ago(51*time.Minute))
	})
	// Its image was pulled, and init containers ran, for four minutes before it started.
	late := with(slow, func(c *evidence.Container) {
		c.Startup = &evidence.ProbeSpec{Period: 10 * time.Second, FailureThreshold: 36}
	})
	ready := with(starting(time.Hour), func(c *evidence.Container) { c.Ready = true })
	proxy := with(starting(time.Hour), func(c *evidence.Container) { c.Name, c.Role, c.Started = "proxy", evidence.RoleSidecar, true })
	slowProxy := with(slow, func(c *evidence.Container) { c.Name, c.Role = "proxy", evidence.RoleSidecar })
	deadline := 10 * time.Minute
	for name, test := range map[string]struct {
		a         detect.Availability
		s         detect.Settings
		down      bool
		container string
		recheck   time.Duration
	}{
		"all are there": {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{changed(unready(time.Hour), func(p *detect.PodState) { p.Pod.Ready = evidence.ReadinessTrue })}}},
		"scaled to zero, by a person or an autoscaler": {a: detect.Availability{Missing: 0, Pods: []detect.PodState{unready(time.Hour, starting(time.Hour))}}},
		"none was made, a minute ago":                  {a: detect.Availability{Wanted: 2, Missing: 2, MissingSince: ago(time.Minute), ProgressDeadline: deadline}, recheck: time.Minute},
		"none was made":                                {a: detect.Availability{Wanted: 2, Missing: 2, MissingSince: ago(2 * time.Minute), ProgressDeadline: deadline}, down: true},
		"no node takes it, a minute ago":               {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{changed(unready(time.Minute), unplaced)}}, recheck: time.Minute},
		"no node takes it":                             {a: detect.Availability{Wanted: 1, ProgressDeadline: deadline, Pods: []detect.PodState{changed(unready(3*time.Minute), unplaced)}}, down: true},
		"no node takes it, and one is made": {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{changed(unready(3*time.Minute), func(p *detect.PodState) {
			unplaced(p)
			p.ScalesUp = true
		})}}, recheck: 12 * time.Minute},
		"an init container hangs":                          {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(5*time.Minute, hanging, initializing)}}, down: true, container: "app"},
		"an init container may take its time":              {a: detect.Availability{Wanted: 1, ProgressDeadline: deadline, Pods: []detect.PodState{unready(5*time.Minute, hanging, initializing)}}, recheck: 5 * time.Minute},
		"an image is pulled":                               {a: detect.Availability{Wanted: 1, ProgressDeadline: deadline, Pods: []detect.PodState{unready(5*time.Minute, waiting("ContainerCreating", 0))}}, recheck: 5 * time.Minute},
		"it starts, within the workload's deadline":        {a: detect.Availability{Wanted: 1, ProgressDeadline: deadline, Pods: []detect.PodState{unready(5*time.Minute, starting(5*time.Minute))}}, recheck: 5 * time.Minute},
		"it starts, and takes what its probes allow":       {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(5*time.Minute, slow)}}, recheck: 5 * time.Minute},
		"it started late, and takes what its probes allow": {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(9*time.Minute, late)}}, recheck: time.Minute},
		"its sidecar takes what its probes allow":          {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(5*time.Minute, slowProxy, initializing)}}, recheck: 5 * time.Minute},
		"its sidecar is not ready":                         {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(time.Hour, proxy, ready)}}, down: true, container: "proxy"},
		"neither it nor its sidecar is ready":              {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(time.Hour, proxy, starting(time.Hour))}}, down: true, container: "app"},
		"it is not ready":                                  {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(5*time.Minute, starting(5*time.Minute))}}, down: true, container: "app"},
		"it is not ready, as the policy has it": {
			a: detect.Availability{Wanted: 1, ProgressDeadline: deadline, Pods: []detect.PodState{unready(time.Minute, starting(time.Minute))}},
			s: detect.Settings{UnavailableGrace: 10 * time.Second}, down: true, container: "app",
		},
		"it takes what its probes allow, whatever the policy says": {
			a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(5*time.Minute, slow)}}, s: detect.Settings{UnavailableGrace: 10 * time.Second}, recheck: 5 * time.Minute,
		},
		"it was ready until a moment ago": {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{changed(unready(time.Hour, starting(time.Hour)), func(p *detect.PodState) { p.Pod.ReadySince = ago(30 * time.Second) })}}, recheck: 90 * time.Second},
		"it restarts":                     {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(time.Hour, crashed)}}, recheck: detect.DefaultWindow - 2*time.Second},
		"it waits in a back-off":          {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(time.Hour, waiting("CrashLoopBackOff", 4))}}, recheck: detect.DefaultWindow},
		"it restarted once, long ago":     {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(time.Hour, crashedLongAgo)}}, down: true, container: "app"},
		"its node drains":                 {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{changed(unready(time.Hour, starting(time.Hour)), func(p *detect.PodState) { p.Pod.Terminating = true })}}},
		"another is made once it is gone": {a: detect.Availability{Wanted: 1, GoneBy: now.Add(time.Minute), Pods: []detect.PodState{changed(unready(time.Hour), func(p *detect.PodState) { p.Pod.Terminating = true })}}, recheck: time.Minute},
		"its work is done":                {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{changed(unready(time.Hour), func(p *detect.PodState) { p.Pod.Phase = "Succeeded" })}}},
		"the last incident has just ended": {
			a: detect.Availability{Wanted: 1, Pods: []detect.PodState{unready(time.Hour, starting(time.Hour))}},
			s: detect.Settings{Since: ago(time.Minute)}, recheck: time.Minute,
		},
		"a rollout is about to replace it": {a: detect.Availability{Wanted: 1, Pods: []detect.PodState{changed(unready(time.Hour, starting(time.Hour)), func(p *detect.PodState) { p.Current = false })}}, recheck: 5 * time.Minute},
		"one of two waits": {a: detect.Availability{Wanted: 2, Pods: []detect.PodState{
			changed(unready(time.Hour), func(p *detect.PodState) { p.Pod.Ready = evidence.ReadinessTrue }), unready(5*time.Minute, starting(5*time.Minute))}}, down: true, container: "app"},
	} {
		t.Run(name, func(t *testing.T) {
			got := detect.Unavailable(test.a, test.s, now)
			if got.Looping != test.down || got.Container != test.container || got.RecheckAfter != test.recheck {
				t.Errorf("got %+v, want down %t of %q, again after %s", got, test.down, test.container, test.recheck)
			}
			if got.Looping && (got.Reason != detect.ReasonNotAvailable || got.Message == "") {
				t.Errorf("reason %q, message %q", got.Reason, got.Message)
			}
		})
	}
}

// A kubelet that turns pods away is told of, though each of them is a moment old: what
// makes them makes the next one at once.
func TestPodsThatAreTurnedAway(t *testing.T) {
	turned := func(reason string, age time.Duration) detect.PodState {
		p := detect.PodState{Pod: young(age), Newest: true, Current: true, Containers: []evidence.Container{{Name: "app"}}}
		p.Pod.Phase, p.Pod.Reason = "Failed", reason
		return p
	}
	pending := changed(unready(time.Second, waiting("ContainerCreating", 0)), func(p *detect.PodState) { p.Newest = true })
	row := func(reason string, ages ...time.Duration) []detect.PodState {
		out := []detect.PodState{pending}
		for _, age := range ages {
			out = append(out, turned(reason, age))
		}
		return out
	}
	ran := turned("Terminated", time.Minute)
	ran.Containers = []evidence.Container{{Name: "app", Terminated: ended("Error", 137, time.Hour, now)}}
	const m = time.Minute
	for name, test := range map[string]struct {
		pods []detect.PodState
		down bool
	}{
		"again and again":              {row("UnexpectedAdmissionError", 3*m, 2*m, m, 0), true},
		"for less than the grace":      {row("OutOfcpu", m, m, m, 0), false},
		"three, as restarts may be":    {row("OutOfcpu", 3*m, 2*m, m), false},
		"long ago":                     {row("OutOfcpu", 63*m, 62*m, 61*m, 60*m), false},
		"evicted, and not turned away": {row("Evicted", 3*m, 2*m, m, 0), false},
		"they ran before":              {[]detect.PodState{pending, ran, ran, ran, ran, ran}, false},
	} {
		if got := detect.Unavailable(detect.Availability{Wanted: 1, Pods: test.pods}, detect.Settings{}, now); got.Looping != test.down {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := detect.TurnedAway([]evidence.WorkloadPod{{Pod: turned("OutOfcpu", 2*m).Pod}, {Pod: turned("OutOfcpu", m).Pod}, {Pod: pending.Pod}}, now); got != 1 {
		t.Errorf("it looks at pod %d", got)
	}
	if got := detect.TurnedAway([]evidence.WorkloadPod{{Pod: turned("OutOfcpu", time.Hour).Pod}, {Pod: pending.Pod}}, now); got != -1 {
		t.Errorf("long after the last one it looks at pod %d", got)
	}
}

// A pod of an earlier revision counts where nothing replaces it: a StatefulSet waits for
// good for its first pod to become ready before it gives it the template that would help.
func TestMarkCurrent(t *testing.T) {
	pod := func(newest bool, age time.Duration) detect.PodState {
		return detect.PodState{Newest: newest, Pod: young(age)}
	}
	for name, test := range map[string]struct {
		keepsOlder bool
		pods       []detect.PodState
		want       string
	}{
		"a rollout goes on":                  {pods: []detect.PodState{pod(true, time.Minute), pod(false, time.Hour)}, want: "10"},
		"a rollout goes on, and some stay":   {keepsOlder: true, pods: []detect.PodState{pod(true, time.Minute), pod(false, time.Hour)}, want: "11"},
		"none of the newest is made":         {pods: []detect.PodState{pod(false, time.Hour), pod(false, time.Hour)}, want: "11"},
		"the newest was made long ago":       {pods: []detect.PodState{pod(true, time.Hour), pod(false, 2*time.Hour)}, want: "11"},
		"the others are to be replaced next": {pods: []detect.PodState{pod(true, time.Hour), pod(true, time.Minute), pod(false, 2*time.Hour)}, want: "110"},
	} {
		t.Run(name, func(t *testing.T) {
			detect.MarkCurrent(test.pods, test.keepsOlder, now)
			got := ""
			for _, p := range test.pods {
				got += map[bool]string{true: "1", false: "0"}[p.Current]
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestStandsFor(t *testing.T) {
	done := evidence.Container{Name: "migrate", Role: evidence.RoleInit, Terminated: ended("Completed", 0, time.Second, now)}
	sidecar := evidence.Container{Name: "proxy", Role: evidence.RoleSidecar, Started: true, RunningSince: ago(time.Minute)}
	hangs := evidence.Container{Name: "wait", Role: evidence.RoleInit, RunningSince: ago(time.Minute)}
	later := with(waiting("PodInitializing", 0), func(c *evidence.Container) { c.Name, c.Role = "later", evidence.RoleInit })
	app := waiting("PodInitializing", 0)
	for name, test := range map[string]struct {
		all  []evidence.Container
		want string
	}{
		"the one that runs":             {[]evidence.Container{done, sidecar, hangs, later, app}, "wait"},
		"none, once they are done":      {[]evidence.Container{done, sidecar, app}, "app"},
		"none, where nothing has begun": {[]evidence.Container{later, app}, "app"},
		"one that cannot start": {[]evidence.Container{with(hangs, func(c *evidence.Container) {
			c.RunningSince, c.Waiting = time.Time{}, &evidence.Waiting{Reason: "ImagePullBackOff"}
		}), app}, "wait"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := detect.StandsFor("app", test.all); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
