package attempt

import (
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
)

// HoldOf says why nothing may be written at the moment, nil where it may. Of a stack
// that is gone there is no policy: then the workload's own pause is all. w is nil where
// the workload is gone.
func HoldOf(policy stack.Policy, w workload.Workload, now time.Time) *Hold {
	if w == nil {
		return nil
	}
	window := policy.MaintenanceAt(now)
	switch {
	case workload.Paused(w):
		return &Hold{Reason: v1alpha1.ReasonPaused, RecheckAfter: requeue.References,
			Message: "nothing is written while the workload is paused (annotation " + v1alpha1.AnnotationPaused + ")"}
	case policy.Paused:
		return &Hold{Reason: v1alpha1.ReasonPaused, RecheckAfter: requeue.References, Message: "nothing is written while the stack is paused (spec.paused)"}
	case window.Now():
		return &Hold{Reason: v1alpha1.ReasonMaintenanceWindow, RecheckAfter: max(window.Until.Sub(now), time.Second), Message: window.Because}
	}
	return nil
}
