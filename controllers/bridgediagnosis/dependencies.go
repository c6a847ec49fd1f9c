package bridgediagnosis

import (
	"cmp"
	"context"
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/internal/stack"
)

// dependencies are the services that the looping one depends on: where the
// stack says that they listen, and what the container's env makes of it. What
// the stack does not declare is taken from the env.
func (r *Reconciler) dependencies(ctx context.Context, in *round, env evidence.Env, siblings []v1alpha1.BridgeDiagnosis) ([]evidence.Dependency, error) {
	var out []evidence.Dependency
	mayReadSecrets, err := r.mayReadSecrets(ctx, in)
	if err != nil {
		return nil, err
	}
	undeclared, elsewhere := server.Undeclared(in.service.Service, in.stack.Declared(), env)
	for _, d := range slices.Concat(in.service.DependsOn, undeclared) {
		target, known := in.stack.ByName(d.Service)
		if !known {
			continue
		}
		dependency := evidence.Dependency{Service: d.Service, Condition: cmp.Or(d.Condition, v1alpha1.ServiceStarted), Required: d.Required == nil || *d.Required}
		state, address, err := r.stateOf(ctx, in, target, siblings)
		if err != nil {
			return nil, err
		}
		dependency.Workload = state
		if declared, ok := server.Declared(target.Service); ok {
			if declared.Server().Host == "" { // an HTTP endpoint without a Service: ask a pod
				declared.Servers[0].Host = address
			}
			dependency.Declared = &declared
			if configured, ok := server.Configured(declared.Protocol, env, server.Spelled{ConnectionEnv: names(d), MayReadSecrets: mayReadSecrets}); ok {
				configured.Service = d.Service
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

// mayReadSecrets asks whether the credentials that the stack's author spells out
// may be taken on his word: the stack's ServiceAccount may get the namespace's
// Secrets. Without an account nobody answers for him.
func (r *Reconciler) mayReadSecrets(ctx context.Context, in *round) (bool, error) {
	spelled := slices.ContainsFunc(in.service.DependsOn, func(d v1alpha1.Dependency) bool {
		return names(d).User != "" || names(d).Password != "" || names(d).URL != ""
	})
	if !spelled || r.Permissions.Accounts.Of(in.owner) == "" {
		return false, nil
	}
	denied, err := r.Permissions.Denied(ctx, in.owner, []plan.Right{plan.SecretsRight()})
	return denied == "", err
}

func names(d v1alpha1.Dependency) v1alpha1.ConnectionEnv {
	if d.Connection == nil {
		return v1alpha1.ConnectionEnv{}
	}
	return *d.Connection
}

// stateOf is how a dependency's own workload stands, and the address of a pod
// of it that is ready.
func (r *Reconciler) stateOf(ctx context.Context, in *round, target stack.Service, siblings []v1alpha1.BridgeDiagnosis) (state evidence.DependencyWorkload, address string, err error) {
	w := target.Workload
	if w == nil {
		return state, "", nil
	}
	state = evidence.DependencyWorkload{Known: true, Ready: w.Ready > 0}
	i := slices.IndexFunc(siblings, func(d v1alpha1.BridgeDiagnosis) bool {
		return d.Spec.Service == target.Name && !d.Status.State.Final()
	})
	if i >= 0 {
		state.Looping, state.Diagnosis = true, siblings[i].Name
	}
	pods, err := r.Observer.Pods(ctx, w.Ref(in.after.Namespace))
	if p, since, ready := observe.LongestReady(pods); ready {
		state.ReadySince, address = since, p.Status.PodIP
	}
	return state, address, err
}
