package bridgediagnosis

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/text"
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
	live, err := lookup.Get(ctx, from, workload.Ref{Kind: w.Kind, Namespace: namespace, Name: w.Name})
	if err != nil {
		return plan.GitOps{}, owner, client.IgnoreNotFound(err) // what is gone is found out elsewhere
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

// takenBack stops where the GitOps controller that owns the workload took the
// attempt's change back: Git stands. A person's own edit is no such thing.
func (r *Reconciler) takenBack(ctx context.Context, in *round) (bool, error) {
	attempt := in.attempt()
	fields := gitops.Fields(in.template(), attempt.Proposal.Changes)
	if attempt.Patch == "" || attempt.Workload != nil || in.workload.Object().GetGeneration() <= attempt.Generation || hold(fields, in.template()) {
		return false, nil
	}
	// A cache may show what was before the patch.
	live, err := lookup.Get(ctx, r.APIReader, workload.Ref{Kind: in.workload.Kind(), Namespace: in.after.Namespace, Name: in.workload.Object().GetName()})
	if err != nil {
		return false, client.IgnoreNotFound(err)
	}
	object := gitops.ObjectOf(live)
	owner := gitops.OwnerOf(object)
	manager := gitops.TakenBy(object, fields)
	if manager == "" || !owner.Reconciles() || hold(fields, live.Template()) {
		return false, nil
	}
	message := fmt.Sprintf("%s (field manager %s) took the change back, and what is in Git stands.", owner, manager)
	if rule := gitops.IgnoreRule(object, owner, live.Template(), fields, v1alpha1.FieldManager); rule != "" {
		message += " To allow it: " + rule
	}
	in.end(v1alpha1.AttemptReverted, message, r.Clock.Now())
	in.escalate(v1alpha1.ReasonRemedyReverted, fmt.Sprintf("%s. %s was in force: %s", text.AsClause(in.after.Status.Message), attempt.Proposal.Remedy, message), r.Clock.Now())
	in.recheck = time.Minute
	return true, nil
}

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
