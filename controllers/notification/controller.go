// Package notification tells receivers of incidents that need a person.
package notification

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/fairqueue"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/notify"
	"github.com/bridgestack/operator/internal/report"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/stack"
)

// Reconciler tells a stack's receivers of its incidents. It has a
// queue of its own: a receiver that hangs keeps no remedy waiting.
type Reconciler struct {
	// Within are the namespaces that are looked at.
	Within    predicate.Predicate
	Client    client.Client
	APIReader client.Reader
	Resolver  *resolve.Resolver
	Reporter  *report.Reporter
	Targets   notify.Targets
	Sender    *notify.Sender
	Clock     clock.PassiveClock
	// Concurrency is how many diagnoses are told of at once.
	Concurrency int
}

// SetupWithManager watches diagnoses, and stacks, whose receivers may change.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("notification").
		WithEventFilter(r.Within).
		For(&v1alpha1.BridgeDiagnosis{}).
		Watches(&v1alpha1.BridgeStack{}, handler.EnqueueRequestsFromMapFunc(r.ofStack)).
		Watches(&v1alpha1.BridgeDiagnosis{}, handler.EnqueueRequestsFromMapFunc(r.symptomsOf), builder.WithPredicates(ends)).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency, NewQueue: fairqueue.For(r.Concurrency)}).
		Complete(r)
}

// ofStack finds all of a stack's diagnoses: of those that are over, too, someone
// may still have to be told.
func (r *Reconciler) ofStack(ctx context.Context, o client.Object) []reconcile.Request {
	list, err := incident.OfStack(ctx, r.Client, o.GetNamespace(), o.GetName())
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "failed to list the diagnoses for notification")
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

// ends lets through that an incident ended, or is gone.
var ends = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false }, // each is looked at when the operator begins
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, was := e.ObjectOld.(*v1alpha1.BridgeDiagnosis)
		after, is := e.ObjectNew.(*v1alpha1.BridgeDiagnosis)
		return was && is && !before.Status.State.Final() && after.Status.State.Final()
	},
}

// symptomsOf finds the diagnoses of which nobody is told as long as another one, their
// root's, is open.
func (r *Reconciler) symptomsOf(ctx context.Context, o client.Object) []reconcile.Request {
	root, ok := o.(*v1alpha1.BridgeDiagnosis)
	if !ok {
		return nil
	}
	list, err := incident.OfStack(ctx, r.Client, root.Namespace, root.Spec.Stack)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "failed to list the symptoms of an incident for notification")
		return nil
	}
	var out []reconcile.Request
	for i := range list {
		if slices.Contains(notify.RootsOf(&list[i]), root.Name) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list[i])})
		}
	}
	return out
}

// Reconcile sends what is due.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	cached, next, err := r.due(ctx, r.Client, req)
	if err != nil || len(cached.due) == 0 {
		return ctrl.Result{RequeueAfter: next}, err
	}
	// The cache may not show yet what was delivered a moment ago.
	live, _, err := r.due(ctx, r.APIReader, req)
	if err != nil || len(live.due) == 0 {
		return ctrl.Result{RequeueAfter: requeue.AfterConflict}, err
	}
	return ctrl.Result{RequeueAfter: requeue.AfterConflict}, r.deliver(ctx, live) // what is written tells when to come again
}

// news is what has to be told, of which diagnosis, and whose receivers are told.
type news struct {
	due       []notify.Due
	diagnosis *v1alpha1.BridgeDiagnosis
	owner     *v1alpha1.BridgeStack
}

// due finds what has to be told of a diagnosis, and when to look again.
func (r *Reconciler) due(ctx context.Context, reader client.Reader, req ctrl.Request) (news, time.Duration, error) {
	var d v1alpha1.BridgeDiagnosis
	if err := reader.Get(ctx, req.NamespacedName, &d); err != nil {
		return news{}, 0, client.IgnoreNotFound(err)
	}
	if d.Status.Times.Escalated == nil || !d.DeletionTimestamp.IsZero() {
		return news{}, 0, nil
	}
	var owner v1alpha1.BridgeStack
	if err := reader.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: d.Spec.Stack}, &owner); err != nil {
		return news{}, 0, client.IgnoreNotFound(err)
	}
	in := notify.Incident{Diagnosis: &d, RootGrace: stack.PolicyOf(owner.Spec).EscalateAfter}
	for _, name := range notify.RootsOf(&d) {
		var root v1alpha1.BridgeDiagnosis
		err := reader.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: name}, &root)
		if client.IgnoreNotFound(err) != nil {
			return news{}, 0, fmt.Errorf("reading the diagnosis of the root of %s: %w", req, err)
		}
		if err == nil {
			in.Roots = append(in.Roots, &root)
		}
	}
	due, next := in.Plan(owner.Spec.Notifications, r.Clock.Now())
	return news{due: due, diagnosis: &d, owner: &owner}, next, nil
}

// send tells a receiver of one event.
func (r *Reconciler) send(ctx context.Context, n news, due notify.Due, scope egress.Scope) error {
	target, problem, err := r.Targets.Of(ctx, n.owner, due.Index, due.Receiver)
	if err != nil {
		return err
	}
	if problem != nil {
		return &notify.Refusal{Because: problem.String()}
	}
	now := r.Clock.Now()
	request, err := notify.RequestOf(due.Receiver, target, notify.MessageOf(n.diagnosis, due.Event, now), now)
	if err != nil {
		return err
	}
	return r.Sender.Send(ctx, scope, request)
}

// deliver sends the messages, all at once: a receiver that hangs keeps none of
// the others waiting. What one accepted is written at once.
func (r *Reconciler) deliver(ctx context.Context, n news) error {
	d, due := n.diagnosis, n.due
	scope, err := r.Resolver.ReceiverScope(ctx, client.ObjectKey{Namespace: d.Namespace, Name: d.Spec.Stack})
	if err != nil {
		return err
	}
	failed := make([]error, len(due))
	var told sync.WaitGroup
	var writing sync.Mutex
	for i := range due {
		told.Go(func() {
			result := notify.ResultOf(due[i], r.send(ctx, n, due[i], scope))
			if result.Failure != "" && ctx.Err() != nil {
				return // the operator ends; that is not the receiver's failure
			}
			writing.Lock() // they write the same status
			defer writing.Unlock()
			failed[i] = r.settle(ctx, d, result)
		})
	}
	told.Wait()
	return errors.Join(failed...)
}

// settle writes what came of a message, even while the operator ends: what was
// accepted is not to be sent again.
func (r *Reconciler) settle(ctx context.Context, d *v1alpha1.BridgeDiagnosis, result notify.Result) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	now := r.Clock.Now()
	return r.Reporter.Deliveries(ctx, r.APIReader, client.ObjectKeyFromObject(d), func(known []v1alpha1.Delivery) []v1alpha1.Delivery {
		return notify.Settle(known, result, now)
	})
}
