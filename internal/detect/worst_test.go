package detect_test

import (
	"slices"
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/detect"
)

func TestWorst(t *testing.T) {
	up := func(name string, newest bool) detect.Candidate {
		c := detect.Candidate{Container: running(0, ago(time.Hour)), Newest: newest}
		c.Pod.Name = name
		return c
	}
	looping := func(name string, newest bool, restarts int32) detect.Candidate {
		c := detect.Candidate{Container: waiting("CrashLoopBackOff", restarts), Newest: newest}
		c.Pod.Name = name
		return c
	}
	for name, c := range map[string]struct {
		pods         []detect.Candidate
		rolloutRests bool
		worst        string
	}{
		"none":                                {nil, false, ""},
		"the one that loops":                  {[]detect.Candidate{up("a", true), looping("b", true, 3)}, false, "b"},
		"the one that restarted most":         {[]detect.Candidate{looping("a", true, 3), looping("b", true, 9)}, false, "b"},
		"a rollout is replacing what loops":   {[]detect.Candidate{up("a", true), looping("b", false, 40)}, false, "a"},
		"a canary is up, the rest loops":      {[]detect.Candidate{up("api-2", true), looping("api-0", false, 40), looping("api-1", false, 41)}, true, "api-1"},
		"both loop, and older ones are kept":  {[]detect.Candidate{looping("a", false, 40), looping("b", true, 3)}, true, "b"},
		"all are up":                          {[]detect.Candidate{up("a", false), up("b", true)}, true, "b"},
		"the newest loops, and the rest runs": {[]detect.Candidate{up("a", false), looping("b", true, 3)}, false, "b"},
	} {
		for _, reversed := range []bool{false, true} {
			pods := slices.Clone(c.pods)
			if reversed {
				slices.Reverse(pods)
			}
			worst := ""
			if i := detect.Worst(pods, c.rolloutRests); i >= 0 {
				worst = pods[i].Pod.Name
			}
			if worst != c.worst {
				t.Errorf("%s, reversed %t: %q, want %q", name, reversed, worst, c.worst)
			}
		}
	}
}
