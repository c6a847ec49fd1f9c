package bridgediagnosis

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/remedy"
)

// unblock evicts the pods that keep a template that was written, there or back,
// from being rolled out. A StatefulSet's controller waits for a broken pod to
// become ready before it replaces it, which it never will (documented as forced
// rollback); where pods change on delete only, nobody replaces them at all.
func (r *Reconciler) unblock(ctx context.Context, in *round) {
	strategy := in.workload.Strategy()
	if !strategy.InOrder && !strategy.OnDelete || !in.asWritten() || in.paused() {
		return
	}
	left := in.leftBehind()
	if len(left) == 0 || !r.mayWake(ctx, in, left) {
		return
	}
	if in.attempt().Outcome.InForce() {
		if why, err := r.forbids(ctx, in); why != "" || err != nil {
			return
		}
	}
	if err := r.Applier.Evict(ctx, in.after.Namespace, left); err != nil {
		// The template is written; whether that helps is for verify to say.
		ctrl.LoggerFrom(ctx).Info("a broken pod could not be evicted, and may keep the template from being rolled out", "because", err.Error())
	}
}

// asWritten is true while the workload is as the latest attempt's last write
// made it, and its controller has seen that. What someone else wrote since is
// theirs to roll out.
func (in *round) asWritten() bool {
	attempt := in.attempt()
	if attempt == nil || attempt.Patch == "" || attempt.Workload != nil {
		return false
	}
	writes := map[v1alpha1.AttemptOutcome]int64{v1alpha1.AttemptApplied: 1, v1alpha1.AttemptRolledBack: 2}[attempt.Outcome]
	generation := in.workload.Object().GetGeneration()
	return writes > 0 && generation == attempt.Generation+writes && in.workload.ObservedGeneration() >= generation
}

// leftBehind are the pods of another template than the workload's that are not up.
func (in *round) leftBehind() []remedy.Pod {
	var out []remedy.Pod
	for _, p := range in.pods {
		c, ok := observe.ContainerOf(p.Pod, in.after.Spec.Container)
		if _, up := detect.Up(observe.PodOf(p.Pod), c); ok && !up && !p.Newest && p.DeletionTimestamp.IsZero() {
			out = append(out, remedy.Pod{Name: p.Name, UID: string(p.UID)})
		}
	}
	return out
}
