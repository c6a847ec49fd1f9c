package detect

import (
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// ReasonRunFailed is that a run came to no good end, or its pods fail one after the other.
const ReasonRunFailed = "RunFailed"

// RunFailed is the verdict on a workload that runs to an end: its last run failed, or
// more of the pods of the present one did than containers may restart, and than do well:
// of a hundred, some may be lost with their nodes. A run that ended before s.Since was
// counted by an earlier incident.
func RunFailed(run evidence.Run, s Settings) Verdict {
	s = s.withDefaults()
	switch {
	case run.Active && run.Failures > max(s.Restarts, run.Well):
		return loop(ReasonRunFailed, "%d pods of %s failed", run.Failures, run.Object)
	case run.Failed && !run.Active && run.Ended.After(s.Since):
		return loop(ReasonRunFailed, "%s failed%s", run.Object, because(run))
	}
	return Verdict{}
}

// oldNews is how long before its stack was made a run that nobody starts again may have
// failed: what lies about for longer, nobody waits for.
const oldNews = 24 * time.Hour

// NewsSince is from when on a run that nobody starts again counts as failed: after the
// last incident, and not long before its stack was made.
func NewsSince(lastIncident, stackMade time.Time) time.Time {
	if news := stackMade.Add(-oldNews); news.After(lastIncident) {
		return news
	}
	return lastIncident
}

func because(run evidence.Run) string {
	if run.Reason == "" {
		return ""
	}
	return ": " + run.Reason
}

// SucceededSince says that a run came to a good end after a time, and that none beside it
// fails: a CronJob may run several at once.
func SucceededSince(run evidence.Run, at time.Time) bool {
	return run.Known && !run.Failed && run.Ended.After(at) && (!run.Active || run.Failures == 0)
}

// AwaitsRun says that only a run that succeeds ends an incident: that its pods are up
// for a while says nothing of their end.
func AwaitsRun(symptom v1alpha1.Symptom, run evidence.Run) bool {
	return run.Known && (run.Failed || symptom == v1alpha1.SymptomRunFailed)
}

// FailedContainer is the one by which a run failed: of the first of its pods, those of
// earlier runs aside, of which a container ended with another code than 0, init
// containers first; empty where none did. In a pod that succeeded nothing failed,
// whatever its sidecars ended with.
func FailedContainer(pods []PodState) string {
	for _, p := range pods {
		if !p.Newest || p.Pod.Phase == "Succeeded" {
			continue
		}
		for _, role := range []evidence.ContainerRole{evidence.RoleInit, evidence.RoleMain, evidence.RoleSidecar} {
			for _, c := range p.Containers {
				if ended := c.Ended(); c.Role == role && ended != nil && ended.ExitCode != 0 {
					return c.Name
				}
			}
		}
	}
	return ""
}
