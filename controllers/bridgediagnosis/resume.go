package bridgediagnosis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
)

// resume goes on with an attempt that an earlier round, or an earlier process,
// recorded and may or may not have applied.
func (r *Reconciler) resume(ctx context.Context, in *round) error {
	attempt := in.attempt()
	why, err := r.forbids(ctx, in)
	if err != nil {
		return err
	}
	if why != "" {
		return r.withdraw(ctx, in, why)
	}
	if !ofKafka(attempt.Proposal.Remedy) {
		return r.applyRecorded(ctx, in, recordedAction(attempt))
	}
	// The credentials for Kafka were never persisted: find the action anew.
	if done, err := r.diagnose(ctx, in); done || err != nil {
		return err
	}
	action, proposal, err := r.propose(ctx, in)
	if err != nil {
		return err
	}
	if proposal.ID == attempt.Proposal.ID {
		return r.applyRecorded(ctx, in, action)
	}
	return r.withdraw(ctx, in, "the cause is another one by now")
}

// forbids says why the attempt must not be applied any more, empty where it may.
func (r *Reconciler) forbids(ctx context.Context, in *round) (string, error) {
	attempt := in.attempt()
	var changed *v1alpha1.DiagnosedWorkload
	if w := in.patched(); attempt.Patch != "" {
		changed = &w
	}
	gitOps, owner, err := r.besideOthers(ctx, r.Client, in.after.Namespace, changed, attempt.Proposal.Changes)
	in.holding(&gitOps, attempt.Proposal.Changes)
	return plan.Forbids(plan.Input{
		Now: in.now, Policy: in.policy(), Diagnosis: *in.after, WorkloadPaused: in.workloadPaused(),
		GitOps: gitOps, Owner: owner, Unreachable: in.unreachable(),
	}, *attempt), err
}

// withdraw ends a recorded attempt that must not be applied, unless it was
// applied all the same and only the answer was lost: then it is verified.
func (r *Reconciler) withdraw(ctx context.Context, in *round, because string) error {
	attempt := in.attempt()
	if ofKafka(attempt.Proposal.Remedy) {
		if done, err := r.diagnose(ctx, in); done || err != nil {
			return err
		}
	}
	took, err := r.tookPlace(ctx, in, recordedAction(attempt))
	if err != nil {
		return err
	}
	if took {
		in.keepFinding()
		in.applied(r.Clock.Now())
		return nil
	}
	in.end(v1alpha1.AttemptWithdrawn, because+"; nothing was written", r.Clock.Now())
	in.become(v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, fmt.Sprintf("%s was not done: %s", attempt.Proposal.Remedy, because))
	in.recheck = time.Second
	return nil
}

// keepFinding leaves the diagnosis that of the cause which the attempt is for:
// once that is gone, its evidence is too.
func (in *round) keepFinding() {
	was, is := in.before.Status, &in.after.Status
	is.Cause, is.Confidence, is.Evidence, is.Refuted, is.Root = was.Cause, was.Confidence, was.Evidence, was.Refuted, was.Root
}

// tookPlace tells whether what the attempt recorded was written, though nobody
// heard of it. An error means that this is not known.
func (r *Reconciler) tookPlace(ctx context.Context, in *round, action remedy.Action) (bool, error) {
	attempt, namespace := in.attempt(), in.after.Namespace
	switch {
	case attempt.Patch != "":
		return r.Applier.InPlace(ctx, namespace, in.patched(), *attempt)
	case action.Job != "":
		return r.Applier.HasJob(ctx, namespace, jobName(attempt))
	case action.Topic != nil:
		return r.hasTopic(ctx, in, *action.Topic)
	case ofKafka(attempt.Proposal.Remedy):
		return in.seesTopic(attempt.Proposal.Target), nil
	}
	return r.Applier.Evicted(ctx, namespace, action.Pods)
}

// hasTopic asks the cluster on which the topic was to be created.
func (r *Reconciler) hasTopic(ctx context.Context, in *round, t remedy.TopicCreation) (bool, error) {
	ask := t.Connection
	ask.Topics = []string{t.Topic.Name}
	result := r.Prober.Probe(ctx, in.scope, ask, v1alpha1.AsDeclared)
	if result.Kafka != nil {
		for _, topic := range result.Kafka.Topics {
			if topic.Name == t.Topic.Name {
				return topic.Exists, nil
			}
		}
	}
	return false, fmt.Errorf("whether topic %q was created is not known: at stage %s, %s says %s", t.Topic.Name, result.Last().Name, result.Target, result.Last().Code)
}

// seesTopic says that a probe of this round found the topic of a target.
func (in *round) seesTopic(target string) bool {
	if in.observed == nil {
		return false
	}
	for _, p := range in.observed.Probes {
		if p.Kafka != nil && slices.ContainsFunc(p.Kafka.Topics, func(t evidence.KafkaTopic) bool { return t.Exists && "Topic/"+t.Name == target }) {
			return true
		}
	}
	return false
}

// notApplied ends an attempt whose write did not happen, or lets it be tried
// again until its deadline.
func (r *Reconciler) notApplied(ctx context.Context, in *round, action remedy.Action, err error) error {
	err = in.redacted(err)
	switch {
	case errors.Is(err, apply.ErrConflict), errors.Is(err, apply.ErrGone):
		in.end(v1alpha1.AttemptConflict, err.Error(), r.Clock.Now())
	case errors.Is(err, apply.ErrRefused):
		in.end(v1alpha1.AttemptFailed, err.Error(), r.Clock.Now())
	case r.Clock.Now().After(in.attempt().Deadline.Time):
		// The write may have happened and its answer got lost.
		took, unknown := r.tookPlace(ctx, in, action)
		switch {
		case unknown != nil:
			return errors.Join(err, in.redacted(unknown)) // looked at again
		case took:
			in.applied(r.Clock.Now())
			return nil
		}
		in.end(v1alpha1.AttemptFailed, err.Error(), r.Clock.Now())
	default:
		return err // tried again, with back-off
	}
	in.become(v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, fmt.Sprintf("%s was not done: %v", in.attempt().Proposal.Remedy, err))
	in.recheck = time.Second
	return nil
}

// ofKafka are the remedies that write to a Kafka cluster.
func ofKafka(name v1alpha1.RemedyName) bool {
	return name == v1alpha1.RemedyCreateTopic || name == v1alpha1.RemedyDeleteConsumerGroup
}

// recordedAction is what an attempt was recorded for, but for what needs
// credentials: they are never persisted.
func recordedAction(a *v1alpha1.Attempt) remedy.Action {
	return remedy.Action{Pods: podsOf(a.Proposal), Job: jobOf(a.Proposal)}
}

// podsOf are the pods that an attempt was recorded for.
func podsOf(p v1alpha1.Proposal) []remedy.Pod {
	var out []remedy.Pod
	for _, c := range p.Changes {
		if name, found := strings.CutPrefix(c.Path, "pods["); found {
			out = append(out, remedy.Pod{Name: strings.TrimSuffix(name, "]"), UID: c.Before})
		}
	}
	return out
}

// jobOf is the CronJob that an attempt was recorded for, empty for other remedies.
func jobOf(p v1alpha1.Proposal) string {
	name, _ := strings.CutPrefix(p.Target, "CronJob/")
	if p.Remedy != v1alpha1.RemedyRunJob {
		return ""
	}
	return name
}

// jobName is the same for the same attempt, so that a Job is created once. It
// becomes a label of the Job's pods, which holds 63 characters.
func jobName(a *v1alpha1.Attempt) string {
	name := jobOf(a.Proposal)
	return strings.TrimRight(name[:min(len(name), 63-1-len(a.ID))], "-.") + "-" + a.ID
}
