// Package podwatch watches restart counts and opens diagnoses.
package podwatch

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/fairqueue"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/metrics"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/workload"
)

// Reconciler is the phase detect: it watches restart counts and opens a
// BridgeDiagnosis for each container that loops.
type Reconciler struct {
	// Within are the namespaces that are looked at.
	Within   predicate.Predicate
	Client   client.Client
	Observer *observe.Reader
	Resolver *resolve.Resolver
	Opener   incident.Opener
	// Metrics count restarts; nil counts nothing.
	Metrics *metrics.Metrics
	Clock   clock.PassiveClock
	// Concurrency is how many pods are looked at at once.
	Concurrency int

	histories histories
}

// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments;statefulsets;daemonsets;replicasets;controllerrevisions,verbs=get;list;watch
// +kubebuilder:rbac:groups=batch,resources=jobs;cronjobs,verbs=get;list;watch
// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgediagnoses,verbs=get;list;watch;create

// SetupWithManager watches pods that are, or were, in trouble, and what makes
// them part of a stack, policies and the labels of workloads: what loops
// already must not wait for the next crash, which a back-off may put off for
// minutes.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	if err := mgr.Add(manager.RunnableFunc(r.begin)); err != nil {
		return err
	}
	b := ctrl.NewControllerManagedBy(mgr)
	for _, o := range workload.Objects() {
		b.Watches(o, handler.EnqueueRequestsFromMapFunc(r.unhealthyOf), onLabels)
	}
	return b.
		Named("pod").
		WithEventFilter(r.Within).
		For(&corev1.Pod{}, builder.WithPredicates(r.podsToLookAt())).
		Watches(&v1alpha1.BridgeStack{}, handler.EnqueueRequestsFromMapFunc(r.unhealthyInNamespace),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.BridgeDiagnosis{}, handler.EnqueueRequestsFromMapFunc(r.unhealthyOfDiagnosis), onDelete).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency, NewQueue: fairqueue.For(r.Concurrency)}).
		Complete(r)
}

// begin notes when this process began to lead.
func (r *Reconciler) begin(context.Context) error {
	r.histories.begin(r.Clock.Now())
	return nil
}

// onLabels lets through what may take a workload into a stack.
var onLabels = builder.WithPredicates(predicate.LabelChangedPredicate{})

// onDelete lets through that something is gone.
var onDelete = builder.WithPredicates(predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(event.UpdateEvent) bool { return false },
})

// podsToLookAt are those in trouble, and those that are gone and remembered.
func (r *Reconciler) podsToLookAt() predicate.Predicate {
	inTrouble := predicate.NewPredicateFuncs(func(o client.Object) bool {
		pod, ok := o.(*corev1.Pod)
		return ok && unhealthy(pod)
	})
	return predicate.Funcs{
		CreateFunc:  inTrouble.Create,
		UpdateFunc:  inTrouble.Update,
		GenericFunc: inTrouble.Generic,
		DeleteFunc:  func(e event.DeleteEvent) bool { return r.histories.has(client.ObjectKeyFromObject(e.Object)) },
	}
}

// unhealthyOfDiagnosis finds the pods of a deleted diagnosis' workload that may never
// change again: whoever deletes it wants a new one. One that crash-loops has an event
// at its next crash, and until then may be on the way out.
func (r *Reconciler) unhealthyOfDiagnosis(ctx context.Context, o client.Object) []reconcile.Request {
	d, ok := o.(*v1alpha1.BridgeDiagnosis)
	if !ok {
		return nil
	}
	return r.unhealthyPods(ctx, d.Namespace, func(pod *corev1.Pod) bool {
		if !waitsForGood(pod) {
			return false
		}
		w, err := r.Observer.WorkloadOf(ctx, pod)
		return err == nil && incident.IsAbout(d, w)
	})
}

// waitsForGood is true of a pod with a container that the kubelet cannot start.
func waitsForGood(pod *corev1.Pod) bool {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, s := range statuses {
			if s.State.Waiting != nil && s.State.Waiting.Reason != detect.ReasonCrashLoopBackOff {
				return true
			}
		}
	}
	return pod.Status.Reason == detect.ReasonEvicted
}

// unhealthyOf finds the pods in trouble of a workload.
func (r *Reconciler) unhealthyOf(ctx context.Context, o client.Object) []reconcile.Request {
	w, is := workload.Of(o)
	if !is {
		return nil
	}
	return r.unhealthyPods(ctx, o.GetNamespace(), func(pod *corev1.Pod) bool {
		of, err := r.Observer.WorkloadOf(ctx, pod)
		return err == nil && of.Kind == w.Kind() && of.Name == o.GetName()
	})
}

// unhealthyInNamespace finds the pods in trouble in a stack's namespace.
func (r *Reconciler) unhealthyInNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	return r.unhealthyPods(ctx, o.GetNamespace(), func(*corev1.Pod) bool { return true })
}

func (r *Reconciler) unhealthyPods(ctx context.Context, namespace string, matches func(*corev1.Pod) bool) []reconcile.Request {
	var stacks v1alpha1.BridgeStackList
	var pods corev1.PodList
	for _, list := range []client.ObjectList{&stacks, &pods} {
		if err := r.Client.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "listing the stacks and pods of a namespace", "namespace", namespace)
			return nil
		}
	}
	if len(stacks.Items) == 0 {
		return nil
	}
	var out []reconcile.Request
	for i := range pods.Items {
		if pod := &pods.Items[i]; unhealthy(pod) && matches(pod) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(pod)})
		}
	}
	return out
}

// unhealthy is false for the pods that most clusters are full of: those that
// never restarted and wait for nothing, and those that have ended, of which nothing
// restarts. Jobs leave them by the thousand.
func unhealthy(pod *corev1.Pod) bool {
	if phase := pod.Status.Phase; phase == corev1.PodSucceeded || phase == corev1.PodFailed {
		return pod.Status.Reason == detect.ReasonEvicted
	}
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, s := range statuses {
			if s.RestartCount > 0 || s.State.Terminated != nil || s.State.Waiting != nil {
				return true
			}
		}
	}
	return false
}

// Reconcile opens diagnoses for a pod's looping containers.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var pod corev1.Pod
	if err := r.Client.Get(ctx, req.NamespacedName, &pod); err != nil {
		r.histories.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	workload, err := r.Observer.WorkloadOf(ctx, &pod)
	if err != nil {
		return ctrl.Result{}, err
	}
	owner, resolved, service, err := r.Resolver.StackFor(ctx, workload)
	if err != nil || owner == nil {
		return ctrl.Result{}, err
	}
	known, err := incident.OfStack(ctx, r.Client, pod.Namespace, owner.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	var recheck time.Duration
	for _, c := range observe.Containers(&pod) {
		r.Metrics.Restarts(client.ObjectKeyFromObject(owner), service.Name, r.histories.restarted(&pod, c))
		history, rules := incident.HistoryOf(known, workload, c.Name), resolved.Policy.Detection()
		rules.Since = history.Recovered // restarts until then do not count again
		verdict := r.judge(ctx, &pod, c, rules)
		if verdict.Looping && !history.Open {
			err = errors.Join(err, r.Opener.Open(ctx, incident.Incident{Stack: owner, Service: service.Name, Workload: workload, Container: c.Name}, history))
		}
		recheck = requeue.Sooner(recheck, verdict.RecheckAfter)
	}
	if errors.Is(err, incident.ErrStaleView) {
		return ctrl.Result{RequeueAfter: requeue.AfterConflict}, nil
	}
	return ctrl.Result{RequeueAfter: recheck}, err
}

// judge is the verdict on one container of a pod.
func (r *Reconciler) judge(ctx context.Context, pod *corev1.Pod, c evidence.Container, s detect.Settings) detect.Verdict {
	verdict := r.histories.judge(client.ObjectKeyFromObject(pod), observe.PodOf(pod), c, s, r.Clock.Now())
	if containers := observe.Containers(pod); !verdict.Looping && detect.Creating(containers) {
		return r.stuck(ctx, pod, containers, s)
	}
	return verdict
}

// stuck is the verdict on a pod none of whose containers was created: its
// events tell whether a volume or its sandbox is at fault. Those that are followed tell
// what failed, and not that the kubelet got past it and pulls an image.
func (r *Reconciler) stuck(ctx context.Context, pod *corev1.Pod, containers []evidence.Container, s detect.Settings) detect.Verdict {
	if wait := detect.DefaultCreateGrace - r.Clock.Now().Sub(pod.CreationTimestamp.Time); wait > 0 {
		return detect.Verdict{RecheckAfter: wait}
	}
	var verdict detect.Verdict
	for _, read := range []func(context.Context, string, types.UID) ([]evidence.Event, error){r.Observer.Events, r.Observer.AllEvents} {
		events, err := read(ctx, pod.Namespace, pod.UID)
		if err != nil {
			ctrl.LoggerFrom(ctx).Info("the events of a pod that does not start could not be read", "error", err.Error())
			return detect.Verdict{RecheckAfter: detect.DefaultCreateGrace}
		}
		if verdict = detect.Stuck(observe.PodOf(pod), containers, events, s, r.Clock.Now()); !verdict.Looping {
			return verdict
		}
	}
	return verdict
}
