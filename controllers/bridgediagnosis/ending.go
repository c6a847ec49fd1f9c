package bridgediagnosis

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/verify"
	"github.com/bridgestack/operator/internal/view"
)

// waitForStack ends the round while nobody can say whether the workload is still
// part of its stack, because the stack's compose project cannot be read for now.
func (r *Reconciler) waitForStack(ctx context.Context, in *round) (bool, error) {
	if !in.stackGone || in.deleted {
		return false, nil
	}
	var s v1alpha1.BridgeStack
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: in.before.Namespace, Name: in.before.Spec.Stack}, &s)
	if err != nil || !s.DeletionTimestamp.IsZero() {
		return false, client.IgnoreNotFound(err)
	}
	project, err := r.Resolver.Project(ctx, &s, resolve.ComposeFresh)
	if err != nil || project == nil || project.Known() != nil {
		return false, err
	}
	in.recheck = requeue.References
	in.callInTimeFor(&s, stack.PolicyOf(s.Spec), in.now)
	return true, nil
}

// closeIfOver ends an incident of which there is nothing left to repair. It comes
// after the attempt, which has found its own end by then.
func (r *Reconciler) closeIfOver(ctx context.Context, in *round) (bool, error) {
	if in.deleted {
		return true, r.letGo(ctx, in)
	}
	reason, message := in.view().Over()
	if reason != "" {
		in.become(v1alpha1.StateClosed, reason, message)
	}
	return reason != "", nil
}

// recoverIfRan ends an incident of what runs to an end once a run of it succeeded: the
// same one in the end, or the next one of a CronJob.
func (r *Reconciler) recoverIfRan(_ context.Context, in *round) (bool, error) {
	seen := in.view()
	run := seen.Run
	// The Job controller's times are whole seconds.
	if in.deleted || !detect.SucceededSince(run, seen.Detected().Truncate(time.Second).Add(-1)) {
		return false, nil
	}
	in.recovered(r.Clock.Now(), run.Ended, v1alpha1.ReasonRunSucceeded, fmt.Sprintf("%s succeeded; nothing was patched", run.Object))
	return true, nil
}

// recoverIfUp ends an incident whose container has stayed up for the soak
// without, or after the end of, any remedy.
func (r *Reconciler) recoverIfUp(_ context.Context, in *round) (bool, error) {
	if left := r.unhealthyFor(in); left > 0 {
		in.soakLeft = left
		return false, nil
	}
	seen := in.view()
	if seen.AwaitsRun() {
		return false, nil
	}
	v := verify.Recovered(r.Clock.Now(), seen.LivePods(), in.service.Desired(), seen.SoakWithoutRemedy())
	if v.Outcome != verify.Helped {
		if !v.UpSince.IsZero() {
			in.soakLeft = v.RecheckAfter
		}
		return false, nil
	}
	reason, because := view.RecoveredBy(in.after.Status)
	in.recovered(r.Clock.Now(), v.UpSince, reason, v.Reason+because)
	return true, nil
}

func (in *round) recovered(now, upSince time.Time, reason, because string) {
	up, at := metav1.NewMicroTime(upSince), metav1.NewMicroTime(now)
	in.after.Status.Times.Up, in.after.Status.Times.Recovered = &up, &at
	in.become(v1alpha1.StateRecovered, reason, because)
}

// letGo closes a diagnosis that is deleted and was kept for its attempt. The stack
// remembers the attempt first: the next incident of the same loop begins at once.
func (r *Reconciler) letGo(ctx context.Context, in *round) error {
	if a := view.LastAttempt(in.after); a != nil && a.EndedAt != nil && in.before.Status.State != v1alpha1.StateClosed {
		in.become(v1alpha1.StateClosed, v1alpha1.ReasonStackDeleted, fmt.Sprintf("the stack or the diagnosis was deleted while %s was under way: %s", a.Proposal.Remedy, a.Message))
		if err := r.persist(ctx, in); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	if in.owner != nil {
		tried := attempt.Remember(in.owner.Status.Tried, []v1alpha1.BridgeDiagnosis{*in.after}, in.now)
		if err := r.Reporter.Tried(ctx, in.owner, tried); err != nil {
			return err
		}
	}
	return client.IgnoreNotFound(r.keep(ctx, in.after, false))
}

// The finalizer alone is written: whoever applied the object finds it as it was.
// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgediagnoses,verbs=patch

// keep has a diagnosis stay, once it is deleted, until its attempt has ended, or no
// longer. It is kept only while an attempt is in force.
func (r *Reconciler) keep(ctx context.Context, d *v1alpha1.BridgeDiagnosis, kept bool) error {
	after := d.DeepCopy()
	change := controllerutil.RemoveFinalizer
	if kept {
		change = controllerutil.AddFinalizer
	}
	if !change(after, v1alpha1.FinalizerTakeBack) {
		return nil
	}
	patch := client.MergeFromWithOptions(d.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, after, patch, client.FieldOwner(v1alpha1.FieldManager)); err != nil {
		return fmt.Errorf("writing the finalizer of diagnosis %s/%s: %w", d.Namespace, d.Name, err)
	}
	d.Finalizers, d.ResourceVersion = after.Finalizers, after.ResourceVersion
	return nil
}

// takeBackFrom is when the stack or the diagnosis was deleted, where the diagnosis is
// kept so that its attempt is taken back then; zero otherwise.
func (r *Reconciler) takeBackFrom(ctx context.Context, in *round) (time.Time, error) {
	switch {
	case !controllerutil.ContainsFinalizer(in.after, v1alpha1.FinalizerTakeBack):
		return time.Time{}, nil
	case in.deleted:
		return in.after.DeletionTimestamp.Time, nil
	case !in.stackGone:
		return time.Time{}, nil
	}
	var owner v1alpha1.BridgeStack
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: in.after.Namespace, Name: in.after.Spec.Stack}, &owner)
	if apierrors.IsNotFound(err) || err == nil && !owner.DeletionTimestamp.IsZero() {
		return in.now, nil // the diagnosis is deleted a moment later
	}
	return time.Time{}, err
}
