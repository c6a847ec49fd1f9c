package controllers

import (
	"context"
	"errors"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/notify"
)

// NotificationReconciler tells a stack's receivers of its incidents. It has a
// queue of its own: a receiver that hangs keeps no remedy waiting.
type NotificationReconciler struct{ *Operator }

// SetupWithManager watches diagnoses, and stacks, whose receivers may change.
func (r *NotificationReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("notification").
		For(&v1alpha1.BridgeDiagnosis{}).
		Watches(&v1alpha1.BridgeStack{}, handler.EnqueueRequestsFromMapFunc(r.ofStack)).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency}).
		Complete(r)
}

// ofStack finds all of a stack's diagnoses: of those that are over, too, someone
// may still have to be told.
func (r *NotificationReconciler) ofStack(ctx context.Context, o client.Object) []reconcile.Request {
	list, err := diagnosesOf(ctx, r.Cached, o.GetNamespace(), o.GetName())
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "finding of which incidents a stack's receivers are to be told")
		return nil
	}
	var out []reconcile.Request
	for i := range list {
		if list[i].Status.Times.Escalated != nil {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list[i])})
		}
	}
	return out
}

// Reconcile sends what is due.
func (r *NotificationReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	due, next, _, err := r.due(ctx, r.Cached, req)
	if err != nil || len(due) == 0 {
		return ctrl.Result{RequeueAfter: next}, err
	}
	// The cache may not show yet what was delivered a moment ago.
	due, _, d, err := r.due(ctx, r.Live, req)
	if err != nil || len(due) == 0 {
		return ctrl.Result{RequeueAfter: conflictPause}, err
	}
	return ctrl.Result{RequeueAfter: conflictPause}, r.deliver(ctx, d, due) // what is written tells when to come again
}

// due finds what has to be told of a diagnosis.
func (r *NotificationReconciler) due(ctx context.Context, from client.Reader, req ctrl.Request) ([]notify.Due, time.Duration, *v1alpha1.BridgeDiagnosis, error) {
	var d v1alpha1.BridgeDiagnosis
	if err := from.Get(ctx, req.NamespacedName, &d); err != nil {
		return nil, 0, nil, client.IgnoreNotFound(err)
	}
	if d.Status.Times.Escalated == nil || !d.DeletionTimestamp.IsZero() {
		return nil, 0, nil, nil
	}
	var stack v1alpha1.BridgeStack
	if err := from.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: d.Spec.Stack}, &stack); err != nil {
		return nil, 0, nil, client.IgnoreNotFound(err)
	}
	due, next := notify.Plan(&d, stack.Spec.Notifications, r.Now())
	return due, next, &d, nil
}

// deliver sends the messages, all at once: a receiver that hangs keeps none of
// the others waiting. What one accepted is written at once.
func (r *NotificationReconciler) deliver(ctx context.Context, d *v1alpha1.BridgeDiagnosis, due []notify.Due) error {
	scope, err := r.scope(ctx, d.Namespace)
	if err != nil {
		return err
	}
	failed := make([]error, len(due))
	var told sync.WaitGroup
	for i := range due {
		told.Go(func() {
			result := notify.ResultOf(due[i], r.send(ctx, d, due[i], scope))
			if result.Failure != "" && ctx.Err() != nil {
				return // the operator ends; that is not the receiver's failure
			}
			failed[i] = r.settle(ctx, d, result)
		})
	}
	told.Wait()
	return errors.Join(failed...)
}

// settle writes what came of a message, even while the operator ends: what was
// accepted is not to be sent again.
func (r *NotificationReconciler) settle(ctx context.Context, d *v1alpha1.BridgeDiagnosis, result notify.Result) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	now := r.Now()
	return r.Reporter.Deliveries(ctx, r.Live, client.ObjectKeyFromObject(d), func(known []v1alpha1.Delivery) []v1alpha1.Delivery {
		return notify.Settle(known, result, now)
	})
}
