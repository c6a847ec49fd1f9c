package verify

import (
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
)

// PodsOf are the pods of a workload that should be up: those of its newest revision
// and, with older, those of earlier ones. rolloutSeen says that the workload's
// controller has seen the template as it is: before, the newest is one of the past.
func PodsOf(pods []evidence.WorkloadPod, rolloutSeen, older bool) []Pod {
	var out []Pod
	for _, p := range pods {
		over := p.Pod.Phase == "Failed" || p.Pod.Phase == "Succeeded"
		if !p.HasContainer || over || p.Pod.Terminating && !p.Stranded || !p.Newest && !older {
			continue
		}
		since, _ := detect.Up(p.Pod, p.Container)
		if p.Stranded {
			since = time.Time{}
		}
		out = append(out, Pod{
			Name: p.Pod.Name, Created: p.Pod.Created, Restarts: p.Container.Restarts, UpSince: since,
			Looping: p.Container.Blocked(),
			Older:   !p.Newest || !rolloutSeen,
			Excused: p.Pod.Excused(), Unplaced: p.Pod.Unplaced,

			HeldBack: !since.IsZero() && p.SiblingBroken,
		})
	}
	return out
}

// MostRestarts is the highest restart count of pods: what is above it after a change,
// on a pod that was there before, happened since.
func MostRestarts(pods []Pod) int32 {
	var most int32
	for _, p := range pods {
		most = max(most, p.Restarts)
	}
	return most
}

// SoakOf is how long a container must stay up: longer than it was ever seen to run
// before it crashed, within reason. before is nil where that is not known.
func SoakOf(policy time.Duration, before *v1alpha1.LoopObservation) time.Duration {
	if before == nil {
		return policy
	}
	longest := time.Duration(before.LongestRunSeconds) * time.Second
	return max(policy, min(longest+longest/4, time.Hour))
}
