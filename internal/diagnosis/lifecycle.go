package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

// killWindow is how far a kubelet's event may be from the end of the run that
// it ended: the grace period and the events' own resolution lie between.
const killWindow = 2 * time.Minute

// byKubelet decides by the kubelet's own word that it killed the container: a
// probe failed, or a lifecycle hook. Exit codes do not tell: 137, 143, 0 and
// anything that the program makes of SIGTERM are possible.
func byKubelet(c evidence.Case) (Finding, bool) {
	ended := c.Container.Ended()
	if ended == nil {
		return Finding{}, false
	}
	if f, ok := byHook(c, ended); ok {
		return f, true
	}
	kill, ok := lastEvent(c, func(e evidence.Event) bool {
		return e.Reason == "Killing" && about(e, c.Container.Name) && probeKill.MatchString(e.Message) && toldOf(e, ended)
	})
	if !ok {
		return Finding{}, false
	}
	f := Finding{
		Cause: v1alpha1.CauseLivenessProbeFailed, Confidence: v1alpha1.ConfidenceHigh,
		Message:  "The kubelet killed the container because its liveness probe failed.",
		Evidence: []v1alpha1.EvidenceItem{eventItem(kill), terminationItem(ended)},
		Refuted:  []v1alpha1.RefutedCause{refute(v1alpha1.CauseOOMKilled, "the termination's reason is %s, and the kubelet says that it was the one to kill", ended.Reason)},
	}
	kind := "Liveness"
	if strings.Contains(kill.Message, "startup") {
		kind = "Startup"
		f.Cause = v1alpha1.CauseStartupProbeFailed
		f.Message = "The kubelet killed the container because its startup probe failed" + budget(c.Container.Startup) + "."
	}
	detail, ok := lastEvent(c, func(e evidence.Event) bool {
		return e.Reason == "Unhealthy" && about(e, c.Container.Name) && strings.HasPrefix(e.Message, kind+" probe")
	})
	if ok {
		f.Evidence = append(f.Evidence, eventItem(detail))
	}
	return starved(c, f, detail.Message), true
}

// probeKill are the kubelet's words, today's and those of the docker shim.
var probeKill = regexp.MustCompile(`failed (?:liveness|startup) probe|is unhealthy, it will be killed`)

// budget says how long a start the probe allows.
func budget(spec *evidence.ProbeSpec) string {
	if spec == nil {
		return ""
	}
	return "; the probe allows " + spec.Budget().String() + " for the start"
}

// starved turns a probe's failure into CPUStarved where the container was
// throttled and the probe got no answer in time.
func starved(c evidence.Case, f Finding, detail string) Finding {
	lower := strings.ToLower(detail)
	timedOut := strings.Contains(lower, "timeout") || strings.Contains(lower, "timed out") || strings.Contains(lower, "deadline")
	if c.Container.Throttled < throttledMuch || c.Container.Resources.CPULimit == 0 || !timedOut {
		return f
	}
	f.Refuted = append([]v1alpha1.RefutedCause{refute(f.Cause, "the probe got no answer in time because the container was throttled in %.0f %% of its CPU periods", 100*c.Container.Throttled)}, f.Refuted...)
	f.Evidence = append(f.Evidence, item(v1alpha1.SourceNode, c.Now, fmt.Sprintf("the kubelet counts that the container was throttled in %.0f %% of its CPU periods", 100*c.Container.Throttled)))
	f.Cause = v1alpha1.CauseCPUStarved
	f.Message = fmt.Sprintf("The container was throttled at its CPU limit of %dm in %.0f %% of its periods until a probe timed out and the kubelet killed it.", c.Container.Resources.CPULimit, 100*c.Container.Throttled)
	return f
}

// throttledMuch is the share of CPU periods from which on throttling explains
// a probe that times out.
const throttledMuch = 0.5

// byHook decides by a lifecycle hook that failed.
func byHook(c evidence.Case, ended *evidence.Termination) (Finding, bool) {
	e, ok := lastEvent(c, func(e evidence.Event) bool {
		return (e.Reason == "FailedPostStartHook" || e.Reason == "FailedPreStopHook") && about(e, c.Container.Name) && toldOf(e, ended)
	})
	if !ok {
		return Finding{}, false
	}
	if e.Reason == "FailedPreStopHook" && ended.ExitCode != 0 && ended.ExitCode != 137 && ended.ExitCode != 143 {
		return Finding{}, false // The program had ended by itself before.
	}
	return Finding{
		Cause: v1alpha1.CauseLifecycleHookFailed, Confidence: v1alpha1.ConfidenceHigh,
		Message:  "A lifecycle hook of the container failed: " + e.Reason + ".",
		Evidence: []v1alpha1.EvidenceItem{eventItem(e), terminationItem(ended)},
	}, true
}

// about says whether an event on a pod is about a container: the kubelet's
// messages name it where the event itself does not.
func about(e evidence.Event, container string) bool {
	if e.Container != "" || container == "" {
		return e.Container == container || container == ""
	}
	return !strings.HasPrefix(e.Message, "Container ") || strings.HasPrefix(e.Message, "Container "+container+" ")
}

// toldOf says whether an event tells of the run that ended: it came while that ran or
// shortly after, or it stands for many, the first before that end and the last after it.
func toldOf(e evidence.Event, ended *evidence.Termination) bool {
	if near(e.Last, ended) {
		return true
	}
	return e.Count > 1 && !e.First.IsZero() && e.First.Before(ended.Finished) && e.Last.After(ended.Finished)
}

// near says whether an event belongs to the run that ended: it came while it
// ran or shortly after. Where times are missing it is taken to.
func near(at time.Time, ended *evidence.Termination) bool {
	if at.IsZero() || ended.Finished.IsZero() {
		return true
	}
	if !ended.StartedAt.IsZero() && at.Before(ended.StartedAt.Add(-2*time.Second)) {
		return false
	}
	return at.Before(ended.Finished.Add(killWindow)) && at.After(ended.Finished.Add(-killWindow-ended.Ran()))
}

// byCompletion decides by exit code 0: a program that has nothing more to do
// loops under restartPolicy Always. A finished init container does not. Where
// the log gives a reason to end, it is that: wrappers in shell and Erlang's
// runtime end with 0 after a crash, too.
func byCompletion(c evidence.Case, r reading) (Finding, bool) {
	ended := c.Container.Ended()
	if ended == nil || ended.ExitCode != 0 || !mustKeepRunning(c) {
		return Finding{}, false
	}
	f := Finding{
		Cause: v1alpha1.CauseCompletedExit, Confidence: v1alpha1.ConfidenceHigh,
		Message:  "The program ended by itself with exit code 0 and is restarted because its restart policy is Always.",
		Evidence: []v1alpha1.EvidenceItem{terminationItem(ended)},
	}
	if toldToStop(c, r.log) {
		f.Confidence = v1alpha1.ConfidenceLow
		f.Message = "The program was told to stop and ended with exit code 0; no event says who told it. It is restarted because its restart policy is Always."
		if line, found := lastMatching(r.log, stopped); found {
			f.Evidence = append(f.Evidence, logItem(line))
		}
	}
	said, ok := byLog(c, r)
	if !ok {
		line, complained := r.complains()
		if complained && r.onlyLeaves(line) {
			return Finding{
				Cause: v1alpha1.CauseApplicationError, Confidence: v1alpha1.ConfidenceLow,
				Message:  "The program ended itself after a message of its own, with exit code 0: " + text.Clip(line, 200),
				Evidence: []v1alpha1.EvidenceItem{terminationItem(ended), logItem(line)},
			}, true
		}
		if complained || slices.ContainsFunc(tail(r.log, 10), reason.MatchString) {
			f.Confidence = v1alpha1.ConfidenceLow
		}
		if complained {
			f.Evidence = append(f.Evidence, logItem(line))
		}
		return f, true
	}
	if crashReport.Match(r.log[max(0, len(r.log)-8<<10):]) || r.saidLast() && !r.guessed() {
		return Finding{}, false // The rules that read the log decide.
	}
	f.Confidence = v1alpha1.ConfidenceLow
	f.Evidence = append(f.Evidence, said.Evidence...)
	return f, true
}

// guessed says that the decisive clue may well mean something else.
func (r *reading) guessed() bool {
	k, ok := r.decisive()
	if ok && k.cause == v1alpha1.CauseArgumentsInvalid {
		return false // Help text, which some programs end well after.
	}
	return !ok || k.guessed || k.weight < weightNetwork || r.goesOn(k)
}

// mustKeepRunning says that the container is restarted also when it ends well.
func mustKeepRunning(c evidence.Case) bool {
	switch c.Container.Role {
	case evidence.RoleInit:
		return false
	case evidence.RoleSidecar:
		return true
	default:
		return c.Pod.RestartPolicy == "" || c.Pod.RestartPolicy == "Always"
	}
}

// crashReport are the last words of runtimes that end with 0 after a crash.
var crashReport = regexp.MustCompile(`Kernel pid terminated|init terminating in do_boot|Runtime terminating during boot|Crash dump is being written`)
