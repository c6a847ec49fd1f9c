package detect

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// LoopObservationOf is what is seen of an incident that a symptom showed, and what was
// seen before, nil where it was not.
func LoopObservationOf(symptom v1alpha1.Symptom, before *v1alpha1.LoopObservation, c evidence.Case) *v1alpha1.LoopObservation {
	out := &v1alpha1.LoopObservation{Pod: c.Pod.Name, Restarts: c.Container.Restarts, Reason: ReasonRestarts}
	if before != nil {
		out.LongestRunSeconds, out.Reason = before.LongestRunSeconds, before.Reason
	}
	if w := c.Container.Waiting; w != nil {
		out.Reason = w.Reason
	}
	if ended := c.Container.Ended(); ended != nil {
		code := ended.ExitCode
		out.ExitCode = &code
		out.LongestRunSeconds = max(out.LongestRunSeconds, int32(ended.Ran().Seconds()))
	}
	if out.Restarts > 0 {
		return out
	}
	switch symptom {
	case v1alpha1.SymptomNotAvailable:
		out.Reason = ReasonNotAvailable
	case v1alpha1.SymptomRunFailed:
		out.Reason = ReasonRunFailed
	default:
	}
	return out
}
