package detect

import (
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// ReasonRunFailed is that a run came to no good end, or its pods fail one after the other.
const ReasonRunFailed = "RunFailed"

// RunFailed is the verdict on a workload that runs to an end: its last run failed, or
// more of the pods of the present one did than containers may restart. A run that ended
// before s.Since was counted by an earlier incident.
func RunFailed(run evidence.Run, s Settings) Verdict {
	s = s.withDefaults()
	switch {
	case run.Active && run.Failures > s.Restarts:
		return loop(ReasonRunFailed, "%d pods of %s failed", run.Failures, run.Object)
	case run.Failed && !run.Active && run.Ended.After(s.Since):
		return loop(ReasonRunFailed, "%s failed%s", run.Object, because(run))
	}
	return Verdict{}
}

func because(run evidence.Run) string {
	if run.Reason == "" {
		return ""
	}
	return ": " + run.Reason
}

// SucceededSince says that a run came to a good end after a time.
func SucceededSince(run evidence.Run, at time.Time) bool {
	return run.Known && !run.Failed && run.Ended.After(at)
}

// AwaitsRun says that only a run that succeeds ends an incident: that its pods are up
// for a while says nothing of their end.
func AwaitsRun(symptom v1alpha1.Symptom, run evidence.Run) bool {
	return run.Known && (run.Failed || symptom == v1alpha1.SymptomRunFailed)
}

// FailedContainer is the one by which a pod of a run failed: the first that ended with
// another code than 0, init containers first; empty where none did.
func FailedContainer(containers []evidence.Container) string {
	for _, role := range []evidence.ContainerRole{evidence.RoleInit, evidence.RoleMain, evidence.RoleSidecar} {
		for _, c := range containers {
			if ended := c.Ended(); c.Role == role && ended != nil && ended.ExitCode != 0 {
				return c.Name
			}
		}
	}
	return ""
}
