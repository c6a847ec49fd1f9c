// Package bridgediagnosis takes incidents from their first sight to their end.
package bridgediagnosis

import (
	"context"
	"errors"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/fairqueue"
	"github.com/bridgestack/operator/internal/gitcommit"
	"github.com/bridgestack/operator/internal/healthcheck"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/permission"
	"github.com/bridgestack/operator/internal/probe"
	"github.com/bridgestack/operator/internal/report"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/view"
	"github.com/bridgestack/operator/internal/workload"
)

// Reconciler takes an incident from its first sight to its end.
type Reconciler struct {
	// Within are the namespaces that are looked at.
	Within predicate.Predicate
	// Client reads from the cache and writes; APIReader reads from the API server.
	Client    client.Client
	APIReader client.Reader
	// Observer gathers evidence, Prober asks dependencies.
	Observer *observe.Reader
	Prober   *probe.Prober
	// Applier and Reporter are the only writers.
	Applier  *apply.Applier
	Reporter *report.Reporter
	Resolver *resolve.Resolver
	// Permissions of those in whose stead it acts.
	Permissions permission.Reviewer
	// Health is what was last seen of health endpoints.
	Health *healthcheck.Memory
	// Committer commits what a GitOps controller would take back; nil suggests it only.
	Committer *gitcommit.Committer
	// Commits are made there.
	Commits *gitcommit.Queue
	Clock   clock.PassiveClock
	// Image is the operator's own, for init containers that wait; empty where it is
	// not known.
	Image string
	// Concurrency is how many incidents are worked on at once.
	Concurrency int

	// deciding lets one incident of a stack at a time claim its share of the budget.
	deciding stackLocks
	// unread is what the log was told could not be read.
	unread loggedFailures
	// committed announces the diagnoses of which a commit was made, or could not be.
	committed chan event.GenericEvent
}

// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgediagnoses/status,verbs=update
// +kubebuilder:rbac:groups="",resources=pods/log,verbs=get
// +kubebuilder:rbac:groups="",resources=pods/eviction,verbs=create
// +kubebuilder:rbac:groups="",resources=events,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get
// +kubebuilder:rbac:groups="",resources=services,verbs=list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments;statefulsets;daemonsets,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SetupWithManager watches diagnoses and what can change their course.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.committed = make(chan event.GenericEvent)
	news := &told{r: r}
	r.Observer.EventWatch.OnEvent(news.event)
	b := ctrl.NewControllerManagedBy(mgr)
	for _, o := range workload.Objects() {
		b.Watches(o, handler.EnqueueRequestsFromMapFunc(r.ofWorkload))
	}
	return b.
		For(&v1alpha1.BridgeDiagnosis{}, builder.WithPredicates(unlessItRests)).
		WithEventFilter(predicate.Or(r.Within, leaving)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.ofPod)).
		Watches(&v1alpha1.BridgeStack{}, handler.EnqueueRequestsFromMapFunc(r.ofStack),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.BridgeDiagnosis{}, handler.EnqueueRequestsFromMapFunc(r.waitingBeside), builder.WithPredicates(turnMayHaveCome)).
		WatchesRawSource(source.Channel(r.committed, &handler.EnqueueRequestForObject{})).
		WatchesRawSource(news).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency, NewQueue: fairqueue.For(r.Concurrency)}).
		Complete(r)
}

// unlessItRests lets through all but what the operator itself writes last in a
// round: where a diagnosis rests it is looked at again when something else changes,
// or when the time has come that the round named.
var unlessItRests = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	d, ok := e.ObjectNew.(*v1alpha1.BridgeDiagnosis)
	return !ok || !view.Rests(d) || e.ObjectOld.GetGeneration() != d.GetGeneration() ||
		!maps.Equal(e.ObjectOld.GetAnnotations(), d.GetAnnotations()) || !d.DeletionTimestamp.IsZero()
}}

// leaving lets through the diagnoses that are being deleted, from wherever they are: one
// that was kept for its attempt, and whose namespace was excluded since, would stay for
// good, and its namespace with it.
var leaving = predicate.NewPredicateFuncs(func(o client.Object) bool {
	d, is := o.(*v1alpha1.BridgeDiagnosis)
	return is && !d.DeletionTimestamp.IsZero()
})

// phase is one step; true ends the round.
type phase func(context.Context, *round) (bool, error)

// Reconcile runs the phases in their order. Each round observes anew: only the
// attempts are remembered, and they are persisted before anything is written.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	in, err := r.begin(ctx, req)
	if err != nil || in == nil {
		return ctrl.Result{}, err
	}
	done := false
	for _, next := range append(r.endings(), r.awaitHealth, r.diagnose, r.showHealth, r.plan) {
		if done, err = next(ctx, in); done || err != nil {
			break
		}
	}
	in.callInTime(r.Clock.Now())
	err = errors.Join(err, r.Reporter.Diagnosis(ctx, in.before, in.after, in.reason, in.redactor))
	if apierrors.IsConflict(err) || errors.Is(err, incident.ErrStaleView) {
		return ctrl.Result{RequeueAfter: requeue.AfterConflict}, nil
	}
	return ctrl.Result{RequeueAfter: requeue.Sooner(in.recheck, in.soakLeft)}, in.redacted(err) // it is logged
}

// endings are the phases that may be the last of an incident. A run that succeeds comes
// before the end of its being part of the stack: it is the reason for that.
func (r *Reconciler) endings() []phase {
	return []phase{r.waitForStack, r.advanceAttempt, r.recoverIfRan, r.closeIfOver, r.recoverIfUp}
}

// ofPod finds the open diagnoses of the workload that owns a pod.
func (r *Reconciler) ofPod(ctx context.Context, o client.Object) []reconcile.Request {
	pod, ok := o.(*corev1.Pod)
	if !ok {
		return nil
	}
	var list v1alpha1.BridgeDiagnosisList
	if err := r.Client.List(ctx, &list, client.InNamespace(pod.Namespace), client.UnsafeDisableDeepCopy); err != nil || len(list.Items) == 0 {
		return nil
	}
	w, err := r.Observer.WorkloadOf(ctx, pod)
	if err != nil {
		return nil
	}
	return openAbout(list.Items, w)
}

func openAbout(diagnoses []v1alpha1.BridgeDiagnosis, w workload.Ref) []reconcile.Request {
	var out []reconcile.Request
	for i := range diagnoses {
		if d := &diagnoses[i]; !d.Status.State.Final() && incident.IsAbout(d, w) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(d)})
		}
	}
	return out
}

// ofWorkload finds the open diagnoses of a workload.
func (r *Reconciler) ofWorkload(ctx context.Context, o client.Object) []reconcile.Request {
	w, is := workload.Of(o)
	var list v1alpha1.BridgeDiagnosisList
	if err := r.Client.List(ctx, &list, client.InNamespace(o.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil || !is {
		return nil
	}
	ref := workload.RefOf(w)
	if run, is := workload.RunOf(o); is {
		ref = run
	}
	ref.UID = "" // of the one before it under this name, too
	return openAbout(list.Items, ref)
}

// ofStack finds a stack's open diagnoses: its policy may have changed.
func (r *Reconciler) ofStack(ctx context.Context, o client.Object) []reconcile.Request {
	return r.openIn(ctx, o.GetNamespace(), o.GetName(), func(*v1alpha1.BridgeDiagnosis) bool { return true })
}

// turnMayHaveCome lets through what may be what another incident of the stack waits for: that
// one changed its state or how its attempt stands, or is gone. What else is written of
// it concerns nobody: each of the others would look, and probe, anew.
var turnMayHaveCome = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false }, // what begins makes nobody's turn
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, was := e.ObjectOld.(*v1alpha1.BridgeDiagnosis)
		after, is := e.ObjectNew.(*v1alpha1.BridgeDiagnosis)
		return !was || !is || view.GivesWay(before, after)
	},
}

// waitingBeside finds the diagnoses of the same stack that wait: for a root to
// recover or for their share of the budget.
func (r *Reconciler) waitingBeside(ctx context.Context, o client.Object) []reconcile.Request {
	changed, ok := o.(*v1alpha1.BridgeDiagnosis)
	if !ok {
		return nil
	}
	return r.openIn(ctx, o.GetNamespace(), changed.Spec.Stack, func(d *v1alpha1.BridgeDiagnosis) bool {
		return d.Status.State == v1alpha1.StateWaiting && d.Name != o.GetName()
	})
}

func (r *Reconciler) openIn(ctx context.Context, namespace, stack string, wanted func(*v1alpha1.BridgeDiagnosis) bool) []reconcile.Request {
	list, err := incident.OfStack(ctx, r.Client, namespace, stack)
	if err != nil {
		return nil
	}
	var out []reconcile.Request
	for i := range list {
		if d := &list[i]; !d.Status.State.Final() && wanted(d) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(d)})
		}
	}
	return out
}
