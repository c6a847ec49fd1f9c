package bridgediagnosis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/internal/text"
	"github.com/bridgestack/operator/internal/verify"
	"github.com/bridgestack/operator/internal/view"
)

// record persists an attempt before anything of it is written. The GitOps
// controller is kept from what it changes for the time of holdFor, 0 for not.
func (r *Reconciler) record(ctx context.Context, in *round, action remedy.Action, proposal v1alpha1.Proposal, holdFor time.Duration) error {
	now, number := r.Clock.Now(), len(in.after.Status.Attempts)+1
	recorded, err := attempt.ActionOf(action, attempt.Target{
		Diagnosis: in.after.UID, Number: number,
		Workload: in.after.Spec.Workload, Generation: in.workload.Object().GetGeneration(), Template: in.workload.Template(),
	})
	if err != nil {
		return err
	}
	if err := r.keep(ctx, in.after, attempt.TakenBackOnDelete(in.owner.Spec.Remediation.OnDelete, recorded, action.Remedy)); err != nil {
		return err
	}
	a := v1alpha1.Attempt{
		ID:          fmt.Sprintf("%s-%d", proposal.ID, number),
		Proposal:    proposal,
		Outcome:     v1alpha1.AttemptRecorded,
		Action:      recorded,
		Finding:     in.finding.Identity(),
		Replicas:    in.service.Desired(),
		SoakSeconds: int32(in.view().Soak().Seconds()),
		Restarts:    verify.MostRestarts(in.view().PodsNow()),
		RecordedAt:  metav1.NewTime(now),
		Deadline:    metav1.NewTime(now.Add(in.policy().Timeout)),

		ServiceAccountName: r.Permissions.Accounts.Of(in.owner),
	}
	if holdFor > 0 {
		a.HeldUntil = new(metav1.NewTime(now.Add(holdFor)))
	}
	if in.policy().Mode == v1alpha1.ModeApprove {
		a.ApprovedBy = in.after.Spec.ApprovedBy
	}
	if loop := in.after.Status.Loop; loop != nil {
		a.LongestRunSeconds = loop.LongestRunSeconds
	}
	in.after.Status.Attempts = append(in.after.Status.Attempts, a)
	in.become(v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, fmt.Sprintf("%s. %s: %s", text.AsClause(in.finding.Message), proposal.Remedy, proposal.Because))
	if err := r.persist(ctx, in); err != nil {
		return err
	}
	logAttempt(ctx, in, "attempt recorded")
	in.justRecorded = true
	return nil
}

// persist writes the status in the middle of a round.
func (r *Reconciler) persist(ctx context.Context, in *round) error {
	if err := r.Reporter.Diagnosis(ctx, in.before, in.after, in.reason, in.redactor); err != nil {
		return err
	}
	in.before = in.after.DeepCopy()
	return nil
}

// maxSteps ends a round that would ask for ever; each question is asked once.
const maxSteps = 16

// advanceAttempt takes the latest attempt further: it gathers what is to be seen
// of it and executes what package attempt says is next, until the round is over
// or the incident goes on without it.
func (r *Reconciler) advanceAttempt(ctx context.Context, in *round) (bool, error) {
	if view.LastAttempt(in.after) == nil {
		return false, r.keep(ctx, in.after, false)
	}
	seen, err := r.viewAttempt(ctx, in)
	if err != nil {
		return true, err
	}
	var failure error // of this round's write
	for range maxSteps {
		step := attempt.Next(seen)
		switch step.Do {
		case attempt.DoAsk:
			err = r.answerQuestion(ctx, in, &seen, step.Question)
		case attempt.DoWrite, attempt.DoUndo:
			seen.Write, failure, err = r.writeAttempt(ctx, in, step.Do)
		case attempt.DoEvict:
			r.evict(ctx, in, step.Pods)
			seen.EvictionTried = true
		case attempt.DoRetry:
			return true, failure
		case attempt.DoRest:
			return false, r.keep(ctx, in.after, in.deleted)
		case attempt.DoAdvance, attempt.DoWait, attempt.DoFinish, attempt.DoFinishAndGoOn:
			in.take(ctx, step, r.Clock.Now())
			return step.Do != attempt.DoFinishAndGoOn, nil
		}
		if err != nil {
			return true, err
		}
	}
	return true, fmt.Errorf("attempt %s: no step was found that ends the round", view.LastAttempt(in.after).ID)
}

// take notes what a step makes of the attempt and of the diagnosis. It is
// persisted at the end of the round, before anything else is written.
func (in *round) take(ctx context.Context, step attempt.Step, now time.Time) {
	in.recheck = step.After
	if step.KeepFinding {
		in.keepFinding()
	}
	if step.Attempt != nil {
		was := *view.LastAttempt(in.after)
		*view.LastAttempt(in.after) = *step.Attempt
		if step.Attempt.Outcome == v1alpha1.AttemptApplied && in.after.Status.Times.Patched == nil {
			in.after.Status.Times.Patched = new(metav1.NewMicroTime(now))
		}
		if was.Outcome != step.Attempt.Outcome {
			logAttempt(ctx, in, "attempt "+strings.ToLower(string(step.Attempt.Outcome)))
		}
	}
	switch step.State {
	case "":
	case v1alpha1.StateRecovered:
		in.recovered(now, step.UpSince, step.Reason, step.Message)
	case v1alpha1.StateEscalated:
		in.escalate(step.Reason, step.Message, now)
	default:
		in.become(step.State, step.Reason, step.Message)
	}
}

// logAttempt tells of a change of an attempt's outcome.
func logAttempt(ctx context.Context, in *round, message string) {
	a := view.LastAttempt(in.after)
	ctrl.LoggerFrom(ctx).Info(message, "stack", in.after.Spec.Stack, "service", in.after.Spec.Service, "cause", a.Finding.Cause,
		"remedy", a.Proposal.Remedy, "attempt", a.ID, "outcome", a.Outcome, "reason", a.Reason)
}

// keepFinding leaves the diagnosis that of the cause which the attempt is for:
// once that is gone, its evidence is too.
func (in *round) keepFinding() {
	was, is := in.before.Status, &in.after.Status
	is.Cause, is.Confidence, is.Evidence, is.Refuted, is.RunnerUp, is.Root = was.Cause, was.Confidence, was.Evidence, was.Refuted, was.RunnerUp, was.Root
}

// writeAttempt writes what the persisted attempt says, there or back, and nothing
// else. failure is the error of a write that may pass when it is tried again.
func (r *Reconciler) writeAttempt(ctx context.Context, in *round, do attempt.Do) (result *attempt.WriteResult, failure, err error) {
	if err := r.fresh(ctx, in); err != nil {
		return nil, nil, err
	}
	order := r.order(in)
	switch err = order.Check(); {
	case err != nil:
	case do == attempt.DoUndo:
		err = r.Applier.Rollback(ctx, order)
	default:
		err = r.writeAction(ctx, in, order)
	}
	if err == nil {
		return &attempt.WriteResult{Outcome: attempt.WriteAccepted}, nil, nil
	}
	if errors.Is(err, incident.ErrStaleView) {
		return nil, nil, err
	}
	err = in.redacted(err)
	result = &attempt.WriteResult{Outcome: attempt.WriteFailed, Message: err.Error()}
	switch {
	case errors.Is(err, apply.ErrConflict), errors.Is(err, apply.ErrGone):
		result.Outcome = attempt.WriteConflicted
	case errors.Is(err, apply.ErrRefused):
		result.Outcome = attempt.WriteRefused
	}
	return result, err, nil
}

// order is the latest attempt with what the stack allows now.
func (r *Reconciler) order(in *round) apply.Order {
	o := apply.Order{Diagnosis: in.after, Attempt: *view.LastAttempt(in.after), Still: r.still(in)}
	if in.owner == nil {
		return o
	}
	o.Scope = &remedy.Scope{Policy: in.policy(), Service: in.service, Image: r.Image, Restartable: remedy.RestartableBy(in.stack, in.service)}
	for _, s := range in.stack.Declared() {
		if c, ok := server.Declared(s); ok {
			o.Scope.Declared = append(o.Scope.Declared, c)
		}
	}
	return o
}

func (r *Reconciler) writeAction(ctx context.Context, in *round, order apply.Order) error {
	switch action := order.Attempt.Action; action.Type {
	case v1alpha1.ActionPatchTemplate:
		return r.Applier.Template(ctx, order)
	case v1alpha1.ActionEvictPods:
		return r.Applier.Evict(ctx, in.after.Namespace, attempt.AmongPods(action.EvictPods.Pods, in.view().Pods))
	case v1alpha1.ActionRunJob:
		return r.Applier.RunJob(ctx, order)
	case v1alpha1.ActionCreateTopic:
		topic := action.CreateTopic
		d, err := r.kafkaDependency(ctx, in, topic.Service)
		if err != nil {
			return err
		}
		if !attempt.Declares(d.Topics, *topic) {
			return fmt.Errorf("the stack declares no topic %q as it was recorded: %w", topic.Name, apply.ErrRefused)
		}
		return r.Prober.CreateTopic(ctx, in.scope, d.cluster, v1alpha1.DeclaredTopic{Name: topic.Name, Partitions: topic.Partitions, ReplicationFactor: topic.ReplicationFactor})
	case v1alpha1.ActionDeleteConsumerGroup:
		group := action.DeleteConsumerGroup
		d, err := r.kafkaDependency(ctx, in, group.Service)
		if err != nil {
			return err
		}
		if d.Configured == nil || d.Configured.Group != group.Group {
			return fmt.Errorf("the container's settings do not name the consumer group %q: %w", group.Group, apply.ErrRefused)
		}
		return r.Prober.DeleteGroup(ctx, in.scope, d.cluster, group.Group)
	}
	return fmt.Errorf("an attempt of the type %q writes nothing that is known: %w", order.Attempt.Action.Type, apply.ErrRefused)
}

// kafkaDependency is a Kafka cluster that the service depends on, and how to reach it.
type kafkaDependency struct {
	evidence.Dependency
	cluster evidence.Connection
}

// kafkaDependency finds a cluster of the stack as it is declared, to be reached with
// the container's own credentials, which are never persisted.
func (r *Reconciler) kafkaDependency(ctx context.Context, in *round, service string) (kafkaDependency, error) {
	seen, err := r.settingsOfPod(ctx, in)
	if err != nil {
		return kafkaDependency{}, err
	}
	for _, d := range seen.Dependencies {
		switch {
		case d.Service != service || d.Declared == nil || !server.Of(d.Declared.Protocol).HasTopics:
		case d.Configured != nil:
			return kafkaDependency{d, server.Toward(*d.Declared, *d.Configured, seen.Env)}, nil
		default:
			return kafkaDependency{d, *d.Declared}, nil
		}
	}
	return kafkaDependency{}, fmt.Errorf("the stack declares no Kafka cluster %q that %s depends on: %w", service, in.after.Spec.Service, apply.ErrRefused)
}

// settingsOfPod is this round's case, or is read anew where it has none yet: then
// without probes.
func (r *Reconciler) settingsOfPod(ctx context.Context, in *round) (evidence.Case, error) {
	if in.observed != nil {
		return *in.observed, nil
	}
	pod, worst, ok := in.worst()
	if !ok {
		return evidence.Case{}, errors.New("the workload has no pod now whose settings say how to reach the Kafka cluster")
	}
	seen, err := r.observe(ctx, in, pod, worst.Container)
	if err != nil {
		return evidence.Case{}, err
	}
	in.redactor = seen.Redactor
	return seen.Case, nil
}

// evict ends pods as far as that is allowed: those that cannot be evicted come up
// by themselves when their back-off is over, or keep a template from being rolled
// out, which is for the verdict to see.
func (r *Reconciler) evict(ctx context.Context, in *round, pods []v1alpha1.PodIdentity) {
	log := ctrl.LoggerFrom(ctx).WithValues("stack", in.after.Spec.Stack, "service", in.after.Spec.Service, "attempt", view.LastAttempt(in.after).ID, "pods", len(pods))
	denied, err := r.Permissions.Denied(ctx, in.inWhoseStead(), plan.EvictionRights(pods))
	switch {
	case err != nil:
		log.Error(err, "failed to ask whether pods in back-off may be evicted")
		return
	case denied != "":
		log.Info("pods in back-off are left to themselves", "denied", denied)
		return
	}
	if err := r.Applier.Evict(ctx, in.after.Namespace, attempt.AmongPods(pods, in.view().Pods)); err != nil {
		log.Error(in.redacted(err), "failed to evict pods in back-off")
		return
	}
	log.Info("pods in back-off evicted")
}

// fresh makes sure, right before a write, that this round's view is what the
// API server has: a stale one could repeat what was done or taken back.
func (r *Reconciler) fresh(ctx context.Context, in *round) error {
	var live v1alpha1.BridgeDiagnosis
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(in.after), &live); err != nil {
		return fmt.Errorf("reading the diagnosis before a write: %w", err)
	}
	if live.ResourceVersion != in.after.ResourceVersion {
		return incident.ErrStaleView
	}
	return nil
}

// still is fresh, for the moment of a write.
func (r *Reconciler) still(in *round) func(context.Context) error {
	return func(ctx context.Context) error { return r.fresh(ctx, in) }
}
