package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// Dependent is a service whose dependencies are asked for.
type Dependent struct {
	Namespace string
	Stack     stack.Stack
	Service   stack.Service
	// Env of its container.
	Env evidence.Env
	// MayReadSecrets says that the stack's author may: see server.Spelled.
	MayReadSecrets bool
	// Diagnoses of the stack.
	Diagnoses []v1alpha1.BridgeDiagnosis
	// Pods reads those of a workload.
	Pods func(context.Context, workload.Ref) ([]observe.Pod, error)
}

// Dependencies are the services that the looping one depends on: where the
// stack says that they listen, and what the container's env makes of it. What
// the stack does not declare is taken from the env.
func (d Dependent) Dependencies(ctx context.Context) ([]evidence.Dependency, error) {
	var out []evidence.Dependency
	undeclared, elsewhere := server.Undeclared(d.Service.Service, d.Stack.Declared(), d.Env)
	for _, on := range slices.Concat(d.Service.DependsOn, undeclared) {
		target, known := d.Stack.ByName(on.Service)
		if !known {
			continue
		}
		dependency := evidence.Dependency{Service: on.Service, Condition: cmp.Or(on.Condition, v1alpha1.ServiceStarted), Required: on.Required == nil || *on.Required}
		state, address, err := d.stateOf(ctx, target, dependency.Condition)
		if err != nil {
			return nil, err
		}
		dependency.Workload = state
		if declared, ok := server.Declared(target.Service); ok {
			if declared.Server().Host == "" { // an HTTP endpoint without a Service: ask a pod
				declared.Servers[0].Host = address
			}
			dependency.Declared = &declared
			spelled := server.Spelled{ConnectionEnv: server.ConnectionEnvOf(on), MayReadSecrets: d.MayReadSecrets}
			if configured, ok := server.Configured(declared.Protocol, d.Env, spelled); ok {
				configured.Service = on.Service
				dependency.Configured = &configured
			}
		}
		dependency.Topics = server.Topics(target.Endpoint)
		out = append(out, dependency)
	}
	for _, c := range elsewhere {
		out = append(out, evidence.Dependency{Service: c.Service, Required: true, Configured: &c})
	}
	return out, nil
}

// stateOf is how a dependency's own workload stands, and the address of a pod
// of it that is ready.
func (d Dependent) stateOf(ctx context.Context, target stack.Service, condition v1alpha1.DependencyCondition) (state evidence.DependencyWorkload, address string, err error) {
	w := target.Workload
	if w == nil || w.Gone {
		return state, "", nil
	}
	state = evidence.DependencyWorkload{Known: true, Object: w.String(), Ready: w.Serves(condition)}
	state.ScaledToZero = w.Wanted == 0 && w.Run == nil && !state.Ready
	i := slices.IndexFunc(d.Diagnoses, func(d v1alpha1.BridgeDiagnosis) bool {
		return d.Spec.Service == target.Name && !d.Status.State.Final()
	})
	if i >= 0 {
		state.Looping, state.Diagnosis = true, d.Diagnoses[i].Name
	}
	if w.Run != nil && w.Run.State == workload.RunSucceeded {
		state.ReadySince = w.Run.Ended
		return state, "", nil
	}
	pods, err := d.Pods(ctx, w.Ref(d.Namespace))
	for _, p := range pods {
		if at := p.CreationTimestamp.Time; at.After(state.NewestPod) {
			state.NewestPod = at
		}
	}
	if p, since, ready := observe.LongestReady(pods); ready {
		state.ReadySince, address = since, p.Status.PodIP
	}
	return state, address, err
}

// DependencyWorkloads are what runs a service's dependencies, by the dependency's
// service name, without those that are gone.
func (r *Resolver) DependencyWorkloads(ctx context.Context, namespace string, s stack.Stack, service stack.Service) (map[string]remedy.Workload, error) {
	out := map[string]remedy.Workload{}
	for _, d := range service.DependsOn {
		target, known := s.ByName(d.Service)
		if !known || target.Workload == nil {
			continue
		}
		w, err := lookup.Get(ctx, r.Client, target.Workload.Ref(namespace))
		if apierrors.IsNotFound(err) || errors.Is(err, lookup.ErrReplaced) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s, which runs %s: %w", target.Workload, d.Service, err)
		}
		out[d.Service] = remedy.Workload{
			DiagnosedWorkload: v1alpha1.DiagnosedWorkload{Kind: w.Kind(), Name: w.Object().GetName(), UID: w.Object().GetUID()},
			Template:          w.Template(), AllowRestart: target.AllowRestart,
		}
	}
	return out, nil
}
