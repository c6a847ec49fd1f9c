package bridgediagnosis

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/workload"
)

// lookElsewhere is how often something that was started is looked at.
const lookElsewhere = 2 * time.Second

// wakePods evicts pods that sit in a back-off from before such a remedy, once
// what it started has come to its end. True where that is still awaited, or
// where it failed.
func (r *Reconciler) wakePods(ctx context.Context, in *round) (bool, error) {
	attempt := in.attempt()
	if remedy.SettlesBy(attempt.Proposal.Remedy) == "" {
		return false, nil
	}
	if why, err := r.forbids(ctx, in); why != "" || err != nil {
		return err != nil, err
	}
	if attempt.SettledAt == nil {
		if awaited, err := r.awaitEnd(ctx, in); awaited || err != nil {
			return true, err
		}
	}
	asleep := in.asleepSince(attempt.SettledAt.Time)
	if !r.mayWake(ctx, in, asleep) {
		return false, nil
	}
	if err := r.Applier.Evict(ctx, in.after.Namespace, asleep); err != nil {
		// They come up by themselves when their back-off is over.
		ctrl.LoggerFrom(ctx).Info("a pod in back-off could not be evicted", "because", err.Error())
	}
	return false, nil
}

// awaitEnd is true while what was started has not come to its end, or where it
// failed. From its end on the pods have their whole time.
func (r *Reconciler) awaitEnd(ctx context.Context, in *round) (bool, error) {
	attempt := in.attempt()
	over, failure, err := r.cameToItsEnd(ctx, in)
	switch {
	case err != nil:
		return true, err
	case failure != "":
		return true, r.failed(ctx, in, failure)
	case !over && r.Clock.Now().Before(attempt.Deadline.Time):
		in.become(v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, fmt.Sprintf("%s is in force: %s has not come to its end", attempt.Proposal.Remedy, attempt.Proposal.Target))
		in.recheck = lookElsewhere
		return true, nil
	}
	at := metav1.NewTime(r.Clock.Now())
	attempt.SettledAt, attempt.Restarts = &at, in.mostRestarts()
	attempt.Deadline = metav1.NewTime(at.Add(in.policy().Timeout))
	return false, nil
}

// cameToItsEnd tells how what was started elsewhere stands.
func (r *Reconciler) cameToItsEnd(ctx context.Context, in *round) (over bool, failure string, err error) {
	switch attempt := in.attempt(); remedy.SettlesBy(attempt.Proposal.Remedy) {
	case remedy.SettlesWithJob:
		return r.Applier.Job(ctx, in.after.Namespace, jobName(attempt))
	case remedy.SettlesWhenAnswering:
		over, err = r.answersAgain(ctx, in)
		return over, "", err
	default:
		return true, "", nil
	}
}

// answersAgain is true once the restarted dependency is rolled out and answers
// where it is declared: many count as ready before they do.
func (r *Reconciler) answersAgain(ctx context.Context, in *round) (bool, error) {
	w := in.patched()
	rolledOut, err := r.Observer.RolledOut(ctx, workload.RefOfDiagnosed(in.after.Namespace, w))
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

// asleepSince are the pods in back-off that were made before.
func (in *round) asleepSince(before time.Time) []remedy.Pod {
	return slices.DeleteFunc(in.backingOff(), func(asleep remedy.Pod) bool {
		return slices.ContainsFunc(in.pods, func(p observe.Pod) bool {
			return string(p.UID) == asleep.UID && !p.CreationTimestamp.Time.Before(before)
		})
	})
}
