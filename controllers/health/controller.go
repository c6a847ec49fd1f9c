// Package health asks the stacks' HTTP health endpoints.
package health

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/connection"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/healthcheck"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/metrics"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/probe"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
)

// askedAtOnce bounds the endpoints of one stack that are asked at a time.
const askedAtOnce = 4

// Reconciler asks the stacks' HTTP health endpoints, and opens a
// BridgeDiagnosis for a service that fails though nothing of it restarts.
type Reconciler struct {
	Client   client.Client
	Observer *observe.Reader
	Prober   *probe.Prober
	Resolver *resolve.Resolver
	Opener   incident.Opener
	// Memory of what the endpoints answered.
	Memory *healthcheck.Memory
	// Metrics count the answers; nil counts nothing.
	Metrics *metrics.Metrics
	Clock   clock.PassiveClock
}

// SetupWithManager watches policies; the clock does the rest.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("health").
		For(&v1alpha1.BridgeStack{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Complete(r)
}

// Reconcile asks each endpoint once. It writes nothing unless one fails too often.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var owner v1alpha1.BridgeStack
	if err := r.Client.Get(ctx, req.NamespacedName, &owner); err != nil || !owner.DeletionTimestamp.IsZero() {
		r.Memory.Forget(req.NamespacedName)
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
	asked := slices.DeleteFunc(slices.Clone(resolved.Services), func(s stack.Service) bool {
		return s.Endpoint == nil || s.Endpoint.HTTP == nil || s.External || s.Workload == nil
	})
	if len(asked) == 0 {
		r.Memory.Forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	scope, err := r.Resolver.Scope(ctx, req.Namespace)
	if err != nil {
		return ctrl.Result{}, err
	}
	failed := make([]error, len(asked))
	turn := make(chan struct{}, askedAtOnce)
	var wait sync.WaitGroup
	for i, service := range asked {
		wait.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			failed[i] = r.check(ctx, &owner, resolved.Policy, service, scope)
		})
	}
	wait.Wait()
	return ctrl.Result{RequeueAfter: detect.HealthPeriod(resolved.Policy.Detection())}, errors.Join(failed...)
}

// check asks one service's endpoint and opens a diagnosis where it failed too often.
func (r *Reconciler) check(ctx context.Context, owner *v1alpha1.BridgeStack, policy stack.Policy, service stack.Service, scope egress.Scope) error {
	target, declared := connection.Declared(service.Service)
	w := service.Workload.Ref(owner.Namespace)
	pod, container, err := r.running(ctx, w, detect.HealthPeriod(policy.Detection()))
	if err != nil || !declared || pod == nil {
		return err // what has not begun to run has its start-up time
	}
	if target.Server().Host == "" {
		target.Servers[0].Host = pod.Status.PodIP
	}
	known, err := incident.OfStack(ctx, r.Client, owner.Namespace, owner.Name)
	if err != nil {
		return err
	}
	before := incident.HistoryOf(known, w, container)
	rules := policy.Detection()
	rules.Since = before.Recovered
	answer := r.Prober.Probe(ctx, scope, target, v1alpha1.AsDeclared)
	r.Metrics.Health(client.ObjectKeyFromObject(owner), service.Name, answer.Outcome())
	seen := r.Memory.Record(client.ObjectKeyFromObject(owner), service.Name, answer, rules, r.Clock.Now())
	if before.Open || !seen.History.Failing(rules, r.Clock.Now()).Looping {
		return nil
	}
	return r.Opener.Open(ctx, incident.Incident{Stack: owner, Service: service.Name, Workload: w, Container: container, DetectedBy: detect.ReasonHealth}, before)
}

// running is a pod of the workload that has run for a while, one that is ready
// before others, and its first container; nil where there is none.
func (r *Reconciler) running(ctx context.Context, w workload.Ref, atLeast time.Duration) (*corev1.Pod, string, error) {
	pods, err := r.Observer.Pods(ctx, w)
	var found *corev1.Pod
	for _, p := range pods {
		if len(p.Spec.Containers) == 0 || !p.DeletionTimestamp.IsZero() {
			continue
		}
		c, ok := observe.ContainerOf(p.Pod, p.Spec.Containers[0].Name)
		if !ok || c.RunningSince.IsZero() || r.Clock.Now().Sub(c.RunningSince) < atLeast {
			continue
		}
		if _, ready := observe.ReadySince(p.Pod); found == nil || ready {
			found = p.Pod
		}
		if _, ready := observe.ReadySince(found); ready {
			break
		}
	}
	if found == nil {
		return nil, "", err
	}
	return found, found.Spec.Containers[0].Name, err
}
