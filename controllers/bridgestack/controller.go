// Package bridgestack resolves policies and reports what is seen of their stacks.
package bridgestack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/fairqueue"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/notify"
	"github.com/bridgestack/operator/internal/permission"
	"github.com/bridgestack/operator/internal/report"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/text"
	"github.com/bridgestack/operator/internal/workload"
)

// Reconciler resolves a policy and reports what it sees of the stack.
type Reconciler struct {
	Client    client.Client
	APIReader client.Reader
	Resolver  *resolve.Resolver
	Reporter  *report.Reporter
	// Targets of the receivers that a policy names.
	Targets notify.Targets
	// Accounts that policies must name.
	Accounts permission.Accounts
	// Excluded are namespaces in which nothing is looked at but that a stack is told so.
	Excluded []string
	Clock    clock.PassiveClock
	// Concurrency is how many stacks are reported on at once.
	Concurrency int

	// references are the objects that policies name.
	references references
}

// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgestacks,verbs=get;list;watch
// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgestacks/status,verbs=update
// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgestacks/finalizers,verbs=update
// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgediagnoses,verbs=delete
// +kubebuilder:rbac:groups="",resources=secrets;configmaps,verbs=get

// SetupWithManager watches stacks, their workloads and their diagnoses.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	inNamespace := handler.EnqueueRequestsFromMapFunc(r.Resolver.StacksBeside)
	b := ctrl.NewControllerManagedBy(mgr)
	for _, o := range workload.Objects() {
		b.Watches(o, inNamespace)
	}
	for _, o := range []client.Object{&corev1.Pod{}, &appsv1.ReplicaSet{}} {
		b.Watches(o, inNamespace, seenByPods)
	}
	return b.
		For(&v1alpha1.BridgeStack{}).
		Watches(&v1alpha1.BridgeDiagnosis{}, gathered).
		Watches(&v1alpha1.BridgeStack{}, inNamespace, builder.WithPredicates(predicate.GenerationChangedPredicate{})). // they may claim the same
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency, NewQueue: fairqueue.For(r.Concurrency)}).
		Complete(r)
}

// seenByPods lets through what tells of workloads that are no kind of their own here.
var seenByPods = builder.WithPredicates(predicate.NewPredicateFuncs(func(o client.Object) bool { return workload.TellsOfSeen(o) }))

// gathering is how long a stack's status waits for more to be told of its incidents.
const gathering = 200 * time.Millisecond

// gathered takes what is told of a stack's diagnoses within a short time for one: an
// incident, or many at once, is one write of the stack's status. That one is over is
// told at once.
var gathered = handler.Funcs{
	CreateFunc: func(_ context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		gather(e.Object, q)
	},
	UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		gather(e.ObjectNew, q)
	},
	DeleteFunc: func(_ context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		gather(e.Object, q)
	},
}

func gather(o client.Object, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	d, ok := o.(*v1alpha1.BridgeDiagnosis)
	if !ok {
		return
	}
	request := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: d.Namespace, Name: d.Spec.Stack}}
	if d.Status.State.Final() {
		q.Add(request)
		return
	}
	q.AddAfter(request, gathering)
}

// Reconcile resolves the policy and writes what it found.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var before v1alpha1.BridgeStack
	if err := r.Client.Get(ctx, req.NamespacedName, &before); err != nil {
		r.Resolver.Forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if slices.Contains(r.Excluded, req.Namespace) {
		return r.exclude(ctx, &before)
	}
	workloads, err := r.Resolver.Workloads(ctx, req.Namespace)
	if err != nil {
		return ctrl.Result{}, err
	}
	diagnoses, err := incident.OfStack(ctx, r.Client, req.Namespace, req.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	project, err := r.Resolver.Project(ctx, &before, 0)
	if err != nil {
		return ctrl.Result{}, err
	}
	resolved := stack.ResolveProject(before.Spec, project.Known(), workloads)
	rivals, err := r.Resolver.Rivals(ctx, &before, workloads)
	if err != nil {
		return ctrl.Result{}, err
	}
	found, err := r.problems(ctx, &before, project, resolved, rivals)
	if err != nil {
		return ctrl.Result{}, err
	}
	after := before.DeepCopy()
	after.Status.Services = serviceStatuses(resolved, diagnoses, rivals)
	if after.Status.Compose, err = r.Resolver.ComposeStatus(ctx, before.Namespace, project, resolved); err != nil {
		return ctrl.Result{}, err
	}
	after.Status.Tried = attempt.Remember(before.Status.Tried, diagnoses, r.Clock.Now())
	if err = r.Reporter.Stack(ctx, &before, after, found); err == nil { // what was tried is remembered first
		err = r.deleteExpired(ctx, &before, diagnoses)
	}
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: requeue.AfterConflict}, nil
	}
	return ctrl.Result{RequeueAfter: requeue.References}, err
}

// exclude tells a stack that the cluster's admin wants nothing done in its namespace.
func (r *Reconciler) exclude(ctx context.Context, before *v1alpha1.BridgeStack) (ctrl.Result, error) {
	after := before.DeepCopy()
	after.Status.Services, after.Status.Compose = nil, nil
	err := r.Reporter.Stack(ctx, before, after, []stack.Problem{{Reason: v1alpha1.ReasonNamespaceExcluded, Field: "metadata.namespace",
		Message: fmt.Sprintf("the cluster's admin has the operator look at nothing in the namespace %s (--exclude-namespace): none of its pods is watched, probed or changed", before.Namespace)}})
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: requeue.AfterConflict}, nil
	}
	return ctrl.Result{}, err
}

// problems are what a person must put right, those of the compose project first:
// the others may come of them.
func (r *Reconciler) problems(ctx context.Context, s *v1alpha1.BridgeStack, project *resolve.ComposeProject, resolved stack.Stack, rivals []stack.Rival) ([]stack.Problem, error) {
	missing, err := r.missingReferences(ctx, s, project.DeclaredEnv())
	if err != nil {
		return nil, err
	}
	untold, err := r.Targets.Problems(ctx, s)
	if err != nil {
		return nil, err
	}
	var claimed []stack.Problem
	for _, rival := range rivals {
		claimed = append(claimed, resolved.ClaimedTwice(rival)...)
	}
	return slices.Concat(project.Problems(), resolved.Problems, claimed, missing, untold, r.Accounts.Problems(s)), nil
}

// missingReferences looks up, without reading their values, the Secrets and
// ConfigMaps that the policy, and x-bridge under it, take variables from.
func (r *Reconciler) missingReferences(ctx context.Context, s *v1alpha1.BridgeStack, more []resolve.NamedEnv) ([]stack.Problem, error) {
	var named []resolve.NamedEnv
	for i, service := range s.Spec.Services {
		for j, e := range service.Env {
			named = append(named, resolve.NamedEnv{DeclaredEnv: e, Service: service.Name, Field: fmt.Sprintf("spec.services[%d].env[%d]", i, j)})
		}
	}
	var out []stack.Problem
	lookup := r.references.lookup(r.APIReader, s.Namespace, r.Clock.Now())
	for _, e := range append(named, more...) {
		kind, name := resolve.Reference(e.DeclaredEnv)
		if name == "" {
			continue
		}
		exists, err := lookup.exists(ctx, kind, name)
		switch {
		case err == nil && !exists:
			out = append(out, stack.Problem{Reason: v1alpha1.ReasonReferenceNotFound,
				Field:   e.Field + ".valueFrom",
				Message: fmt.Sprintf("%s %q does not exist in this namespace; %s of service %q cannot be set from it", kind, name, e.Name, e.Service)})
		case err != nil:
			return nil, fmt.Errorf("looking up %s %s/%s, which the policy names: %w", kind, s.Namespace, name, err)
		}
	}
	return out, nil
}

// deleteExpired ends the lives of diagnoses that are over for long enough.
func (r *Reconciler) deleteExpired(ctx context.Context, s *v1alpha1.BridgeStack, diagnoses []v1alpha1.BridgeDiagnosis) error {
	var failed []error
	for _, d := range incident.RetentionOf(s.Spec.Diagnosis).Expired(diagnoses, r.Clock.Now()) {
		// Not what was made anew, or changed, under this name in the meantime.
		only := client.Preconditions{UID: &d.UID, ResourceVersion: &d.ResourceVersion}
		err := r.Client.Delete(ctx, &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name}}, only)
		if client.IgnoreNotFound(err) != nil {
			failed = append(failed, fmt.Errorf("deleting diagnosis %s/%s, which is over: %w", d.Namespace, d.Name, err))
			continue
		}
		ctrl.LoggerFrom(ctx).Info("deleted a diagnosis whose incident is long over", "stack", s.Name, "service", d.Spec.Service, "diagnosis", d.Name, "cause", d.Status.Cause)
	}
	return errors.Join(failed...)
}

// serviceStatuses says of each service how it is.
func serviceStatuses(s stack.Stack, diagnoses []v1alpha1.BridgeDiagnosis, rivals []stack.Rival) []v1alpha1.ServiceStatus {
	open := map[string]*v1alpha1.BridgeDiagnosis{}
	for i := range diagnoses {
		if d := &diagnoses[i]; !d.Status.State.Final() {
			open[d.Spec.Service] = d
		}
	}
	out := make([]v1alpha1.ServiceStatus, 0, len(s.Services))
	for _, service := range s.Services {
		status := serviceStatus(service, open[service.Name])
		if rival := watchedBy(service, rivals); rival != "" {
			status.Message = text.Clip(fmt.Sprintf("watched by stack %q; %s", rival, status.Message), maxServiceMessage)
		}
		out = append(out, status)
	}
	return out
}

// maxServiceMessage is in bytes.
const maxServiceMessage = 512

// watchedBy is the older stack that has a service's workload, empty where none does.
func watchedBy(service stack.Service, rivals []stack.Rival) string {
	for _, rival := range rivals {
		if w := service.Workload; w != nil && rival.Older {
			if _, claimed := rival.Stack.ByWorkload(w.Kind, w.Name); claimed {
				return rival.Name
			}
		}
	}
	return ""
}

func serviceStatus(service stack.Service, open *v1alpha1.BridgeDiagnosis) v1alpha1.ServiceStatus {
	status := v1alpha1.ServiceStatus{Name: service.Name}
	if w := service.Workload; w != nil {
		status.Workload = w.String()
	}
	switch {
	case open != nil:
		status.Diagnosis = open.Name
		status.Message = string(open.Status.Cause)
		if status.Message == "" {
			status.Message = "being diagnosed"
		}
	case service.External:
		status.Healthy = true
		status.Message = "external"
	case service.Workload == nil:
		status.Message = "no workload"
	default:
		status.Healthy, status.Message = service.Workload.Available(), service.Workload.Says()
	}
	return status
}
