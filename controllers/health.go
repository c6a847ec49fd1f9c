package controllers

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/connection"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/stack"
)

// askedAtOnce bounds the endpoints of one stack that are asked at a time.
const askedAtOnce = 4

// HealthReconciler asks the stacks' HTTP health endpoints, and opens a
// BridgeDiagnosis for a service that fails though nothing of it restarts.
type HealthReconciler struct{ *Operator }

// SetupWithManager watches policies; the clock does the rest.
func (r *HealthReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("health").
		For(&v1alpha1.BridgeStack{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Complete(r)
}

// Reconcile asks each endpoint once. It writes nothing unless one fails too often.
func (r *HealthReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var owner v1alpha1.BridgeStack
	if err := r.Cached.Get(ctx, req.NamespacedName, &owner); err != nil || !owner.DeletionTimestamp.IsZero() {
		r.endpoints.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	workloads, err := r.workloads(ctx, req.Namespace)
	if err != nil {
		return ctrl.Result{}, err
	}
	resolved, err := r.resolve(ctx, &owner, workloads)
	if err != nil {
		return ctrl.Result{}, err
	}
	asked := slices.DeleteFunc(slices.Clone(resolved.Services), func(s stack.Service) bool {
		return s.Endpoint == nil || s.Endpoint.HTTP == nil || s.External || s.Workload == nil
	})
	if len(asked) == 0 {
		r.endpoints.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	scope, err := r.scope(ctx, req.Namespace)
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
	return ctrl.Result{RequeueAfter: detect.HealthPeriod(settings(resolved.Policy, time.Time{}))}, errors.Join(failed...)
}

// check asks one service's endpoint and opens a diagnosis where it failed too often.
func (r *HealthReconciler) check(ctx context.Context, owner *v1alpha1.BridgeStack, policy stack.Policy, service stack.Service, scope egress.Scope) error {
	target, declared := connection.Declared(service.Service)
	w := observe.Workload{Kind: service.Workload.Kind, Namespace: owner.Namespace, Name: service.Workload.Name, UID: types.UID(service.Workload.UID)}
	pod, container, err := r.running(ctx, w, detect.HealthPeriod(settings(policy, time.Time{})))
	if err != nil || !declared || pod == nil {
		return err // what has not begun to run has its start-up time
	}
	if target.Server().Host == "" {
		target.Servers[0].Host = pod.Status.PodIP
	}
	known, err := diagnosesOf(ctx, r.Cached, owner.Namespace, owner.Name)
	if err != nil {
		return err
	}
	before := incidentsOf(known, w, container)
	rules := settings(policy, before.recovered)
	answer := r.Prober.Probe(ctx, scope, target, v1alpha1.AsDeclared)
	r.Metrics.Health(client.ObjectKeyFromObject(owner), service.Name, answer.Outcome())
	seen := r.endpoints.saw(client.ObjectKeyFromObject(owner), service.Name, answer, rules, r.Now())
	if before.open || !seen.history.Failing(rules, r.Now()).Looping {
		return nil
	}
	return r.open(ctx, owner, service, w, container, before, detect.ReasonHealth)
}

// running is a pod of the workload that has run for a while, one that is ready
// before others, and its first container; nil where there is none.
func (r *HealthReconciler) running(ctx context.Context, w observe.Workload, atLeast time.Duration) (*corev1.Pod, string, error) {
	pods, err := r.Observer.Pods(ctx, w)
	var found *corev1.Pod
	for _, p := range pods {
		if len(p.Spec.Containers) == 0 || !p.DeletionTimestamp.IsZero() {
			continue
		}
		c, ok := observe.ContainerOf(p.Pod, p.Spec.Containers[0].Name)
		if !ok || c.RunningSince.IsZero() || r.Now().Sub(c.RunningSince) < atLeast {
			continue
		}
		if _, ready := readySince(p.Pod); found == nil || ready {
			found = p.Pod
		}
		if _, ready := readySince(found); ready {
			break
		}
	}
	if found == nil {
		return nil, "", err
	}
	return found, found.Spec.Containers[0].Name, err
}

// endpoints remembers what was seen of health endpoints, by stack and service.
// It is a cache: after a restart they are asked anew.
type endpoints struct {
	mu      sync.Mutex
	byStack map[types.NamespacedName]map[string]endpoint
}

type endpoint struct {
	history detect.Health
	// last answer, and since when all have been good, zero while they are not.
	last  evidence.Probe
	since time.Time
}

func (e *endpoints) forget(of types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.byStack, of)
}

func (e *endpoints) saw(of types.NamespacedName, service string, answer evidence.Probe, s detect.Settings, now time.Time) endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byStack == nil {
		e.byStack = map[types.NamespacedName]map[string]endpoint{}
	}
	if e.byStack[of] == nil {
		e.byStack[of] = map[string]endpoint{}
	}
	known := e.byStack[of][service]
	known.history, known.last = detect.ObserveHealth(known.history, answer.Outcome(), s, now), answer
	switch {
	case answer.Outcome() != v1alpha1.ProbePassed:
		known.since = time.Time{}
	case known.since.IsZero():
		known.since = now
	}
	e.byStack[of][service] = known
	return known
}

func (e *endpoints) of(stack types.NamespacedName, service string) (endpoint, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	known, ok := e.byStack[stack][service]
	return known, ok
}

// sortedStates are the members of infrastructure_health as a person reads them.
func sortedStates(states map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(states)) {
		out = append(out, name+" "+states[name])
	}
	return out
}
