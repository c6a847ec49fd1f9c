package bridgediagnosis

import (
	"context"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/verify"
	"github.com/bridgestack/operator/internal/view"
	"github.com/bridgestack/operator/internal/workload"
)

// viewAttempt gathers what can be seen of the latest attempt without a call.
func (r *Reconciler) viewAttempt(ctx context.Context, in *round) (attempt.View, error) {
	a := view.LastAttempt(in.after)
	v := attempt.View{
		Now: r.Clock.Now(), Attempt: *a, Own: in.after.Spec.Workload, Final: attempt.IsFinal(*a),
		Timeout: in.policy().Timeout, Desired: in.service.Desired(),
		WorkloadGone: in.workloadGone, StackGone: in.stackGone, Deleted: in.takeBackSince,
		Hold: attempt.HoldOf(in.policy(), in.workload, in.now), Unwanted: a.ID == in.after.Spec.TakeBack, UnwantedBy: in.after.Spec.TakenBackBy, JustRecorded: in.justRecorded,
	}
	if in.workloadGone || in.workload == nil {
		return v, nil
	}
	v.ContainerGone, v.Pods, v.Restarts = attempt.ContainerIsGone(in.workload.Template(), in.after.Spec.Container, in.view().Pods), attempt.PodsOf(in.workload, in.view().Pods), verify.MostRestarts(in.view().PodsNow())
	v.Rollout = attempt.Rollout{
		WaitsForBroken: in.workload.Strategy().InOrder || in.workload.Strategy().OnDelete,
		Seen:           in.workload.ObservedGeneration() >= in.workload.Object().GetGeneration(),
	}
	if attempt.ChangesTemplateOf(a.Action, v.Own) {
		v.Template = attempt.StandingOf(in.workload.Template(), *a.Action.PatchTemplate)
	}
	if in.stackGone || !a.Outcome.InForce() {
		return v, nil
	}
	if err := r.learnRefusals(ctx, in); err != nil {
		return v, err
	}
	v.Verdict = r.withHealth(in, verify.Check(in.view().VerifyInput()))
	var err error
	v.Forbidden, err = r.forbids(ctx, in)
	return v, err
}

// learnRefusals reads in the workload's events whether its pods are refused, where
// nothing else tells.
func (r *Reconciler) learnRefusals(ctx context.Context, in *round) error {
	if !verify.AsksForRefusals(in.view().VerifyInput()) {
		return nil
	}
	events, err := r.Observer.Events(ctx, in.after.Namespace, in.workload.Object().GetUID())
	if err != nil {
		return fmt.Errorf("reading whether pods of %s are refused: %w", in.named(), err)
	}
	in.refusedSince = verify.RefusedSince(events, view.LastAttempt(in.after).RecordedAt.Time)
	return nil
}

// forbids says why the attempt must not be applied any more, empty where it may.
func (r *Reconciler) forbids(ctx context.Context, in *round) (string, error) {
	a := view.LastAttempt(in.after)
	var changed *v1alpha1.DiagnosedWorkload
	if p := a.Action.PatchTemplate; p != nil {
		changed = &p.Workload
	}
	gitOps, owner, err := r.besideOthers(ctx, r.Client, in.after.Namespace, changed, a.Proposal.Changes)
	gitOps = gitOps.Under(in.owner.Spec.GitOps.Hold, in.after.Status.Attempts, a.Proposal.Changes)
	return plan.Forbids(plan.Input{
		Now: in.now, Policy: in.policy(), Diagnosis: *in.after, WorkloadPaused: workload.Paused(in.workload),
		GitOps: gitOps, Owner: owner, Unreachable: in.view().Unreachable(),
	}, *a), err
}

// answerQuestion finds what a step needs to know. An error means that it is not known now.
func (r *Reconciler) answerQuestion(ctx context.Context, in *round, v *attempt.View, q attempt.Question) error {
	switch q {
	case attempt.AskInPlace:
		return r.answerInPlace(ctx, in, v)
	case attempt.AskPermission:
		denied, err := r.Permissions.Denied(ctx, in.inWhoseStead(), plan.RightsOf(view.LastAttempt(in.after).Action))
		v.Permission = attempt.Permission{Asked: true, Denied: denied}
		return err
	case attempt.AskStarted:
		over, failure, err := r.cameToItsEnd(ctx, in)
		v.Started = &attempt.Started{Over: over, Failure: failure}
		return err
	case attempt.AskFinding:
		v.Rediagnosed = true
		return r.rediagnose(ctx, in, v)
	}
	return fmt.Errorf("nobody knows how to answer %q", q)
}

// answerInPlace tells whether the change was made, though nobody may have heard of it.
func (r *Reconciler) answerInPlace(ctx context.Context, in *round, v *attempt.View) error {
	took, err := false, error(nil)
	switch action := view.LastAttempt(in.after).Action; action.Type {
	case v1alpha1.ActionPatchTemplate:
		took, err = r.liveTemplate(ctx, in, v)
	case v1alpha1.ActionEvictPods:
		took, err = r.Applier.Evicted(ctx, in.after.Namespace, action.EvictPods.Pods)
	case v1alpha1.ActionRunJob:
		took, err = r.Applier.HasJob(ctx, in.after, *action.RunJob)
	case v1alpha1.ActionCreateTopic, v1alpha1.ActionDeleteConsumerGroup:
		if in.stackGone { // and with it the way to reach the cluster
			v.InPlace = attempt.Unknowable
			return nil
		}
		took, err = r.askKafka(ctx, in, action)
	}
	v.InPlace = attempt.No
	if took {
		v.InPlace = attempt.Yes
	}
	return err
}

// liveTemplate looks at the live object: a cache may show what was before.
func (r *Reconciler) liveTemplate(ctx context.Context, in *round, v *attempt.View) (bool, error) {
	action := view.LastAttempt(in.after).Action.PatchTemplate
	standing, live, err := r.Applier.Standing(ctx, in.after.Namespace, *action)
	if errors.Is(err, apply.ErrGone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if attempt.ChangesTemplateOf(view.LastAttempt(in.after).Action, v.Own) {
		v.Template, v.Overwriter = standing, apply.OverwriterOf(live, view.LastAttempt(in.after).Proposal.Changes)
	}
	return standing == attempt.InPlace, nil
}

// askKafka asks the cluster whether a topic was created, or a group is gone.
func (r *Reconciler) askKafka(ctx context.Context, in *round, action v1alpha1.AttemptAction) (bool, error) {
	if t := action.CreateTopic; t != nil {
		asked, err := r.probeKafka(ctx, in, t.Service, func(c *evidence.Connection) { c.Topics = []string{t.Name} })
		for _, seen := range asked.Topics {
			if seen.Name == t.Name {
				return seen.Exists, nil
			}
		}
		return false, err
	}
	g := action.DeleteConsumerGroup
	asked, err := r.probeKafka(ctx, in, g.Service, func(c *evidence.Connection) { c.Group = g.Group })
	if asked.Group != nil && asked.Group.Name == g.Group && asked.Group.Code == "" {
		return asked.Group.State == "Dead", nil // as a broker calls a group that it does not know
	}
	return false, err
}

// probeKafka asks a cluster of the stack. What it answers is the facts; the error is
// for whoever does not find there what they asked for.
func (r *Reconciler) probeKafka(ctx context.Context, in *round, service string, about func(*evidence.Connection)) (evidence.KafkaFacts, error) {
	d, err := r.kafkaDependency(ctx, in, service)
	if err != nil {
		return evidence.KafkaFacts{}, err
	}
	about(&d.cluster)
	result := r.Prober.Probe(ctx, in.scope, d.cluster, v1alpha1.AsDeclared)
	err = fmt.Errorf("whether %s was made is not known: at stage %s, %s says %s", view.LastAttempt(in.after).Proposal.Target, result.Last().Name, result.Target, result.Last().Code)
	if result.Kafka == nil {
		return evidence.KafkaFacts{}, err
	}
	return *result.Kafka, err
}

// cameToItsEnd tells how what the attempt started elsewhere stands.
func (r *Reconciler) cameToItsEnd(ctx context.Context, in *round) (over bool, failure string, err error) {
	action := view.LastAttempt(in.after).Action
	switch attempt.Settlement(*view.LastAttempt(in.after)) {
	case remedy.SettlesWithJob:
		return r.Applier.Job(ctx, in.after.Namespace, action.RunJob.JobName)
	case remedy.SettlesWhenAnswering:
		over, err = r.answersAgain(ctx, in, action.PatchTemplate.Workload)
		return over, "", err
	default:
		return true, "", nil
	}
}

// answersAgain is true once the restarted dependency is rolled out and answers
// where it is declared: many count as ready before they do.
func (r *Reconciler) answersAgain(ctx context.Context, in *round, w v1alpha1.DiagnosedWorkload) (bool, error) {
	rolledOut, err := r.Observer.RolledOut(ctx, workload.Ref{Kind: w.Kind, Namespace: in.after.Namespace, Name: w.Name, UID: w.UID})
	if err != nil || !rolledOut {
		return false, err
	}
	if done, err := r.diagnose(ctx, in); done || err != nil {
		return false, err
	}
	restarted, _ := in.stack.ByWorkload(w.Kind, w.Name)
	return slices.ContainsFunc(in.observed.Probes, func(p evidence.Probe) bool {
		return p.Service == restarted.Name && p.Viewpoint == v1alpha1.AsDeclared && p.Outcome() == v1alpha1.ProbePassed
	}), nil
}

// rediagnose looks at what loops on, for the verdict: of the same cause, or of the
// next one? Where there is nothing to look at, the verdict stands.
func (r *Reconciler) rediagnose(ctx context.Context, in *round, v *attempt.View) error {
	if done, err := r.diagnose(ctx, in); done || err != nil {
		return err
	}
	input := in.view().VerifyInput()
	input.Finding, input.Confidence = in.finding.Identity(), in.finding.Confidence
	if ended := in.observed.Container.Ended(); ended != nil {
		input.Ran = ended.Ran()
	}
	v.Verdict = r.withHealth(in, verify.Check(input))
	return nil
}

// inWhoseStead is the stack whose ServiceAccount has to be allowed a write: that
// of the attempt, where the stack is gone.
func (in *round) inWhoseStead() *v1alpha1.BridgeStack {
	if in.owner != nil {
		return in.owner
	}
	return &v1alpha1.BridgeStack{
		ObjectMeta: metav1.ObjectMeta{Namespace: in.after.Namespace},
		Spec:       v1alpha1.BridgeStackSpec{ServiceAccountName: view.LastAttempt(in.after).ServiceAccountName},
	}
}
