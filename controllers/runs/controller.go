// Package runs watches what runs to an end, and opens diagnoses of runs that failed.
package runs

import (
	"cmp"
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/fairqueue"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// Reconciler looks at the runs of a stack, and opens a BridgeDiagnosis where the last one
// failed: of Jobs, of CronJobs, of bare pods that are not started again.
type Reconciler struct {
	// Within are the namespaces that are looked at.
	Within   predicate.Predicate
	Client   client.Client
	Observer *observe.Reader
	Resolver *resolve.Resolver
	Opener   incident.Opener
	Clock    clock.PassiveClock
	// Concurrency is how many stacks are looked at at once.
	Concurrency int
}

// SetupWithManager watches policies, what runs to an end, and that a diagnosis is gone:
// whoever deletes it wants a new one.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	b := ctrl.NewControllerManagedBy(mgr)
	for _, o := range append(workload.Objects(), &corev1.Pod{}) {
		b.Watches(o, handler.EnqueueRequestsFromMapFunc(r.Resolver.StacksBeside), runsToEnd)
	}
	return b.
		Named("runs").
		WithEventFilter(r.Within).
		For(&v1alpha1.BridgeStack{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.BridgeDiagnosis{}, handler.EnqueueRequestsFromMapFunc(incident.StackOf), onDelete).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency, NewQueue: fairqueue.For(r.Concurrency)}).
		Complete(r)
}

// runsToEnd lets through runs, and bare pods that are to come to an end.
var runsToEnd = builder.WithPredicates(predicate.NewPredicateFuncs(func(o client.Object) bool {
	w, is := workload.Of(o)
	return is && (workload.TraitsOf(w.Kind()).RunsToEnd || workload.TellsOfSeen(o))
}))

// onDelete lets through that something is gone.
var onDelete = builder.WithPredicates(predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(event.UpdateEvent) bool { return false },
})

// Reconcile looks at each service that runs to an end. What goes wrong with one keeps
// none of the others from being looked at.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var owner v1alpha1.BridgeStack
	if err := r.Client.Get(ctx, req.NamespacedName, &owner); err != nil || !owner.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	workloads, err := r.Resolver.Workloads(ctx, req.Namespace)
	if err != nil {
		return ctrl.Result{}, err
	}
	resolved, err := r.Resolver.Stack(ctx, &owner, workloads)
	if err != nil {
		return ctrl.Result{}, err
	}
	known, err := incident.OfStack(ctx, r.Client, req.Namespace, req.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	var failed []error
	for _, service := range resolved.Services {
		if w := service.Workload; w != nil && w.Run != nil {
			failed = append(failed, r.look(ctx, &owner, resolved.Policy.Detection(), service, known))
		}
	}
	err = errors.Join(failed...)
	if errors.Is(err, incident.ErrStaleView) {
		return ctrl.Result{RequeueAfter: requeue.AfterConflict}, nil
	}
	return ctrl.Result{}, err
}

// look at one service.
func (r *Reconciler) look(ctx context.Context, owner *v1alpha1.BridgeStack, rules detect.Settings, service stack.Service, known []v1alpha1.BridgeDiagnosis) error {
	ref := service.Workload.Ref(owner.Namespace)
	rules.Since = incident.LastRecovered(known, ref)
	if incident.IsOpen(known, ref) || !detect.RunFailed(observe.RunOf(service.Workload.Run), rules).Looping {
		return nil
	}
	if by, _, _, err := r.Resolver.StackFor(ctx, ref); err != nil || by == nil || by.Name != owner.Name {
		return err // an older stack has it
	}
	container, err := r.container(ctx, ref)
	if err != nil || container == "" {
		return err
	}
	return r.Opener.Open(ctx, incident.Incident{
		Stack: owner, Service: service.Name, Workload: ref, Container: container, Symptom: v1alpha1.SymptomRunFailed,
	}, incident.HistoryOf(known, ref, container))
}

// container by which the run failed; where no pod tells, the template's first one. Empty
// where the workload is gone.
func (r *Reconciler) container(ctx context.Context, ref workload.Ref) (string, error) {
	w, err := lookup.Get(ctx, r.Client, ref)
	if err != nil {
		return "", client.IgnoreNotFound(err)
	}
	pods, err := r.Observer.Pods(ctx, ref)
	if err != nil {
		return "", client.IgnoreNotFound(err)
	}
	failed := ""
	for _, p := range pods {
		if p.Newest {
			failed = cmp.Or(failed, detect.FailedContainer(observe.Containers(p.Pod)))
		}
	}
	return cmp.Or(failed, w.Template().Spec.Containers[0].Name), nil
}
