package detect_test

import (
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
)

var (
	now  = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	none detect.Settings // all defaults: 3 restarts in 5 minutes
)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// daysOld is a pod that the operator finds at its start.
func daysOld() evidence.Pod {
	return evidence.Pod{UID: "a", Phase: "Running", RestartPolicy: "Always", Created: ago(9 * 24 * time.Hour)}
}

func young(age time.Duration) evidence.Pod {
	p := daysOld()
	p.Created = ago(age)
	return p
}

func ended(reason string, code int32, ran time.Duration, finished time.Time) *evidence.Termination {
	return &evidence.Termination{Reason: reason, ExitCode: code, StartedAt: finished.Add(-ran), Finished: finished}
}

func running(restarts int32, since time.Time) evidence.Container {
	return evidence.Container{Name: "app", Role: evidence.RoleMain, Restarts: restarts, RunningSince: since, Ready: true, Started: true}
}

func waiting(reason string, restarts int32) evidence.Container {
	return evidence.Container{Name: "app", Role: evidence.RoleMain, Restarts: restarts, Waiting: &evidence.Waiting{Reason: reason}}
}

// with changes a copy of the container.
func with(c evidence.Container, change func(*evidence.Container)) evidence.Container {
	change(&c)
	return c
}

// TestFirstSight is about a container that the operator sees for the first
// time, as after its own restart: only the pod itself tells of the past.
func TestFirstSight(t *testing.T) {
	for _, test := range []struct {
		name string
		pod  evidence.Pod
		c    evidence.Container
		want string
	}{
		{"running since its creation", young(time.Minute), running(0, ago(50*time.Second)), ""},
		{"days-old restarts of a healthy pod", daysOld(), with(running(37, ago(48*time.Hour)), func(c *evidence.Container) {
			c.LastTermination = ended("Error", 1, time.Second, ago(48*time.Hour))
		}), ""},
		{"days-old OOM kill of a healthy pod", daysOld(), with(running(4, ago(48*time.Hour)), func(c *evidence.Container) {
			c.LastTermination = ended("OOMKilled", 137, time.Second, ago(48*time.Hour))
		}), ""},
		{"one crash now after many old ones", daysOld(), with(running(38, ago(time.Second)), func(c *evidence.Container) {
			c.LastTermination = ended("Error", 1, 48*time.Hour, ago(2*time.Second))
		}), ""},
		{"as many restarts as are allowed in a young pod", young(2 * time.Minute), running(3, ago(time.Second)), ""},
		{"one more in a young pod", young(2 * time.Minute), running(4, ago(time.Second)), detect.ReasonRestarts},
		{"one more, but the pod is older than the window", young(6 * time.Minute), running(4, ago(6*time.Second)), ""},
		{"back-off", daysOld(), with(waiting("CrashLoopBackOff", 5), func(c *evidence.Container) {
			c.LastTermination = ended("Error", 1, time.Second, ago(4*time.Minute))
		}), detect.ReasonCrashLoopBackOff},
		{"back-off after exit 0", daysOld(), with(waiting("CrashLoopBackOff", 2), func(c *evidence.Container) {
			c.LastTermination = ended("Completed", 0, time.Second, ago(time.Second))
		}), detect.ReasonCrashLoopBackOff},
		{"back-off of a sidecar", daysOld(), with(waiting("CrashLoopBackOff", 2), func(c *evidence.Container) {
			c.Role = evidence.RoleSidecar
		}), detect.ReasonCrashLoopBackOff},
		{"back-off of an init container", daysOld(), with(waiting("CrashLoopBackOff", 2), func(c *evidence.Container) {
			c.Role = evidence.RoleInit
		}), detect.ReasonCrashLoopBackOff},
		{"waits for init containers", young(time.Hour), waiting("PodInitializing", 0), ""},
		{"is being created", young(time.Hour), waiting("ContainerCreating", 0), ""},
		{"OOMKilled once, now in its second run", young(time.Minute), with(running(1, ago(time.Second)), func(c *evidence.Container) {
			c.LastTermination = ended("OOMKilled", 137, 20*time.Second, ago(2*time.Second))
		}), ""},
		{"OOMKilled twice, hours apart", daysOld(), evidence.Container{Name: "app", Role: evidence.RoleMain, Restarts: 1,
			Terminated:      ended("OOMKilled", 137, 3*time.Hour, ago(time.Second)),
			LastTermination: ended("OOMKilled", 137, 3*time.Hour, ago(3*time.Hour))}, detect.ReasonOOMKilledTwice},
		{"OOMKilled after another end", daysOld(), evidence.Container{Name: "app", Role: evidence.RoleMain, Restarts: 1,
			Terminated:      ended("OOMKilled", 137, 3*time.Hour, ago(time.Second)),
			LastTermination: ended("Error", 1, 3*time.Hour, ago(3*time.Hour))}, ""},
		{"OOMKilled in its second run of two minutes", young(2 * time.Minute), with(running(2, ago(time.Second)), func(c *evidence.Container) {
			c.LastTermination = ended("OOMKilled", 137, 20*time.Second, ago(2*time.Second))
		}), detect.ReasonOOMKilledTwice},
		{"init container that is done after many tries", young(time.Minute), evidence.Container{Name: "migrate", Role: evidence.RoleInit,
			Restarts: 9, Terminated: ended("Completed", 0, time.Second, ago(time.Second)),
			LastTermination: ended("OOMKilled", 137, time.Second, ago(20*time.Second))}, ""},
		{"init container that failed again", young(time.Minute), evidence.Container{Name: "migrate", Role: evidence.RoleInit,
			Restarts: 4, Terminated: ended("Error", 1, time.Second, ago(time.Second))}, detect.ReasonRestarts},
		{"a Job's pod that is done", evidence.Pod{Phase: "Succeeded", RestartPolicy: "Never", Created: ago(time.Minute)},
			evidence.Container{Name: "app", Role: evidence.RoleMain, Restarts: 9, Terminated: ended("Completed", 0, time.Second, ago(time.Second))}, ""},
		{"a pod that has failed for good", evidence.Pod{Phase: "Failed", RestartPolicy: "OnFailure", Created: ago(time.Minute)},
			evidence.Container{Name: "app", Role: evidence.RoleMain, Restarts: 9, Terminated: ended("Error", 1, time.Second, ago(time.Second))}, ""},
		{"a pod that is being deleted", evidence.Pod{Phase: "Running", Terminating: true, Created: ago(time.Minute)},
			waiting("CrashLoopBackOff", 9), ""},
		{"evicted by its own limit", evidence.Pod{Phase: "Failed", Reason: "Evicted", Created: ago(time.Hour),
			Message: `Container app exceeded its local ephemeral storage limit "10Mi". `},
			evidence.Container{Name: "app", Role: evidence.RoleMain, Terminated: ended("Error", 137, time.Minute, ago(time.Second))}, detect.ReasonEvicted},
		{"evicted by another container's limit", evidence.Pod{Phase: "Failed", Reason: "Evicted", Created: ago(time.Hour),
			Message: `Container other exceeded its local ephemeral storage limit "10Mi". `},
			evidence.Container{Name: "app", Role: evidence.RoleMain, Terminated: ended("Error", 137, time.Minute, ago(time.Second))}, ""},
		{"evicted long ago", evidence.Pod{Phase: "Failed", Reason: "Evicted", Created: ago(time.Hour),
			Message: `Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. `},
			evidence.Container{Name: "app", Role: evidence.RoleMain, Terminated: ended("Error", 137, time.Minute, ago(50*time.Minute))}, ""},
		{"evicted, and the kubelet knows no times", evidence.Pod{Phase: "Failed", Reason: "Evicted", Created: ago(time.Hour), Ready: evidence.ReadinessFalse, ReadySince: ago(time.Minute),
			Message: `Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". `},
			evidence.Container{Name: "app", Role: evidence.RoleMain, Terminated: &evidence.Termination{ExitCode: 137, Reason: "ContainerStatusUnknown"}}, detect.ReasonEvicted},
		{"evicted before it ran, three weeks ago", evidence.Pod{Phase: "Failed", Reason: "Evicted", Created: ago(21 * 24 * time.Hour),
			Message: `Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". `},
			evidence.Container{Name: "app", Role: evidence.RoleMain}, ""},
		{"evicted because the node was full", evidence.Pod{Phase: "Failed", Reason: "Evicted", Created: ago(time.Hour),
			Message: `The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. `},
			evidence.Container{Name: "app", Role: evidence.RoleMain, Terminated: ended("Error", 137, time.Minute, ago(time.Second))}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := detect.Observe(detect.History{}, test.c, none, now)
			for from, h := range map[string]detect.History{"observed": seen, "offline": {}} {
				got := detect.Loop(h, test.pod, test.c, none, now)
				if got.Looping != (test.want != "") || got.Reason != test.want {
					t.Errorf("%s: got %+v, want reason %q", from, got, test.want)
				}
				if got.Looping && got.Message == "" {
					t.Errorf("%s: a loop without a message", from)
				}
			}
		})
	}
}

// step is one state of a container at a time after the beginning.
type step struct {
	after time.Duration
	c     evidence.Container
	want  string
}

// follow shows the container's states one by one, as a watch does.
func follow(t *testing.T, pod evidence.Pod, s detect.Settings, steps []step) {
	t.Helper()
	var h detect.History
	for i, step := range steps {
		at := now.Add(step.after)
		h = detect.Observe(h, step.c, s, at)
		if got := detect.Loop(h, pod, step.c, s, at); got.Reason != step.want {
			t.Errorf("step %d, after %s: got %+v, want reason %q", i, step.after, got, step.want)
		}
	}
}

// restart is the container running again, after a run that ended a second ago.
func restart(n int32, after time.Duration) step {
	c := running(n, now.Add(after))
	c.LastTermination = ended("Error", 1, time.Second, now.Add(after-time.Second))
	return step{after: after, c: c}
}

func TestRestartsInTheWindow(t *testing.T) {
	t.Run("the fourth in five minutes", func(t *testing.T) {
		last := restart(14, 4*time.Minute)
		last.want = detect.ReasonRestarts
		follow(t, daysOld(), none, []step{
			{0, running(10, ago(48*time.Hour)), ""},
			restart(11, time.Minute), restart(12, 2*time.Minute), restart(13, 3*time.Minute), last,
		})
	})
	t.Run("two minutes apart is none", func(t *testing.T) {
		steps := []step{{0, running(10, ago(48*time.Hour)), ""}}
		for i := range int32(20) {
			steps = append(steps, restart(11+i, time.Duration(i+1)*2*time.Minute))
		}
		follow(t, daysOld(), none, steps)
	})
	t.Run("several between two looks", func(t *testing.T) {
		last := restart(14, 4*time.Minute)
		last.want = detect.ReasonRestarts
		follow(t, daysOld(), none, []step{{0, running(10, ago(48*time.Hour)), ""}, last})
	})
	t.Run("it is over once the window has passed", func(t *testing.T) {
		loop := restart(4, time.Minute)
		loop.want = detect.ReasonRestarts
		stays := loop.c
		follow(t, daysOld(), none, []step{
			{0, running(0, ago(48*time.Hour)), ""}, loop,
			{5 * time.Minute, stays, detect.ReasonRestarts},
			{6*time.Minute + time.Second, stays, ""},
		})
	})
	t.Run("the policy's own numbers", func(t *testing.T) {
		s := detect.Settings{Restarts: 1, Window: time.Minute}
		last := restart(2, 40*time.Second)
		last.want = detect.ReasonRestarts
		follow(t, daysOld(), s, []step{{0, running(0, ago(48*time.Hour)), ""}, restart(1, 10*time.Second), last})
	})
	t.Run("a hundred fast ones", func(t *testing.T) {
		s := detect.Settings{Restarts: 100}
		steps := []step{{0, running(0, ago(48*time.Hour)), ""}}
		for i := range int32(200) {
			next := restart(i+1, time.Duration(i+1)*2*time.Second)
			if i+1 > 100 {
				next.want = detect.ReasonRestarts
			}
			steps = append(steps, next)
		}
		follow(t, daysOld(), s, steps)
	})
	t.Run("the kubelet begins to count anew", func(t *testing.T) {
		follow(t, daysOld(), none, []step{
			{0, running(10, ago(48*time.Hour)), ""}, restart(0, time.Minute), restart(1, 2*time.Minute),
		})
	})
}

func TestOperatorRestart(t *testing.T) {
	// The pod tells that its last two runs began within the window; two more
	// restarts make four, though the new operator has seen only those two.
	first := running(20, ago(2*time.Second))
	first.LastTermination = ended("Error", 1, time.Minute, ago(3*time.Second))
	last := restart(22, 2*time.Minute)
	last.want = detect.ReasonRestarts
	follow(t, daysOld(), none, []step{{0, first, ""}, restart(21, time.Minute), last})
}

// A StatefulSet's pod that is recreated under its name has another UID: the
// caller gives it a history of its own, and its count begins at 0.
func TestRecreatedUnderItsName(t *testing.T) {
	follow(t, young(0), none, []step{
		{0, waiting("ContainerCreating", 0), ""}, {time.Second, running(0, now.Add(time.Second)), ""},
		restart(1, time.Minute), restart(2, 2*time.Minute), restart(3, 3*time.Minute),
	})
}

// Once an incident is over, its restarts are not the beginning of another one.
func TestAfterAnIncident(t *testing.T) {
	over := detect.Settings{Since: now.Add(3 * time.Minute)}
	last := restart(8, 4*time.Minute+20*time.Second)
	last.want = detect.ReasonRestarts
	crash := waiting("CrashLoopBackOff", 5)
	follow(t, daysOld(), over, []step{
		{0, running(0, ago(48*time.Hour)), ""}, restart(4, time.Minute),
		{3*time.Minute + time.Second, restart(4, time.Minute).c, ""},
		restart(5, 4*time.Minute), {4*time.Minute + 5*time.Second, crash, detect.ReasonCrashLoopBackOff},
		restart(7, 4*time.Minute+10*time.Second), last,
	})
	t.Run("OOMKilled", func(t *testing.T) {
		c := running(2, ago(2*time.Minute))
		c.LastTermination = ended("OOMKilled", 137, time.Second, ago(2*time.Minute))
		h := detect.Observe(detect.History{}, c, none, now)
		if got := detect.Loop(h, young(4*time.Minute), c, detect.Settings{Since: ago(time.Minute)}, now); got.Looping {
			t.Errorf("got %+v for an end that was before", got)
		}
	})
}

func TestSlowLeak(t *testing.T) {
	// Hours apart, and the terminated states in between were never seen.
	oom := func(n int32, after time.Duration, want string) step {
		c := running(n, now.Add(after))
		c.LastTermination = ended("OOMKilled", 137, 3*time.Hour, now.Add(after))
		return step{after, c, want}
	}
	follow(t, daysOld(), none, []step{
		{0, running(0, ago(48*time.Hour)), ""},
		oom(1, 3*time.Hour, ""), oom(2, 6*time.Hour, detect.ReasonOOMKilledTwice),
		{6*time.Hour + 10*time.Minute, oom(2, 6*time.Hour, "").c, ""},
	})
	t.Run("with another end between them", func(t *testing.T) {
		follow(t, daysOld(), none, []step{
			{0, running(0, ago(48*time.Hour)), ""},
			oom(1, 3*time.Hour, ""), restart(2, 5*time.Hour), oom(3, 8*time.Hour, ""),
		})
	})
}

func TestCannotStart(t *testing.T) {
	for _, reason := range []string{"CreateContainerConfigError", "CreateContainerError", "RunContainerError",
		"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"} {
		t.Run(reason, func(t *testing.T) {
			c := waiting(reason, 0)
			h := detect.Observe(detect.History{}, c, none, now)
			got := detect.Loop(h, young(0), c, none, now.Add(4*time.Second))
			if got.Looping || got.RecheckAfter != 6*time.Second {
				t.Errorf("within the grace: got %+v, want no loop and another look after 6s", got)
			}
			if got = detect.Loop(h, young(0), c, none, now.Add(10*time.Second)); got.Reason != reason {
				t.Errorf("after the grace: got %+v", got)
			}
		})
	}
	t.Run("the Secret is applied a moment later", func(t *testing.T) {
		follow(t, young(0), none, []step{
			{0, waiting("CreateContainerConfigError", 0), ""},
			{9 * time.Second, running(0, now.Add(9*time.Second)), ""},
			{time.Hour, waiting("CreateContainerConfigError", 1), ""},
		})
	})
	t.Run("pull and back-off take turns", func(t *testing.T) {
		follow(t, young(0), none, []step{
			{0, waiting("ErrImagePull", 0), ""},
			{6 * time.Second, waiting("ImagePullBackOff", 0), ""},
			{11 * time.Second, waiting("ErrImagePull", 0), "ErrImagePull"},
		})
	})
}

func TestStuck(t *testing.T) {
	creating := []evidence.Container{waiting("ContainerCreating", 0)}
	withInit := []evidence.Container{with(waiting("PodInitializing", 0), func(c *evidence.Container) { c.Role = evidence.RoleInit }), waiting("PodInitializing", 0)}
	initRuns := []evidence.Container{with(running(0, ago(time.Minute)), func(c *evidence.Container) { c.Role = evidence.RoleInit }), waiting("PodInitializing", 0)}
	mount := evidence.Event{Reason: "FailedMount", Message: `MountVolume.SetUp failed for volume "tls" : secret "tls" not found`, Last: ago(time.Second)}
	pulling := evidence.Event{Reason: "Pulling", Last: now}
	for _, test := range []struct {
		name    string
		age     time.Duration
		all     []evidence.Container
		events  []evidence.Event
		want    string
		recheck time.Duration
	}{
		{"just created", 20 * time.Second, creating, []evidence.Event{mount}, "", 40 * time.Second},
		{"a volume is missing", 2 * time.Minute, creating, []evidence.Event{mount}, "FailedMount", 0},
		{"a volume is missing, with init containers", 2 * time.Minute, withInit, []evidence.Event{mount}, "FailedMount", 0},
		{"the volume came and the image is big", 2 * time.Minute, creating, []evidence.Event{mount, pulling}, "", time.Minute},
		{"nothing is known", 2 * time.Minute, creating, nil, "", time.Minute},
		{"the init container runs", 2 * time.Minute, initRuns, []evidence.Event{mount}, "", 0},
		{"no status yet", 2 * time.Minute, []evidence.Container{{Name: "app"}}, []evidence.Event{mount}, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := detect.Stuck(young(test.age), test.all, test.events, none, now)
			if got.Reason != test.want || got.RecheckAfter != test.recheck {
				t.Errorf("got %+v, want reason %q, another look after %s", got, test.want, test.recheck)
			}
			if test.want != "" && !strings.Contains(got.Message, mount.Message) {
				t.Errorf("the message %q does not say what failed", got.Message)
			}
		})
	}
}

func TestUp(t *testing.T) {
	since := ago(time.Minute)
	probed := func(c *evidence.Container) { c.Readiness = &evidence.ProbeSpec{Kind: "httpGet"} }
	notReady := func(c *evidence.Container) { c.Ready = false }
	ready := func(seconds time.Duration) evidence.Pod {
		return evidence.Pod{Ready: evidence.ReadinessTrue, ReadySince: ago(seconds * time.Second), ContainersReady: true}
	}
	unready := func(containers bool) evidence.Pod {
		return evidence.Pod{Ready: evidence.ReadinessFalse, ReadySince: ago(time.Second), ContainersReady: containers}
	}
	for _, test := range []struct {
		name string
		pod  evidence.Pod
		c    evidence.Container
		want time.Time
	}{
		{"runs and is ready", ready(50), with(running(3, since), probed), ago(50 * time.Second)},
		{"was ready before it ran, as the condition says", ready(90), with(running(3, since), probed), since},
		{"becomes ready only now", ready(0), with(running(3, since), probed), now},
		{"runs and is not ready", unready(false), with(with(running(3, since), probed), notReady), time.Time{}},
		{"runs, and another container is not ready", unready(false), with(running(3, since), probed), since},
		{"its node does not answer", unready(true), running(3, since), time.Time{}},
		{"its node came back, and the kubelet tells of before", ready(50).On(evidence.Node{Known: true, Ready: true, ReadySince: ago(5 * time.Second)}), with(running(3, since), probed), ago(5 * time.Second)},
		{"its node has been there all the time", ready(50).On(evidence.Node{Known: true, Ready: true, ReadySince: ago(time.Hour)}), with(running(3, since), probed), ago(50 * time.Second)},
		{"the kubelet tells of it before its node counts as back", ready(50).On(evidence.Node{Known: true, ReadySince: ago(90 * time.Second)}), with(running(3, since), probed), time.Time{}},
		{"nothing is known of its node", ready(50).On(evidence.Node{Name: "a"}), with(running(3, since), probed), ago(50 * time.Second)},
		{"a readiness gate is closed", unready(true), with(running(3, since), probed), time.Time{}},
		{"nobody has said yet whether the pod is ready", evidence.Pod{}, with(running(3, since), probed), since},
		{"runs, and no probe says more", evidence.Pod{}, with(running(0, since), notReady), since},
		{"is still starting", evidence.Pod{}, with(with(running(0, since), notReady), func(c *evidence.Container) {
			c.Startup = &evidence.ProbeSpec{Kind: "httpGet"}
		}), time.Time{}},
		{"sidecar runs", ready(50), with(running(0, since), func(c *evidence.Container) { c.Role = evidence.RoleSidecar }), ago(50 * time.Second)},
		{"init container runs", unready(false), with(running(0, since), func(c *evidence.Container) { c.Role = evidence.RoleInit }), time.Time{}},
		{"init container is done", unready(false), evidence.Container{Role: evidence.RoleInit, Terminated: ended("Completed", 0, time.Second, since)}, since},
		{"init container failed", unready(false), evidence.Container{Role: evidence.RoleInit, Terminated: ended("Error", 1, time.Second, since)}, time.Time{}},
		{"main container is done", unready(false), evidence.Container{Role: evidence.RoleMain, Terminated: ended("Completed", 0, time.Second, since)}, time.Time{}},
		{"waits", unready(false), waiting("CrashLoopBackOff", 3), time.Time{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, up := detect.Up(test.pod, test.c)
			if up == test.want.IsZero() || !got.Equal(test.want) {
				t.Errorf("got %v, %t; want %v", got, up, test.want)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	see := func(h detect.Health, outcome v1alpha1.ProbeOutcome, after time.Duration) detect.Health {
		return detect.ObserveHealth(h, outcome, none, now.Add(after))
	}
	var h detect.Health
	h = see(h, v1alpha1.ProbeFailed, 0)
	h = see(h, v1alpha1.ProbeUnknown, 10*time.Second)
	h = see(h, v1alpha1.ProbePassed, 20*time.Second)
	h = see(h, v1alpha1.ProbeFailed, 30*time.Second)
	if got := h.Failing(none, now.Add(30*time.Second)); got.Looping {
		t.Errorf("two failures, one unknown: got %+v", got)
	}
	third := see(h, v1alpha1.ProbeFailed, time.Minute)
	if got := third.Failing(none, now.Add(time.Minute)); got.Reason != detect.ReasonHealth {
		t.Errorf("three failures within two minutes: got %+v", got)
	}
	if got := third.Failing(none, now.Add(2*time.Minute)); got.Looping {
		t.Errorf("the first is out of the window: got %+v", got)
	}
	late := see(h, v1alpha1.ProbeFailed, 3*time.Minute)
	if got := late.Failing(none, now.Add(3*time.Minute)); got.Looping {
		t.Errorf("three failures, but not within two minutes: got %+v", got)
	}
	if got := h.Failing(none, now.Add(30*time.Second)); got.Looping {
		t.Errorf("remembering more changed an earlier value: got %+v", got)
	}
}

// A pod that was evicted stays, and is not counted again for the next incident.
func TestEvictionIsCountedOnce(t *testing.T) {
	pod := evidence.Pod{Phase: "Failed", Reason: "Evicted", Created: ago(time.Hour), Message: `Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". `}
	c := evidence.Container{Name: "app", Role: evidence.RoleMain, Terminated: ended("Error", 137, time.Minute, ago(4*time.Minute))}
	for name, since := range map[string]time.Time{"before": ago(5 * time.Minute), "after": ago(2 * time.Minute)} {
		got := detect.Loop(detect.History{}, pod, c, detect.Settings{Since: since}, now)
		if got.Looping != (name == "before") {
			t.Errorf("the last incident was over %s it: %+v", name, got)
		}
	}
}

// An image that cannot be pulled is an incident once the policy's grace is over.
func TestStartGraceIsThePolicys(t *testing.T) {
	c := waiting("ImagePullBackOff", 0)
	s := detect.Settings{StartGrace: 5 * time.Minute}
	h := detect.Observe(detect.History{}, c, s, ago(4*time.Minute))
	if got := detect.Loop(h, young(4*time.Minute), c, s, now); got.Looping || got.RecheckAfter != time.Minute {
		t.Errorf("within the grace: %+v", got)
	}
	if got := detect.Loop(h, young(5*time.Minute), c, s, now.Add(time.Minute)); !got.Looping {
		t.Errorf("after it: %+v", got)
	}
}

// Whoever asks may be held up by others. An endpoint that fails each time that it is
// asked is failing, however seldom that is.
func TestEndpointThatIsAskedSeldom(t *testing.T) {
	for _, every := range []time.Duration{10 * time.Second, 59 * time.Second, 61 * time.Second, 5 * time.Minute} {
		var h detect.Health
		at := now
		for range 4 {
			h = detect.ObserveHealth(h, v1alpha1.ProbeFailed, none, at)
			at = at.Add(every)
		}
		last := at.Add(-every)
		if got := h.Failing(none, last); !got.Looping {
			t.Errorf("asked every %s: %+v", every, got)
		}
		if got := h.Failing(detect.Settings{Since: last.Add(-time.Second)}, last); got.Looping {
			t.Errorf("asked every %s, failures of an incident that is over count: %+v", every, got)
		}
		h = detect.ObserveHealth(h, v1alpha1.ProbePassed, none, at)
		h = detect.ObserveHealth(h, v1alpha1.ProbeFailed, none, at.Add(5*time.Minute))
		if got := h.Failing(none, at.Add(5*time.Minute)); got.Looping {
			t.Errorf("asked every %s, it passed in between: %+v", every, got)
		}
	}
}
