package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// stillProved keeps what an earlier look at this incident proved of this
// revision, where a later look only lacks it. The kubelet's events are no
// record: it stops writing them after a burst, and the API drops them after an
// hour, while the container goes on being killed for the same reason.
func stillProved(c evidence.Case, f Finding) Finding {
	p := c.Proved
	if !isOfKubelet(p.Cause) || p.Confidence != v1alpha1.ConfidenceHigh || !tellsLess(f) {
		return f
	}
	event := slices.IndexFunc(p.Evidence, func(i v1alpha1.EvidenceItem) bool { return i.Source == v1alpha1.SourceEvent })
	if event < 0 || isOlder(p.Evidence[event], c.Rollout) {
		return f
	}
	kept := f
	kept.Cause, kept.Confidence, kept.Message = p.Cause, p.Confidence, p.Message
	kept.Evidence = append([]v1alpha1.EvidenceItem{p.Evidence[event]}, f.Evidence...)
	if f.Cause != v1alpha1.CauseUnknown {
		kept.Refuted = append([]v1alpha1.RefutedCause{refute(f.Cause, "the kubelet said before that it killed the container of this revision")}, f.Refuted...)
	}
	return kept
}

// isOfKubelet says that only the kubelet's events prove a cause.
func isOfKubelet(cause v1alpha1.Cause) bool {
	switch cause {
	case v1alpha1.CauseLivenessProbeFailed, v1alpha1.CauseStartupProbeFailed, v1alpha1.CauseLifecycleHookFailed, v1alpha1.CauseCPUStarved:
		return true
	default:
		return false
	}
}

// tellsLess says that a finding is what is left when events are missing.
func tellsLess(f Finding) bool {
	return f.Cause == v1alpha1.CauseUnknown || f.Cause == v1alpha1.CauseCompletedExit || f.Confidence == v1alpha1.ConfidenceLow
}

// isOlder says that an event is of a revision before the present one.
func isOlder(event v1alpha1.EvidenceItem, r evidence.Rollout) bool {
	return event.Time != nil && event.Time.Time.Before(r.TemplateChanged)
}

// byProbeTiming decides without the kubelet's word that it killed the container:
// by a probe that was failing, or by runs that last just as long as the probe
// allows and end by a signal.
func byProbeTiming(c evidence.Case, r reading) (Finding, bool) {
	ended := c.Container.Ended()
	if ended == nil || !mayBeKilled(*ended, r.log) {
		return Finding{}, false
	}
	for _, p := range []struct {
		spec  *evidence.ProbeSpec
		kind  string
		cause v1alpha1.Cause
	}{{c.Container.Startup, "Startup", v1alpha1.CauseStartupProbeFailed}, {c.Container.Liveness, "Liveness", v1alpha1.CauseLivenessProbeFailed}} {
		f := Finding{Cause: p.cause, Evidence: []v1alpha1.EvidenceItem{terminationItem(ended)}}
		unhealthy, failing := probeFailure(c, p.kind, ended)
		switch {
		case failing:
			f.Confidence = v1alpha1.ConfidenceMedium
			f.Message = fmt.Sprintf("The container was ended by a signal while its %s probe failed; no event says any more that the kubelet did it.", strings.ToLower(p.kind))
			f.Evidence = append(f.Evidence, eventItem(unhealthy))
			return f, true
		case p.spec != nil && lastsAsAllowed(*p.spec, ended.Ran()):
			f.Confidence = v1alpha1.ConfidenceLow
			f.Message = fmt.Sprintf("The container was ended by a signal after %s, which is as long as its %s probe allows (%s): most likely the kubelet did it, and its events are gone.",
				ended.Ran().Round(time.Second), strings.ToLower(p.kind), p.spec.Budget())
			if witness, ok := secondWitness(c, r, p.kind, *p.spec); ok {
				f.Confidence = v1alpha1.ConfidenceMedium
				f.Evidence = append(f.Evidence, witness)
			}
			return f, true
		}
	}
	return Finding{}, false
}

// secondWitness is what else speaks for the kubelet where its word on this run is gone:
// its word on an earlier one, runs that all end in the same way after the same time, or
// a program that listens elsewhere than where the probe asks.
func secondWitness(c evidence.Case, r reading, kind string, spec evidence.ProbeSpec) (v1alpha1.EvidenceItem, bool) {
	ended := c.Container.Ended()
	if e, ok := lastEvent(c, func(e evidence.Event) bool {
		return e.Reason == "Killing" && about(e, c.Container.Name) && probeKill.MatchString(e.Message) && !isOlder(eventItem(e), c.Rollout)
	}); ok {
		return eventItem(e), true
	}
	if p := c.Proved; p.ExitCode != nil && *p.ExitCode == ended.ExitCode && p.Restarts < c.Container.Restarts && (p.LongestRun-ended.Ran()).Abs() <= spec.Period {
		return item(v1alpha1.SourceTermination, ended.Finished, fmt.Sprintf("an earlier run ended with exit code %d after %s, too", *p.ExitCode, p.LongestRun)), true
	}
	if line, ports := listensAt(r.log); spec.Port != 0 && len(ports) > 0 && !slices.Contains(ports, spec.Port) {
		i := logItem(line)
		i.Text += fmt.Sprintf(" (the %s probe asks port %d)", strings.ToLower(kind), spec.Port)
		return i, true
	}
	return v1alpha1.EvidenceItem{}, false
}

// listens are the words of a server that tells its port.
var listens = regexp.MustCompile(`(?i)\b(?:listen(?:ing|s)?|serving|running|started|bound)\b[^\n]{0,80}?(?:\bport\b["'=: (]*|[\w\].*]:)(\d{2,5})\b`)

// listensAt are the ports that a program says it listens at, and the last line that
// says so.
func listensAt(log []byte) (line string, ports []int32) {
	for _, l := range tail(log, 400) {
		m := listens.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		if port, err := strconv.ParseInt(m[1], 10, 32); err == nil {
			line, ports = l, append(ports, int32(port))
		}
	}
	return line, ports
}

// lastsAsAllowed says that a run lasted as long as the probe allows, with the
// time that the program is given to end.
func lastsAsAllowed(p evidence.ProbeSpec, ran time.Duration) bool {
	const grace = 30 * time.Second // terminationGracePeriodSeconds' default
	budget := p.Budget()
	return budget > 0 && ran > 0 && ran >= budget-p.Period && ran <= budget+p.Period+p.Timeout+grace+2*time.Second
}

// probeFailure is the last event of a probe that failed in the run that ended.
func probeFailure(c evidence.Case, kind string, ended *evidence.Termination) (evidence.Event, bool) {
	return lastEvent(c, func(e evidence.Event) bool {
		return e.Reason == "Unhealthy" && about(e, c.Container.Name) && strings.HasPrefix(e.Message, kind+" probe") && toldOf(e, ended)
	})
}

// mayBeKilled says that a signal from outside may have ended the run: by the
// exit code, or by what a program that makes another of it logs.
func mayBeKilled(t evidence.Termination, log []byte) bool {
	switch t.ExitCode {
	case 137, 143:
		return true
	default:
		return slices.ContainsFunc(tail(log, 10), stoppedWords.MatchString)
	}
}
