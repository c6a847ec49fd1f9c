package bridgediagnosis

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/remedy"
)

// mostKept is how long a deleted diagnosis is kept for a remedy that cannot be
// taken back.
const mostKept = 5 * time.Minute

// The finalizer alone is written: whoever applied the object finds it as it was.
// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgediagnoses,verbs=patch

// takesBackOnDelete is true where the policy wants the action taken back when its
// stack is deleted, and there is a way back.
func (in *round) takesBackOnDelete(action remedy.Action) bool {
	return in.owner.Spec.Remediation.OnDelete == v1alpha1.OnDeleteTakeBack && action.Template != nil && !remedy.Final(action.Remedy)
}

// keep has a diagnosis stay, once it is deleted, until takeBackDeleted is done,
// or no longer. It is kept only while an attempt is in force.
func (r *Reconciler) keep(ctx context.Context, d *v1alpha1.BridgeDiagnosis, wanted bool) error {
	kept := d.DeepCopy()
	change := controllerutil.RemoveFinalizer
	if wanted {
		change = controllerutil.AddFinalizer
	}
	if !change(kept, v1alpha1.FinalizerTakeBack) {
		return nil
	}
	patch := client.MergeFromWithOptions(d.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, kept, patch, client.FieldOwner(v1alpha1.FieldManager)); err != nil {
		return fmt.Errorf("writing the finalizer of diagnosis %s/%s: %w", d.Namespace, d.Name, err)
	}
	d.Finalizers, d.ResourceVersion = kept.Finalizers, kept.ResourceVersion
	return nil
}

// takeBackDeleted restores what the attempt of a deleted diagnosis changed, and
// lets the diagnosis go: after mostKept also where that was not possible.
func (r *Reconciler) takeBackDeleted(ctx context.Context, d *v1alpha1.BridgeDiagnosis) error {
	if !controllerutil.ContainsFinalizer(d, v1alpha1.FinalizerTakeBack) {
		return nil
	}
	in := &round{before: d, after: d.DeepCopy(), now: r.Clock.Now(), reason: readyReason(d)}
	if attempt := in.attempt(); attempt != nil && attempt.Outcome.InForce() {
		outcome, message, err := r.undo(ctx, in)
		if err != nil && in.now.Before(d.DeletionTimestamp.Add(mostKept)) {
			return err
		}
		if err != nil {
			outcome, message = v1alpha1.AttemptConflict, "what was written stays as it is: "+err.Error()
		}
		ctrl.LoggerFrom(ctx).Info("a diagnosis was deleted while its remedy was under way", "remedy", attempt.Proposal.Remedy, "outcome", outcome, "because", message)
		in.end(outcome, message, in.now)
		in.become(v1alpha1.StateClosed, v1alpha1.ReasonStackDeleted, fmt.Sprintf("the stack or the diagnosis was deleted while %s was under way: %s", attempt.Proposal.Remedy, message))
		if err := r.Reporter.Diagnosis(ctx, in.before, in.after, in.reason); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	return client.IgnoreNotFound(r.keep(ctx, in.after, false))
}

// deletedToTakeBack is true once the stack of a diagnosis that is kept is
// deleted. The diagnosis is so a moment later.
func (r *Reconciler) deletedToTakeBack(ctx context.Context, in *round) (bool, error) {
	if !controllerutil.ContainsFinalizer(in.after, v1alpha1.FinalizerTakeBack) {
		return false, nil
	}
	var owner v1alpha1.BridgeStack
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: in.after.Namespace, Name: in.after.Spec.Stack}, &owner)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return err == nil && !owner.DeletionTimestamp.IsZero(), err
}

// undo takes an attempt back whose stack may be gone. An error is to be tried again.
func (r *Reconciler) undo(ctx context.Context, in *round) (v1alpha1.AttemptOutcome, string, error) {
	if err := r.fresh(ctx, in); err != nil {
		return "", "", err
	}
	attempt := in.attempt()
	in.gone = false // the stack is; is the workload?
	if err := r.readWorkload(ctx, in); err != nil {
		return "", "", err
	}
	switch {
	case in.gone:
		return v1alpha1.AttemptConflict, "the workload is gone", nil
	case attempt.Undo == "" || remedy.Final(attempt.Proposal.Remedy):
		return v1alpha1.AttemptConflict, "there is no way back; what was written stays as it is", nil
	case in.workloadPaused():
		return v1alpha1.AttemptConflict, "the workload is paused (annotation " + v1alpha1.AnnotationPaused + "); what was written stays as it is", nil
	}
	inItsStead := &v1alpha1.BridgeStack{
		ObjectMeta: metav1.ObjectMeta{Namespace: in.after.Namespace},
		Spec:       v1alpha1.BridgeStackSpec{ServiceAccountName: attempt.ServiceAccountName},
	}
	denied, err := r.Permissions.Denied(ctx, inItsStead, in.recordedRights())
	if err != nil {
		return "", "", err
	}
	if denied != "" {
		return v1alpha1.AttemptConflict, denied + "; what was written stays as it is", nil
	}
	err = r.Applier.Rollback(ctx, in.after.Namespace, in.patched(), *attempt, r.still(in))
	switch {
	case err == nil:
		return v1alpha1.AttemptRolledBack, "it was taken back, as spec.remediation.onDelete says", nil
	case errors.Is(err, apply.ErrConflict), errors.Is(err, apply.ErrGone), errors.Is(err, apply.ErrRefused):
		return v1alpha1.AttemptConflict, fmt.Sprintf("it was not taken back: %v", err), nil
	}
	return "", "", err
}
