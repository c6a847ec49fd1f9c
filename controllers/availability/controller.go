// Package availability watches whether the stacks' pods are there and ready, and opens
// diagnoses of what is down though nothing of it restarts.
package availability

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
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
	"github.com/bridgestack/operator/controllers/perservice"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/fairqueue"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// Reconciler looks at the workloads of a stack, and opens a BridgeDiagnosis for each
// whose pods are wanting, or do not become ready, for longer than the grace.
type Reconciler struct {
	// Within are the namespaces that are looked at.
	Within   predicate.Predicate
	Client   client.Client
	Observer *observe.Reader
	Stacks   perservice.Stacks
	Clock    clock.PassiveClock
	// Concurrency is how many stacks are looked at at once.
	Concurrency int

	missing missing
}

// SetupWithManager watches policies, workloads and the end of diagnoses: what waits for
// the grace to pass is looked at again by the clock.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	b := ctrl.NewControllerManagedBy(mgr)
	for _, o := range workload.Objects() {
		b.Watches(o, r.gathered())
	}
	b.Watches(&corev1.Pod{}, r.gathered(), tellsAlone)
	return b.
		Named("availability").
		WithEventFilter(r.Within).
		For(&v1alpha1.BridgeStack{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.BridgeDiagnosis{}, handler.EnqueueRequestsFromMapFunc(incident.StackOf), builder.WithPredicates(onEnd)).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency, NewQueue: fairqueue.For(r.Concurrency)}).
		Complete(r)
}

// tellsAlone lets through pods that no workload which is watched speaks for: bare ones, and
// those of other operators' objects.
var tellsAlone = builder.WithPredicates(predicate.NewPredicateFuncs(func(o client.Object) bool { return workload.TellsOfSeen(o) }))

// gathering is how long a stack waits for more to happen to its workloads: a rollout
// is one look. No grace is as short.
const gathering = time.Second

// gathered finds the stacks of a workload's namespace.
func (r *Reconciler) gathered() handler.EventHandler {
	enqueue := func(ctx context.Context, o client.Object, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		for _, request := range r.Stacks.Resolver.StacksBeside(ctx, o) {
			q.AddAfter(request, gathering)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			enqueue(ctx, e.Object, q)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			enqueue(ctx, e.ObjectNew, q)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			r.missing.forget(e.Object.GetUID())
		},
	}
}

// onEnd lets through that a diagnosis is over, or gone: another one may be due.
var onEnd = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		d, ok := e.ObjectNew.(*v1alpha1.BridgeDiagnosis)
		return ok && d.Status.State.Final()
	},
}

// Reconcile looks at each service that is not external.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return r.Stacks.Each(ctx, req, r.look)
}

// look at one service; the time is when to come again, 0 where an event will tell.
func (r *Reconciler) look(ctx context.Context, l perservice.Look) (time.Duration, error) {
	if l.Service.External {
		return 0, nil
	}
	if l.Service.Workload.Settled || atRest(l.Service.Workload) || l.Open {
		r.missing.forget(l.Ref.UID)
		return 0, nil
	}
	w, err := lookup.Get(ctx, r.Client, l.Ref)
	if apierrors.IsNotFound(err) || errors.Is(err, lookup.ErrReplaced) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading %s, whose pods are not all ready: %w", l.Ref, err)
	}
	seen, err := r.observe(ctx, w)
	if err != nil {
		return 0, err
	}
	now := r.Clock.Now()
	found := detect.Unavailable(seen, l.Rules, now)
	if found.Looping && detect.LearnScaleUps(&seen, func(p evidence.Pod) bool { return r.makesNode(ctx, p) }) {
		found = detect.Unavailable(seen, l.Rules, now)
	}
	if !found.Looping {
		return found.RecheckAfter, nil
	}
	if has, err := r.Stacks.Has(ctx, l); err != nil || !has {
		return 0, err
	}
	container := cmp.Or(found.Container, w.Template().Spec.Containers[0].Name)
	return 0, r.Stacks.Open(ctx, l, container, v1alpha1.SymptomNotAvailable)
}

// atRest says that a workload that runs to an end came to one, or waits for its time.
func atRest(w *stack.Workload) bool {
	return w.Gone || w.Run != nil && !w.Run.Active
}

// observe is how a workload's pods are.
func (r *Reconciler) observe(ctx context.Context, w workload.Workload) (detect.Availability, error) {
	now, strategy := r.Clock.Now(), w.Strategy()
	pods, err := r.Observer.Pods(ctx, workload.RefOf(w))
	if err != nil {
		return detect.Availability{}, err
	}
	out := detect.Availability{Wanted: w.Replicas().Desired, ProgressDeadline: strategy.ProgressDeadline}
	states := make([]detect.PodState, len(pods))
	for i, p := range pods {
		states[i] = detect.PodState{Pod: observe.PodOf(p.Pod), Containers: observe.Containers(p.Pod), Newest: p.Newest}
		if ends := p.DeletionTimestamp; ends != nil {
			states[i].Ends = ends.Time
		}
	}
	detect.MarkCurrent(states, strategy.KeepsOlder(), now)
	out.Missing, out.GoneBy = detect.Wanting(w, states, now)
	out.MissingSince = detect.MissingSince(r.missing.since(w.Object().GetUID(), out.Missing, now), w.Replicas().RefusedSince)
	out.Pods = states
	return out, nil
}

// makesNode says that an autoscaler answered for a pod. What cannot be read is not said.
func (r *Reconciler) makesNode(ctx context.Context, p evidence.Pod) bool {
	events, err := r.Observer.Events(ctx, p.Namespace, types.UID(p.UID))
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("the events of a pod without a node could not be read", "pod", p.Name, "error", err.Error())
		return false
	}
	return slices.ContainsFunc(events, detect.ScalesUp)
}
