package detect_test

import (
	"slices"
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
)

func TestWorst(t *testing.T) {
	up := func(name string, newest bool) evidence.WorkloadPod {
		c := evidence.WorkloadPod{HasContainer: true, Container: running(0, ago(time.Hour)), Newest: newest}
		c.Pod.Name = name
		return c
	}
	looping := func(name string, newest bool, restarts int32) evidence.WorkloadPod {
		c := evidence.WorkloadPod{HasContainer: true, Container: waiting("CrashLoopBackOff", restarts), Newest: newest}
		c.Pod.Name = name
		return c
	}
	over := func(name, phase string, exitCode int32) evidence.WorkloadPod {
		c := evidence.WorkloadPod{HasContainer: true, Newest: true, Container: evidence.Container{Name: "app", Terminated: &evidence.Termination{ExitCode: exitCode}}}
		c.Pod.Name, c.Pod.Phase = name, phase
		return c
	}
	for name, c := range map[string]struct {
		pods         []evidence.WorkloadPod
		rolloutRests bool
		worst        string
	}{
		"none":                                {nil, false, ""},
		"the one that loops":                  {[]evidence.WorkloadPod{up("a", true), looping("b", true, 3)}, false, "b"},
		"the one that restarted most":         {[]evidence.WorkloadPod{looping("a", true, 3), looping("b", true, 9)}, false, "b"},
		"a rollout is replacing what loops":   {[]evidence.WorkloadPod{up("a", true), looping("b", false, 40)}, false, "a"},
		"a canary is up, the rest loops":      {[]evidence.WorkloadPod{up("api-2", true), looping("api-0", false, 40), looping("api-1", false, 41)}, true, "api-1"},
		"both loop, and older ones are kept":  {[]evidence.WorkloadPod{looping("a", false, 40), looping("b", true, 3)}, true, "b"},
		"one of a run failed, others did not": {[]evidence.WorkloadPod{over("a", "Succeeded", 0), over("b", "Failed", 1), over("c", "Succeeded", 0)}, false, "b"},
		"one of a run succeeded, others run":  {[]evidence.WorkloadPod{over("a", "Succeeded", 0), up("b", true)}, false, "b"},
		"all are up":                          {[]evidence.WorkloadPod{up("a", false), up("b", true)}, true, "b"},
		"the newest loops, and the rest runs": {[]evidence.WorkloadPod{up("a", false), looping("b", true, 3)}, false, "b"},
	} {
		for _, reversed := range []bool{false, true} {
			pods := slices.Clone(c.pods)
			if reversed {
				slices.Reverse(pods)
			}
			worst := ""
			if i := detect.Worst(pods, c.rolloutRests, true); i >= 0 {
				worst = pods[i].Pod.Name
			}
			if worst != c.worst {
				t.Errorf("%s, reversed %t: %q, want %q", name, reversed, worst, c.worst)
			}
		}
	}
}

// A pod that was evicted is of interest where an incident is about that, and says nothing
// of why no other one is made, or gets ready.
func TestWorstOfThoseThatHaveNotEnded(t *testing.T) {
	evicted := evidence.WorkloadPod{HasContainer: true, Newest: true, Container: evidence.Container{Name: "app", Restarts: 4, Terminated: &evidence.Termination{ExitCode: 137}}}
	evicted.Pod.Phase = "Failed"
	pods := []evidence.WorkloadPod{evicted, {HasContainer: true, Newest: true, Container: evidence.Container{Name: "app", RunningSince: ago(time.Hour)}}}
	for name, test := range map[string]struct {
		pods  []evidence.WorkloadPod
		ended bool
		want  int
	}{
		"an eviction":            {pods, true, 0},
		"its successor":          {pods, false, 1},
		"nobody has come so far": {pods[:1], false, -1},
	} {
		if got := detect.Worst(test.pods, true, test.ended); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}
