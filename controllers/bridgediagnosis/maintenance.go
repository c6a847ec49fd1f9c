package bridgediagnosis

import (
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/requeue"
)

// holdBack says why an attempt that did not help is not taken back yet. Taking
// it back is a write too, and in a pause or a maintenance window nothing is
// touched: it waits until that is over.
func (in *round) holdBack() {
	reason, because, after := v1alpha1.ReasonPaused, "nothing is written while the stack or the workload is paused", requeue.References
	if window := in.policy().MaintenanceAt(in.now); window.Now() && !in.policy().Paused && !in.workloadPaused() {
		reason, because, after = v1alpha1.ReasonMaintenanceWindow, window.Because, max(window.Until.Sub(in.now), time.Second)
	}
	in.become(v1alpha1.StateWaiting, reason, in.judgement()+" and is to be taken back; "+because)
	in.recheck = after
}
