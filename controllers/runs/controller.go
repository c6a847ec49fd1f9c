// Package runs watches what runs to an end, and opens diagnoses of runs that failed.
package runs

import (
	"cmp"
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/controllers/perservice"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/fairqueue"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/observe"
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
	Stacks   perservice.Stacks
	// Concurrency is how many stacks are looked at at once.
	Concurrency int
}

// SetupWithManager watches policies, what runs to an end, and that a diagnosis is gone:
// whoever deletes it wants a new one.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	b := ctrl.NewControllerManagedBy(mgr)
	for _, o := range append(workload.Objects(), &corev1.Pod{}) {
		b.Watches(o, handler.EnqueueRequestsFromMapFunc(r.Stacks.Resolver.StacksBeside), runsToEnd)
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

// Reconcile looks at each service that runs to an end.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return r.Stacks.Each(ctx, req, r.look)
}

// look at one service; an event tells when to come again.
func (r *Reconciler) look(ctx context.Context, l perservice.Look) (time.Duration, error) {
	run := l.Service.Workload.Run
	if run.Over() {
		l.Rules.Since = detect.NewsSince(l.Rules.Since, l.Stack.CreationTimestamp.Time)
	}
	if l.Open || !detect.RunFailed(observe.RunOf(run), l.Rules).Looping {
		return 0, nil
	}
	if has, err := r.Stacks.Has(ctx, l); err != nil || !has {
		return 0, err
	}
	container, err := r.container(ctx, l.Ref)
	if err != nil || container == "" {
		return 0, err
	}
	return 0, r.Stacks.Open(ctx, l, container, v1alpha1.SymptomRunFailed)
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
	states := make([]detect.PodState, len(pods))
	for i, p := range pods {
		states[i] = detect.PodState{Pod: observe.PodOf(p.Pod), Containers: observe.Containers(p.Pod), Newest: p.Newest}
	}
	return cmp.Or(detect.FailedContainer(states), w.Template().Spec.Containers[0].Name), nil
}
