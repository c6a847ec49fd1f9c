// Package bridgestack resolves policies and reports what is seen of their stacks.
package bridgestack

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/notify"
	"github.com/bridgestack/operator/internal/permission"
	"github.com/bridgestack/operator/internal/report"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/stack"
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
}

// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgestacks,verbs=get;list;watch
// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgestacks/status,verbs=update
// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgestacks/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets;configmaps,verbs=get

// SetupWithManager watches stacks, their workloads and their diagnoses.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	inNamespace := handler.EnqueueRequestsFromMapFunc(r.stacksInNamespace)
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.BridgeStack{}).
		Watches(&v1alpha1.BridgeDiagnosis{}, gathered).
		Watches(&appsv1.Deployment{}, inNamespace).
		Watches(&appsv1.StatefulSet{}, inNamespace).
		Watches(&appsv1.DaemonSet{}, inNamespace).
		Complete(r)
}

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

func (r *Reconciler) stacksInNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	var list v1alpha1.BridgeStackList
	if err := r.Client.List(ctx, &list, client.InNamespace(o.GetNamespace())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing the stacks of a workload's namespace", "namespace", o.GetNamespace())
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
	}
	return requests
}

// Reconcile resolves the policy and writes what it found.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var before v1alpha1.BridgeStack
	if err := r.Client.Get(ctx, req.NamespacedName, &before); err != nil {
		r.Resolver.Forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
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
	found, err := r.problems(ctx, &before, project, resolved)
	if err != nil {
		return ctrl.Result{}, err
	}
	after := before.DeepCopy()
	after.Status.Services = serviceStatuses(resolved, diagnoses)
	if after.Status.Compose, err = r.Resolver.ComposeStatus(ctx, before.Namespace, project, resolved); err != nil {
		return ctrl.Result{}, err
	}
	err = r.Reporter.Stack(ctx, &before, after, found)
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: requeue.AfterConflict}, nil
	}
	return ctrl.Result{RequeueAfter: requeue.References}, err
}

// problems are what a person must put right, those of the compose project first:
// the others may come of them.
func (r *Reconciler) problems(ctx context.Context, s *v1alpha1.BridgeStack, project *resolve.ComposeProject, resolved stack.Stack) ([]report.Problem, error) {
	missing, err := r.missingReferences(ctx, s, project.DeclaredEnv())
	if err != nil {
		return nil, err
	}
	untold, err := r.Targets.Problems(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []report.Problem
	for _, p := range slices.Concat(project.Problems(), resolved.Problems, missing, untold, r.Accounts.Problems(s)) {
		out = append(out, report.Problem{Reason: p.Reason, Text: p.String()})
	}
	return out, nil
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
	for _, e := range append(named, more...) {
		kind, name := resolve.Reference(e.DeclaredEnv)
		if name == "" {
			continue
		}
		object := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: kind}}
		err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: name}, object)
		switch {
		case apierrors.IsNotFound(err):
			out = append(out, stack.Problem{Reason: v1alpha1.ReasonReferenceNotFound,
				Field:   e.Field + ".valueFrom",
				Message: fmt.Sprintf("%s %q does not exist in this namespace; %s of service %q cannot be set from it", kind, name, e.Name, e.Service)})
		case err != nil:
			return nil, fmt.Errorf("looking up %s %s/%s, which the policy names: %w", kind, s.Namespace, name, err)
		}
	}
	return out, nil
}

// serviceStatuses says of each service how it is.
func serviceStatuses(s stack.Stack, diagnoses []v1alpha1.BridgeDiagnosis) []v1alpha1.ServiceStatus {
	open := map[string]*v1alpha1.BridgeDiagnosis{}
	for i := range diagnoses {
		if d := &diagnoses[i]; !d.Status.State.Final() {
			open[d.Spec.Service] = d
		}
	}
	out := make([]v1alpha1.ServiceStatus, 0, len(s.Services))
	for _, service := range s.Services {
		out = append(out, serviceStatus(service, open[service.Name]))
	}
	return out
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
	case !service.Workload.Available():
		status.Message = fmt.Sprintf("%d of %d ready", service.Workload.Ready, service.Workload.Wanted)
	default:
		status.Healthy = true
	}
	return status
}
