package remedy

import (
	"time"

	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
)

// BackingOffOf are those of a workload's pods that sit in CrashLoopBackOff.
func BackingOffOf(pods []evidence.WorkloadPod) []Pod {
	var out []Pod
	for _, p := range pods {
		if !p.Pod.Terminating && p.Container.Waiting != nil && p.Container.Waiting.Reason == detect.ReasonCrashLoopBackOff {
			out = append(out, Pod{Name: p.Pod.Name, UID: p.Pod.UID})
		}
	}
	return out
}

// SlowestStartOf is the longest that an up pod of an earlier revision needed from its
// container's start until it was ready.
func SlowestStartOf(pods []evidence.WorkloadPod) time.Duration {
	var slowest time.Duration
	for _, p := range pods {
		if !p.Newest && p.Pod.Ready == evidence.ReadinessTrue && !p.Container.RunningSince.IsZero() {
			slowest = max(slowest, p.Pod.ReadySince.Sub(p.Container.RunningSince))
		}
	}
	return slowest
}
