// Package availability watches whether the stacks' pods are there and ready, and opens
// diagnoses of what is down though nothing of it restarts.
package availability

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/fairqueue"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
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
	Resolver *resolve.Resolver
	Opener   incident.Opener
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
	return b.
		Named("availability").
		WithEventFilter(r.Within).
		For(&v1alpha1.BridgeStack{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.BridgeDiagnosis{}, handler.EnqueueRequestsFromMapFunc(stackOf), builder.WithPredicates(onEnd)).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency, NewQueue: fairqueue.For(r.Concurrency)}).
		Complete(r)
}

// gathering is how long a stack waits for more to happen to its workloads: a rollout
// is one look. No grace is as short.
const gathering = time.Second

// gathered finds the stacks of a workload's namespace.
func (r *Reconciler) gathered() handler.EventHandler {
	enqueue := func(ctx context.Context, o client.Object, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		var list v1alpha1.BridgeStackList
		if err := r.Client.List(ctx, &list, client.InNamespace(o.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "listing the stacks of a workload's namespace", "namespace", o.GetNamespace())
			return
		}
		for i := range list.Items {
			q.AddAfter(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])}, gathering)
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

func stackOf(_ context.Context, o client.Object) []reconcile.Request {
	d, ok := o.(*v1alpha1.BridgeDiagnosis)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: d.Namespace, Name: d.Spec.Stack}}}
}

// Reconcile looks at each service that has a workload. What goes wrong with one keeps
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
	var recheck time.Duration
	var failed []error
	for _, service := range resolved.Services {
		if service.External || service.Workload == nil {
			continue
		}
		after, err := r.look(ctx, &owner, resolved.Policy.Detection(), service, known)
		recheck, failed = requeue.Sooner(recheck, after), append(failed, err)
	}
	err = errors.Join(failed...)
	if errors.Is(err, incident.ErrStaleView) {
		return ctrl.Result{RequeueAfter: requeue.AfterConflict}, nil
	}
	return ctrl.Result{RequeueAfter: recheck}, err
}

// look at one service; the time is when to come again, 0 where an event will tell.
func (r *Reconciler) look(ctx context.Context, owner *v1alpha1.BridgeStack, rules detect.Settings, service stack.Service, known []v1alpha1.BridgeDiagnosis) (time.Duration, error) {
	ref := service.Workload.Ref(owner.Namespace)
	if service.Workload.Settled || atRest(service.Workload) || isOpen(known, ref) {
		r.missing.forget(ref.UID)
		return 0, nil
	}
	w, err := lookup.Get(ctx, r.Client, ref)
	if apierrors.IsNotFound(err) || errors.Is(err, lookup.ErrReplaced) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading %s, whose pods are not all ready: %w", ref, err)
	}
	seen, err := r.observe(ctx, w)
	if err != nil {
		return 0, err
	}
	rules.Since = lastRecovered(known, ref)
	now := r.Clock.Now()
	found := detect.Unavailable(seen, rules, now)
	if found.Looping && learnScaleUps(&seen, func(p evidence.Pod) bool { return r.makesNode(ctx, p) }) {
		found = detect.Unavailable(seen, rules, now)
	}
	if !found.Looping {
		return found.RecheckAfter, nil
	}
	if by, _, _, err := r.Resolver.StackFor(ctx, ref); err != nil || by == nil || by.Name != owner.Name {
		return 0, err // an older stack has it
	}
	container := found.Container
	if container == "" {
		container = w.Template().Spec.Containers[0].Name
	}
	return 0, r.Opener.Open(ctx, incident.Incident{
		Stack: owner, Service: service.Name, Workload: ref, Container: container, Symptom: v1alpha1.SymptomNotAvailable,
	}, incident.HistoryOf(known, ref, container))
}

// atRest says that a workload that runs to an end came to one, or waits for its time.
func atRest(w *stack.Workload) bool {
	return w.Gone || w.Run != nil && !w.Run.Active
}

// isOpen says that there is an open diagnosis of a workload: what is down may be down
// for that, whichever its container.
func isOpen(known []v1alpha1.BridgeDiagnosis, ref workload.Ref) bool {
	return slices.ContainsFunc(known, func(d v1alpha1.BridgeDiagnosis) bool {
		return incident.IsAbout(&d, ref) && !d.Status.State.Final()
	})
}

// lastRecovered is when the last incident of a workload was over, zero where none was.
func lastRecovered(known []v1alpha1.BridgeDiagnosis, ref workload.Ref) time.Time {
	var last time.Time
	for i := range known {
		if at := known[i].Status.Times.Recovered; incident.IsAbout(&known[i], ref) && at != nil && at.After(last) {
			last = at.Time
		}
	}
	return last
}

// observe is how a workload's pods are.
func (r *Reconciler) observe(ctx context.Context, w workload.Workload) (detect.Availability, error) {
	now, strategy := r.Clock.Now(), w.Strategy()
	pods, err := r.Observer.Pods(ctx, workload.RefOf(w))
	if err != nil {
		return detect.Availability{}, err
	}
	out := detect.Availability{Wanted: w.Replicas().Desired, ProgressDeadline: strategy.ProgressDeadline}
	out.Missing, out.GoneBy = wanting(w, pods, now)
	out.MissingSince = r.missing.since(w.Object().GetUID(), out.Missing, now)
	for _, p := range pods {
		if p.Newest || strategy.KeepsOlder() {
			out.Pods = append(out.Pods, detect.PodState{Pod: observe.PodOf(p.Pod), Containers: observe.Containers(p.Pod)})
		}
	}
	return out, nil
}

// maxAsked is of how many pods it is asked whether an autoscaler answered for them:
// one for all is the rule.
const maxAsked = 3

// learnScaleUps asks, of pods that have no node, whether an autoscaler makes one, and
// says whether it does. Those that are not asked are as the others: an autoscaler that
// answers for some makes room for all.
func learnScaleUps(a *detect.Availability, makesNode func(evidence.Pod) bool) bool {
	learnt, asked := false, 0
	for i := range a.Pods {
		p := &a.Pods[i]
		switch {
		case p.Pod.Scheduled:
		case asked == maxAsked:
			p.ScalesUp = learnt
		default:
			asked++
			p.ScalesUp = makesNode(p.Pod)
			learnt = learnt || p.ScalesUp
		}
	}
	return learnt
}

// makesNode says that an autoscaler answered for a pod. What cannot be read is not said.
func (r *Reconciler) makesNode(ctx context.Context, p evidence.Pod) bool {
	events, err := r.Observer.Events(ctx, p.Namespace, types.UID(p.UID))
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("the events of a pod without a node could not be read", "pod", p.Name, "error", err.Error())
		return false
	}
	return slices.ContainsFunc(events, scalesUp)
}

// scalesUp is of the events by which the Cluster Autoscaler and Karpenter say that a
// node is made for a pod.
func scalesUp(e evidence.Event) bool {
	return e.Reason == "TriggeredScaleUp" || e.Reason == "Nominated"
}
