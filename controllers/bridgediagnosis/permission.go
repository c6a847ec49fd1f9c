package bridgediagnosis

import (
	"context"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
)

// rights that an action needs; none for what is no object of the cluster.
func (in *round) rights(action remedy.Action) []plan.Right {
	if action.Template == nil && action.Job == "" {
		return plan.EvictionRights(action.Pods)
	}
	if action.Job != "" {
		return plan.JobRights()
	}
	if action.On != nil {
		return plan.TemplateRights(action.On.DiagnosedWorkload)
	}
	return plan.TemplateRights(in.after.Spec.Workload)
}

// recordedRights are those that the attempt needs.
func (in *round) recordedRights() []plan.Right {
	if in.attempt().Patch != "" {
		return plan.TemplateRights(in.patched())
	}
	return in.rights(recordedAction(in.attempt()))
}

// refused ends the round where the stack's ServiceAccount is not allowed what
// the remedy would write: a person can make the change, or grant the right.
func (r *Reconciler) refused(ctx context.Context, in *round, action remedy.Action) (bool, error) {
	because, err := r.Permissions.Denied(ctx, in.owner, in.rights(action))
	if err != nil || because == "" {
		return err != nil, err
	}
	in.become(v1alpha1.StateSuggested, v1alpha1.ReasonNotPermitted, fmt.Sprintf("%s Suggested: %s; not applied: %s", in.finding.Message, action.Remedy, because))
	in.recheck = time.Minute
	return true, nil
}

// keepsInForce calls a person where a remedy that did not help must not be taken
// back.
func (r *Reconciler) keepsInForce(ctx context.Context, in *round) (bool, error) {
	because, err := r.Permissions.Denied(ctx, in.owner, in.recordedRights())
	if err != nil || because == "" {
		return err != nil, err
	}
	in.escalate(v1alpha1.ReasonNotPermitted, fmt.Sprintf("%s and is still in force, since it must not be taken back: %s", in.judgement(), because), r.Clock.Now())
	in.recheck = time.Minute
	return true, nil
}

// mayWake reports whether pods in back-off may be evicted. They come up by
// themselves when it is over.
func (r *Reconciler) mayWake(ctx context.Context, in *round, pods []remedy.Pod) bool {
	because, err := r.Permissions.Denied(ctx, in.owner, plan.EvictionRights(pods))
	if err != nil || because != "" {
		ctrl.LoggerFrom(ctx).Info("pods in back-off are left to themselves", "because", because, "error", fmt.Sprint(err))
	}
	return err == nil && because == ""
}
