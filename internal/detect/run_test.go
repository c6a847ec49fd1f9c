package detect_test

import (
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
)

func TestRunFailed(t *testing.T) {
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		run     evidence.Run
		since   time.Time
		message string
	}{
		"no run at all":              {evidence.Run{}, time.Time{}, ""},
		"succeeded":                  {evidence.Run{Known: true, Ended: noon}, time.Time{}, ""},
		"failed":                     {evidence.Run{Known: true, Object: "Job/load", Failed: true, Reason: "BackoffLimitExceeded", Ended: noon}, time.Time{}, "Job/load failed: BackoffLimitExceeded"},
		"failed, and runs again":     {evidence.Run{Known: true, Failed: true, Ended: noon, Active: true, Failures: 3}, time.Time{}, ""},
		"failed before it was over":  {evidence.Run{Known: true, Failed: true, Ended: noon}, noon, ""},
		"failed again since":         {evidence.Run{Known: true, Object: "Pod/tool", Failed: true, Ended: noon}, noon.Add(-1), "Pod/tool failed"},
		"pods fail, as many as may":  {evidence.Run{Known: true, Active: true, Failures: 3}, time.Time{}, ""},
		"pods fail one too many":     {evidence.Run{Known: true, Object: "Job/load", Active: true, Failures: 4}, time.Time{}, "4 pods of Job/load failed"},
		"some of many fail":          {evidence.Run{Known: true, Active: true, Failures: 4, Well: 96}, time.Time{}, ""},
		"more fail than do well":     {evidence.Run{Known: true, Object: "Job/load", Active: true, Failures: 97, Well: 96}, time.Time{}, "97 pods of Job/load failed"},
		"pods of the next run do so": {evidence.Run{Known: true, Object: "Job/load", Failed: true, Ended: noon, Active: true, Failures: 9}, noon, "9 pods of Job/load failed"},
	} {
		if v := detect.RunFailed(c.run, detect.Settings{Since: c.since}); v.Looping != (c.message != "") || v.Message != c.message {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestSucceededSince(t *testing.T) {
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	good := evidence.Run{Known: true, Ended: noon.Add(time.Minute)}
	for name, c := range map[string]struct {
		change func(*evidence.Run)
		want   bool
	}{
		"since":                          {func(*evidence.Run) {}, true},
		"before":                         {func(r *evidence.Run) { r.Ended = noon }, false},
		"failed":                         {func(r *evidence.Run) { r.Failed = true }, false},
		"since, and runs again":          {func(r *evidence.Run) { r.Active = true }, true},
		"since, and one beside it fails": {func(r *evidence.Run) { r.Active, r.Failures = true, 1 }, false},
	} {
		run := good
		c.change(&run)
		if got := detect.SucceededSince(run, noon); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// That the pods of a run are up says nothing of its end.
func TestAwaitsRun(t *testing.T) {
	for name, c := range map[string]struct {
		symptom v1alpha1.Symptom
		run     evidence.Run
		want    bool
	}{
		"what runs for good":                      {v1alpha1.SymptomRunFailed, evidence.Run{}, false},
		"a failed run":                            {v1alpha1.SymptomRunFailed, evidence.Run{Known: true, Failed: true}, true},
		"pods of a run failed":                    {v1alpha1.SymptomRunFailed, evidence.Run{Known: true, Active: true}, true},
		"a run whose container looped":            {v1alpha1.SymptomRestartLoop, evidence.Run{Known: true, Active: true}, false},
		"a run whose container looped to its end": {v1alpha1.SymptomRestartLoop, evidence.Run{Known: true, Failed: true}, true},
	} {
		if got := detect.AwaitsRun(c.symptom, c.run); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// Who makes a stack is not called for each Job that failed in the weeks before.
func TestRunsThatFailedBeforeTheirStackWasMade(t *testing.T) {
	made := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		ended, last time.Time
		news        bool
	}{
		"weeks ago":                          {ended: made.Add(-500 * time.Hour)},
		"last night":                         {ended: made.Add(-9 * time.Hour), news: true},
		"since then":                         {ended: made.Add(time.Hour), news: true},
		"last night, and it was told before": {ended: made.Add(-9 * time.Hour), last: made.Add(-8 * time.Hour)},
	} {
		run := evidence.Run{Known: true, Object: "Job/load", Failed: true, Ended: c.ended}
		if v := detect.RunFailed(run, detect.Settings{Since: detect.NewsSince(c.last, made)}); v.Looping != c.news {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestFailedContainer(t *testing.T) {
	ended := func(name string, role evidence.ContainerRole, code int32) evidence.Container {
		return evidence.Container{Name: name, Role: role, Terminated: &evidence.Termination{ExitCode: code}}
	}
	pod := func(phase string, newest bool, containers ...evidence.Container) detect.PodState {
		return detect.PodState{Pod: evidence.Pod{Phase: phase}, Newest: newest, Containers: containers}
	}
	// The kubelet ends sidecars once the others have succeeded, and their codes do not count.
	succeeded := pod("Succeeded", true, ended("proxy", evidence.RoleSidecar, 143), ended("main", evidence.RoleMain, 0))
	for want, pods := range map[string][]detect.PodState{
		"":        {pod("Running", true, ended("main", evidence.RoleMain, 0), evidence.Container{Name: "waits", Role: evidence.RoleMain}), succeeded},
		"main":    {succeeded, pod("Failed", true, ended("fetch", evidence.RoleInit, 0), ended("proxy", evidence.RoleSidecar, 143), ended("done", evidence.RoleMain, 0), ended("main", evidence.RoleMain, 1))},
		"migrate": {pod("Failed", true, ended("main", evidence.RoleMain, 1), ended("migrate", evidence.RoleInit, 2))},
		"second":  {pod("Failed", false, ended("first", evidence.RoleMain, 1)), pod("Failed", true, ended("second", evidence.RoleMain, 1))},
	} {
		if got := detect.FailedContainer(pods); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
