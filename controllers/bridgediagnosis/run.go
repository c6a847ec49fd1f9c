package bridgediagnosis

import (
	"context"
	"fmt"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
)

// run is how it stands with a workload that runs to an end; zero of others.
func (in *round) run() evidence.Run {
	if in.workload == nil {
		return evidence.Run{}
	}
	return observe.RunOf(in.workload.Run(in.now))
}

// recoverIfRan ends an incident of what runs to an end once a run of it succeeded: the
// same one in the end, or the next one of a CronJob.
func (r *Reconciler) recoverIfRan(_ context.Context, in *round) (bool, error) {
	run := in.run()
	detected := in.after.CreationTimestamp.Time
	if at := in.after.Spec.DetectedAt; at != nil {
		detected = at.Time
	}
	// The Job controller's times are whole seconds.
	if in.deleted || !detect.SucceededSince(run, detected.Truncate(time.Second).Add(-1)) {
		return false, nil
	}
	in.recovered(r.Clock.Now(), run.Ended, v1alpha1.ReasonRunSucceeded, fmt.Sprintf("%s succeeded; nothing was patched", run.Object))
	return true, nil
}
