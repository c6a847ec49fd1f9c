package bridgediagnosis

import (
	"context"
	"fmt"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
)

// refused ends the round where the stack's ServiceAccount is not allowed what
// the remedy would write: a person can make the change, or grant the right.
func (r *Reconciler) refused(ctx context.Context, in *round, action remedy.Action) (bool, error) {
	wanted, err := attempt.ActionOf(action, attempt.Target{Workload: in.after.Spec.Workload, Template: in.workload.Template()})
	if err != nil {
		return true, err
	}
	denied, err := r.Permissions.Denied(ctx, in.owner, plan.RightsOf(wanted))
	if err != nil || denied == "" {
		return err != nil, err
	}
	in.become(v1alpha1.StateSuggested, v1alpha1.ReasonNotPermitted, fmt.Sprintf("%s Suggested: %s; not applied: %s", in.finding.Message, action.Remedy, denied))
	in.recheck = time.Minute
	return true, nil
}
