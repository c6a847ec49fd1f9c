package bridgediagnosis

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// besideOthers is where the changes of a workload stand beside GitOps, and the
// custom resource that owns the workload, zero where none does.
func (r *Reconciler) besideOthers(ctx context.Context, from client.Reader, namespace string, w *v1alpha1.DiagnosedWorkload, changes []v1alpha1.FieldChange) (beside plan.GitOps, owner workload.Owner, err error) {
	if w == nil {
		return plan.GitOps{}, owner, nil
	}
	live, err := lookup.Get(ctx, from, workload.RefOfDiagnosed(namespace, *w))
	if apierrors.IsNotFound(err) || errors.Is(err, lookup.ErrReplaced) {
		return plan.GitOps{}, owner, nil // what is gone is found out elsewhere
	}
	if err != nil {
		return plan.GitOps{}, owner, fmt.Errorf("reading %s/%s beside GitOps: %w", w.Kind, w.Name, err)
	}
	owner, _ = lookup.TopOwner(ctx, r.APIReader, live.Object())
	object := gitops.ObjectOf(live)
	standing := gitops.Stand(object, gitops.Fields(live.Template(), changes))
	if standing.Rung == gitops.Unowned {
		return plan.GitOps{}, owner, nil
	}
	beside = plan.GitOps{Owner: standing.Owner.String(), Holdable: standing.Owner.Holdable(), Because: standing.Because, Hold: gitops.Hold(object, standing.Owner)}
	for _, p := range standing.Set {
		beside.Set = append(beside.Set, p.String())
	}
	return beside, owner, nil
}
