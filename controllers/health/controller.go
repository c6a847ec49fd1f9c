// Package health asks the stacks' HTTP health endpoints.
package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/fairqueue"
	"github.com/bridgestack/operator/internal/healthcheck"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/metrics"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/probe"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// Reconciler asks the stacks' HTTP health endpoints, and opens a
// BridgeDiagnosis for a service that fails though nothing of it restarts.
type Reconciler struct {
	// Within are the namespaces that are looked at.
	Within   predicate.Predicate
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
	// Concurrency is of how many stacks endpoints are asked at once.
	Concurrency int
}

// SetupWithManager watches policies; the clock does the rest.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("health").
		WithEventFilter(r.Within).
		For(&v1alpha1.BridgeStack{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency, NewQueue: fairqueue.For(r.Concurrency)}).
		Complete(r)
}

// Reconcile asks each endpoint once. It writes nothing unless one fails too often.
// What goes wrong with one service keeps none of the others from being asked in time.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	began := r.Clock.Now()
	owner, resolved, err := r.Resolver.StackNamed(ctx, req.NamespacedName)
	if owner == nil {
		r.Memory.Forget(req.NamespacedName)
	}
	if err != nil || owner == nil {
		return ctrl.Result{}, err
	}
	endpoints := slices.DeleteFunc(slices.Clone(resolved.Services), func(s stack.Service) bool {
		return s.Endpoint == nil || s.Endpoint.HTTP == nil || s.External || s.Workload == nil
	})
	r.Memory.Keep(req.NamespacedName, names(endpoints))
	if len(endpoints) == 0 {
		r.Memory.Forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	scope, err := r.Resolver.Scope(ctx, req.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	r.checkAll(ctx, endpoints, func(ctx context.Context, service stack.Service) error {
		return r.check(ctx, owner, resolved.Policy, service, scope)
	})
	// A round may take long: the next one begins a period after it began.
	period := detect.HealthPeriod(resolved.Policy.Detection())
	return ctrl.Result{RequeueAfter: max(period-r.Clock.Since(began), shortestPause)}, nil
}

const (
	// checkedAtOnce bounds the endpoints of one stack that are asked at a time.
	checkedAtOnce = 16
	// roundTimeout bounds a round: with the most services of a stack, 64 declared and
	// some more of a selector, and each endpoint's own time-out it takes a third.
	roundTimeout = time.Minute
	// shortestPause between two rounds.
	shortestPause = time.Second
)

// checkAll services, some at a time, and log what fails.
func (r *Reconciler) checkAll(ctx context.Context, services []stack.Service, check func(context.Context, stack.Service) error) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	turn := make(chan struct{}, checkedAtOnce)
	var wait sync.WaitGroup
	for _, service := range services {
		wait.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			if ctx.Err() != nil {
				return
			}
			err := check(ctx, service)
			if err != nil && !errors.Is(err, incident.ErrStaleView) { // the next round sees more
				ctrl.LoggerFrom(ctx).Error(err, "failed to check a health endpoint", "service", service.Name)
			}
		})
	}
	wait.Wait()
}

func names(services []stack.Service) []string {
	var out []string
	for _, s := range services {
		out = append(out, s.Name)
	}
	return out
}

// check asks one service's endpoint and opens a diagnosis where it failed too often.
func (r *Reconciler) check(ctx context.Context, owner *v1alpha1.BridgeStack, policy stack.Policy, service stack.Service, scope egress.Scope) error {
	target, declared := server.Declared(service.Service)
	w := service.Workload.Ref(owner.Namespace)
	container, err := r.containerOf(ctx, w, service.Endpoint.HTTP.Port)
	if err != nil || container == "" {
		return err
	}
	pod, err := r.running(ctx, w, container, detect.HealthPeriod(policy.Detection()))
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
	if ctx.Err() != nil {
		return ctx.Err() // the round ended, not the endpoint's time
	}
	r.Metrics.Health(client.ObjectKeyFromObject(owner), service.Name, answer.Outcome())
	seen := r.Memory.Record(client.ObjectKeyFromObject(owner), service.Name, answer, rules, r.Clock.Now())
	if before.Open || !seen.History.Failing(rules, r.Clock.Now()).Looping {
		return nil
	}
	return r.Opener.Open(ctx, incident.Incident{Stack: owner, Service: service.Name, Workload: w, Container: container, Symptom: v1alpha1.SymptomHealthEndpointFailing}, before)
}

// defaultContainer is the annotation by which a pod names the container that kubectl
// means where none is named; meshes set it to the application's.
const defaultContainer = "kubectl.kubernetes.io/default-container"

// containerOf is the container that an endpoint is of, empty where there is none: one
// of the workload's own template, so that none which a mesh puts into pods is taken
// for it. It is the one that declares the port, else the default one, else the first.
func (r *Reconciler) containerOf(ctx context.Context, w workload.Ref, port int32) (string, error) {
	found, err := lookup.Get(ctx, r.Client, w)
	if apierrors.IsNotFound(err) || errors.Is(err, lookup.ErrReplaced) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading %s, whose health endpoint is asked: %w", w, err)
	}
	template := found.Template()
	first := ""
	for _, c := range template.Spec.Containers {
		if slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.ContainerPort == port }) {
			return c.Name, nil
		}
		if first == "" || c.Name == template.Annotations[defaultContainer] {
			first = c.Name
		}
	}
	return first, nil
}

// running is a pod of the workload whose container has run for a while, one that is
// ready before others; nil where there is none.
func (r *Reconciler) running(ctx context.Context, w workload.Ref, container string, atLeast time.Duration) (*corev1.Pod, error) {
	pods, err := r.Observer.Pods(ctx, w)
	var found *corev1.Pod
	for _, p := range pods {
		c, ok := observe.ContainerOf(p.Pod, container)
		if !ok || !p.DeletionTimestamp.IsZero() || c.RunningSince.IsZero() || r.Clock.Since(c.RunningSince) < atLeast {
			continue
		}
		if _, ready := observe.ReadySince(p.Pod); ready {
			return p.Pod, err
		}
		if found == nil {
			found = p.Pod
		}
	}
	return found, err
}
