package bridgediagnosis

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// gitOpsOwner is who owns the looping workload, as people read it.
func (in *round) gitOpsOwner() string {
	return gitops.OwnerOf(gitops.ObjectOf(in.workload)).String()
}

// changedBy is the workload whose template an action changes: nil for none.
func (in *round) changedBy(action remedy.Action) *v1alpha1.DiagnosedWorkload {
	switch {
	case action.Template == nil:
		return nil
	case action.On != nil:
		return &action.On.DiagnosedWorkload
	}
	return &in.after.Spec.Workload
}

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

// hold reports whether all of the fields have their values in a template.
func hold(fields []gitops.Field, template *corev1.PodTemplateSpec) bool {
	for _, f := range fields {
		if !f.Holds(template) {
			return false
		}
	}
	return true
}

// holding adds what the policy and earlier attempts say of holding an object. What
// was patched under a hold is no longer on record as the owner's: it still counts
// as set in Git.
func (in *round) holding(g *plan.GitOps, changes []v1alpha1.FieldChange) {
	if h := in.owner.Spec.GitOps.Hold; h != nil {
		g.TTL = h.TTL.Duration
	}
	for _, a := range in.after.Status.Attempts {
		if g.Owner == "" || a.HeldUntil == nil || a.AppliedAt == nil || len(g.Set) > 0 {
			continue
		}
		for _, c := range changes {
			if slices.ContainsFunc(a.Proposal.Changes, func(held v1alpha1.FieldChange) bool { return held.Path == c.Path }) {
				g.Set, g.Because = append(g.Set, c.Path), "it was when its manager was kept from it"
			}
		}
	}
}
