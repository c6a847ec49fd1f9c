package bridgediagnosis

import (
	"context"
	"fmt"
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/report"
)

// propose asks what would help, and shows it. Who only observes is not asked.
func (r *Reconciler) propose(ctx context.Context, in *round) (remedy.Action, v1alpha1.Proposal, error) {
	if in.policy().Mode == v1alpha1.ModeObserve {
		in.after.Status.Proposal, in.after.Status.Remedy = nil, ""
		return remedy.Action{}, v1alpha1.Proposal{}, nil
	}
	input := remedy.Input{
		Finding: in.finding, Case: *in.observed, Policy: in.policy(), Service: in.service,
		Template: in.workload.Template(), Attempts: in.after.Status.Attempts, BackingOff: remedy.BackingOffOf(in.view().Pods),
		Now: r.Clock.Now(), Image: r.Image, SlowestStart: remedy.SlowestStartOf(in.view().Pods), Secrets: in.redactor,
	}
	if err := r.gather(ctx, in, &input); err != nil {
		return remedy.Action{}, v1alpha1.Proposal{}, err
	}
	action, _ := remedy.Propose(input)
	proposal, err := action.Proposal(in.workload.Template())
	if err == nil {
		in.after.Status.Proposal, in.after.Status.Remedy = &proposal, proposal.Remedy
	}
	return action, proposal, err
}

// gather reads what the remedies for the cause need to know beyond the case.
func (r *Reconciler) gather(ctx context.Context, in *round, input *remedy.Input) (err error) {
	needs := func(what remedy.Need) bool { return remedy.Needs(in.policy(), in.finding.Cause, what) }
	if needs(remedy.NeedKnownKeys) {
		input.KnownKeys, err = r.Resolver.KnownKeys(ctx, in.after.Namespace, in.service.Env, in.finding.Subject.Variable)
	}
	if err == nil && needs(remedy.NeedBounds) {
		input.Bounds, err = r.Resolver.Bounds(ctx, in.workload, in.service.Desired())
	}
	if revision := in.observed.Rollout.ReadyRevision; err == nil && revision != "" && needs(remedy.NeedOlderRevision) {
		input.Previous, err = r.Observer.Recorded(ctx, in.named(), revision)
	}
	if err == nil && needs(remedy.NeedDependencyWorkloads) {
		input.Workloads, err = r.Resolver.DependencyWorkloads(ctx, in.after.Namespace, in.stack, in.service)
	}
	if err != nil || !needs(remedy.NeedDependencyWorkloads) && !needs(remedy.NeedRecurrences) {
		return err
	}
	siblings, err := incident.OfStack(ctx, r.Client, in.after.Namespace, in.owner.Name)
	if needs(remedy.NeedDependencyWorkloads) {
		input.Restarts = remedy.RestartsBy(siblings, in.after.UID)
	}
	if needs(remedy.NeedRecurrences) {
		input.Recurrences = remedy.RecurrencesOf(siblings, in.after.Spec.Service, in.finding.Cause)
	}
	return err
}

// prove probes with the values that the remedy is about to set; empty is passed.
func (r *Reconciler) prove(ctx context.Context, in *round, action remedy.Action) string {
	if action.Proof == nil {
		return ""
	}
	result := r.Prober.Probe(ctx, in.scope, *action.Proof, v1alpha1.Proposed)
	in.after.Status.Probes = withProof(in.after.Status.Probes, report.ProbeResultOf(result))
	if result.Outcome() == v1alpha1.ProbePassed {
		return ""
	}
	last := result.Last()
	return fmt.Sprintf("%s is not applied: with the new value, %s at stage %s says %s", action.Remedy, result.Target, last.Name, last.Code)
}

// withProof adds what a remedy rests on, for which another has to go where there are
// as many as the status may have.
func withProof(probes []v1alpha1.ProbeResult, proof v1alpha1.ProbeResult) []v1alpha1.ProbeResult {
	return append(slices.Clone(probes[:min(len(probes), maxProbes-1)]), proof)
}
