package bridgediagnosis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/notify"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// plan chooses the remedy and whether it is used now.
func (r *Reconciler) plan(ctx context.Context, in *round) (bool, error) {
	action, proposal, err := r.propose(ctx, in)
	if err != nil {
		return false, err
	}
	in.after.Status.GitOps = gitops.OwnerOf(gitops.ObjectOf(in.workload)).String()
	in.seeMerged(r.Clock.Now())
	uncommitted := r.takeCommit(in, proposal)
	decision, err := r.decide(ctx, in, r.Client, action, proposal)
	if err == nil && decision.Commit {
		var pending bool
		if decision, pending, err = r.commit(ctx, in, decision, action, proposal, uncommitted); pending {
			in.recheck = decision.RecheckAfter
			return true, nil
		}
	}
	if err != nil || !decision.Apply {
		in.follow(decision, r.Clock.Now())
		return true, err
	}
	if done, err := r.refused(ctx, in, action); done {
		return true, err
	}
	if failed := r.prove(ctx, in, action); failed != "" {
		in.become(v1alpha1.StateWaiting, v1alpha1.ReasonRemedyRefused, failed)
		in.recheck = requeue.AfterConflict * 100
		return true, nil
	}
	return true, r.claimAndApply(ctx, in, action, proposal)
}

// claimAndApply decides once more on what the API server has, since the cache
// may not know of the other incidents' latest attempts, then records and applies.
func (r *Reconciler) claimAndApply(ctx context.Context, in *round, action remedy.Action, proposal v1alpha1.Proposal) error {
	if err := r.claim(ctx, in, action, proposal); err != nil || !in.justRecorded {
		return err
	}
	_, err := r.advanceAttempt(ctx, in)
	return err
}

func (r *Reconciler) claim(ctx context.Context, in *round, action remedy.Action, proposal v1alpha1.Proposal) error {
	defer r.deciding.lock(client.ObjectKeyFromObject(in.owner))()
	decision, err := r.decide(ctx, in, r.APIReader, action, proposal)
	if err != nil || !decision.Apply {
		in.follow(decision, r.Clock.Now())
		return err
	}
	return r.record(ctx, in, action, proposal, decision.HoldFor)
}

func (in *round) follow(d plan.Decision, now time.Time) {
	known := in.after.Status.Evidence
	in.after.Status.Evidence = append(known[:min(len(known), maxEvidence-len(d.Evidence))], d.Evidence...)
	in.recheck = d.RecheckAfter
	if d.Root != nil {
		in.after.Status.Root = d.Root
	}
	if d.State == "" {
		return
	}
	if d.State == v1alpha1.StateEscalated {
		in.escalate(d.Reason, d.Message, now)
		return
	}
	in.become(d.State, d.Reason, d.Message)
}

// escalate calls a person.
func (in *round) escalate(reason, message string, now time.Time) {
	in.become(v1alpha1.StateEscalated, reason, message)
	in.call(in.owner, now)
}

// call has the stack's receivers told, once.
func (in *round) call(owner *v1alpha1.BridgeStack, now time.Time) {
	if in.after.Status.Times.Escalated == nil {
		at := metav1.NewMicroTime(now)
		in.after.Status.Times.Escalated = &at
		if root := in.after.Status.Root; root != nil && root.Diagnosis != "" && root.Diagnosis != in.after.Name {
			in.after.Status.EscalatedRoot = root.DeepCopy()
		}
		in.after.Status.Notifications = notify.Enlist(in.after.Status.Notifications, owner.Spec.Notifications)
	}
}

// decide asks whether it may be done now, on the siblings that from knows of.
func (r *Reconciler) decide(ctx context.Context, in *round, from client.Reader, action remedy.Action, proposal v1alpha1.Proposal) (plan.Decision, error) {
	siblings, err := incident.OfStack(ctx, from, in.after.Namespace, in.owner.Name)
	if err != nil {
		return plan.Decision{}, err
	}
	var others []v1alpha1.BridgeDiagnosis
	for _, d := range siblings {
		if d.UID != in.after.UID {
			others = append(others, d)
		}
	}
	gitOps, owner, err := r.besideOthers(ctx, from, in.after.Namespace, action.Changes(in.after.Spec.Workload), proposal.Changes)
	if err != nil {
		return plan.Decision{}, err
	}
	gitOps.Repository = in.owner.Spec.GitOps.Repository != nil && r.Committer != nil
	gitOps = gitOps.Under(in.owner.Spec.GitOps.Hold, in.after.Status.Attempts, proposal.Changes)
	underWay := attempt.UnderWayOn(in.after.Spec.Workload, in.after, others)
	if action.On != nil {
		underWay = cmp.Or(underWay, attempt.UnderWayOn(action.On.DiagnosedWorkload, in.after, others))
	}
	tried := attempt.Remember(in.owner.Status.Tried, others, r.Clock.Now())
	_, worst, _ := in.worst()
	return plan.Decide(plan.Input{
		Now: r.Clock.Now(), Policy: in.policy(), Finding: in.finding, Action: action, Proposal: proposal,
		Diagnosis: *in.after, Others: others, Services: len(in.stack.Services),
		WorkloadPaused: workload.Paused(in.workload),
		Owner:          owner, UnderWay: underWay,
		Tried:  attempt.TriedBefore(tried, in.after.Spec.Workload, proposal, in.finding.Identity(), remedy.SameTrouble),
		GitOps: gitOps, Up: in.view().Outlived(r.Clock.Now()) && r.unhealthyFor(in) == 0, Unreachable: in.view().Unreachable(), Untried: plan.Untried(in.workload, worst),
	}), nil
}

// callInTime calls a person once the incident is older than the policy's
// escalateAfter, whatever the round came to.
func (in *round) callInTime(now time.Time) {
	if in.owner != nil {
		in.callInTimeFor(in.owner, in.policy(), now)
	}
}

// callInTimeFor is callInTime where nobody knows whether the stack covers the workload.
func (in *round) callInTimeFor(owner *v1alpha1.BridgeStack, policy stack.Policy, now time.Time) {
	if in.deleted || in.after.Status.Times.Escalated != nil {
		return
	}
	due := plan.CallDue(policy, *in.after)
	switch left := due.Sub(now); {
	case due.IsZero():
	case left > 0:
		in.recheck = requeue.Sooner(in.recheck, left)
	default:
		in.call(owner, now)
	}
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
	owner, _ = lookup.TopOwner(ctx, r.APIReader, live)
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
