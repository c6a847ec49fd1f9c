package detect

import (
	"time"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/workload"
)

// Wanting is how many pods a workload lacks that nothing else is awaited before: a
// rollout that is paused makes none, a pod that is being deleted has its time to end
// before another is made in its place, one of a row waits for those before it, and
// between two tries of a Job there is none. Pods that are there are not wanting, though
// the workload's status, which its controller writes later, does not count them yet. The
// time is when the last pod that is being deleted should be gone, zero where none is.
func Wanting(w workload.Workload, pods []PodState, now time.Time) (missing int32, gone time.Time) {
	n, strategy := w.Replicas(), w.Strategy()
	if run := w.Run(now); run != nil && run.Failures > 0 || strategy.Paused && n.Total == 0 {
		return 0, time.Time{}
	}
	missing = n.Desired - max(n.Total, alive(pods))
	for _, p := range pods {
		switch {
		case p.Ends.IsZero() && strategy.InOrder && p.Current && p.Pod.Ready != evidence.ReadinessTrue:
			missing = 0 // this pod's own state tells
		case now.Before(p.Ends):
			missing--
			if p.Ends.After(gone) {
				gone = p.Ends
			}
		}
	}
	return max(0, missing), gone
}

// alive is how many pods have not ended and are not being deleted.
func alive(pods []PodState) int32 {
	var n int32
	for _, p := range pods {
		if p.Ends.IsZero() && !p.Pod.Terminating && p.Pod.Phase != "Succeeded" && p.Pod.Phase != "Failed" {
			n++
		}
	}
	return n
}

// MissingSince is since when pods are missing: as the operator saw it, or, where it was not
// there to see it, since the workload itself says that none can be made.
func MissingSince(seen, refused time.Time) time.Time {
	if !seen.IsZero() && !refused.IsZero() && refused.Before(seen) {
		return refused
	}
	return seen
}

// LacksPods says that pods are not there at all and no other one is in trouble: what
// makes the pods says why, no pod does. worst is the pod to look at, if one was found.
func LacksPods(n workload.Replicas, worst evidence.WorkloadPod, found bool) bool {
	if n.Total >= n.Desired {
		return false
	}
	_, up := Up(worst.Pod, worst.Container)
	return !found || up
}
