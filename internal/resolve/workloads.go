package resolve

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// Workloads lists a namespace's workloads as stacks look at them.
func (r *Resolver) Workloads(ctx context.Context, namespace string) ([]stack.Workload, error) {
	// Nothing of them is changed, so they need not be copies.
	all, err := lookup.List(ctx, r.Client, namespace, client.UnsafeDisableDeepCopy)
	return stack.WorkloadsOf(all, r.Clock.Now()), err
}

// StackNamed reads a stack and resolves it with its namespace's workloads; nil where it
// is gone or being deleted.
func (r *Resolver) StackNamed(ctx context.Context, key client.ObjectKey) (*v1alpha1.BridgeStack, stack.Stack, error) {
	var owner v1alpha1.BridgeStack
	if err := r.Client.Get(ctx, key, &owner); err != nil || !owner.DeletionTimestamp.IsZero() {
		return nil, stack.Stack{}, client.IgnoreNotFound(err)
	}
	workloads, err := r.Workloads(ctx, key.Namespace)
	if err != nil {
		return &owner, stack.Stack{}, err
	}
	resolved, err := r.Stack(ctx, &owner, workloads)
	return &owner, resolved, err
}

// StacksBeside requests the stacks of an object's namespace, for who watches what may be
// part of one.
func (r *Resolver) StacksBeside(ctx context.Context, o client.Object) []reconcile.Request {
	var list v1alpha1.BridgeStackList
	if err := r.Client.List(ctx, &list, client.InNamespace(o.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing the stacks of a workload's namespace", "namespace", o.GetNamespace())
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
	}
	return requests
}

// byAge puts the older stack first.
func byAge(a, b v1alpha1.BridgeStack) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
}

// Rivals are the other stacks of a stack's namespace. One whose compose project
// cannot be read for now is resolved without it.
func (r *Resolver) Rivals(ctx context.Context, s *v1alpha1.BridgeStack, workloads []stack.Workload) ([]stack.Rival, error) {
	var list v1alpha1.BridgeStackList
	if err := r.Client.List(ctx, &list, client.InNamespace(s.Namespace)); err != nil {
		return nil, fmt.Errorf("listing the other stacks of namespace %s: %w", s.Namespace, err)
	}
	slices.SortFunc(list.Items, byAge)
	var out []stack.Rival
	for i := range list.Items {
		other := &list.Items[i]
		if other.Name == s.Name || !other.DeletionTimestamp.IsZero() {
			continue
		}
		resolved, err := r.Stack(ctx, other, workloads)
		if err != nil {
			resolved = stack.Resolve(other.Spec, workloads)
		}
		out = append(out, stack.Rival{Name: other.Name, Older: byAge(*other, *s) < 0, Stack: resolved})
	}
	return out, nil
}

// StackFor finds the stack that a workload belongs to. Where several claim it,
// the oldest one has it.
func (r *Resolver) StackFor(ctx context.Context, w workload.Ref) (*v1alpha1.BridgeStack, stack.Stack, stack.Service, error) {
	var list v1alpha1.BridgeStackList
	if err := r.Client.List(ctx, &list, client.InNamespace(w.Namespace)); err != nil {
		return nil, stack.Stack{}, stack.Service{}, fmt.Errorf("listing the stacks of namespace %s: %w", w.Namespace, err)
	}
	if len(list.Items) == 0 {
		return nil, stack.Stack{}, stack.Service{}, nil
	}
	all, err := r.Workloads(ctx, w.Namespace)
	if err != nil {
		return nil, stack.Stack{}, stack.Service{}, err
	}
	slices.SortFunc(list.Items, byAge)
	for i := range list.Items {
		if !list.Items[i].DeletionTimestamp.IsZero() {
			continue // its policy is withdrawn
		}
		resolved, err := r.Stack(ctx, &list.Items[i], all)
		if err != nil {
			return nil, stack.Stack{}, stack.Service{}, err
		}
		if service, found := resolved.ByWorkload(w.Kind, w.Name); found {
			return &list.Items[i], resolved, service, nil
		}
	}
	return nil, stack.Stack{}, stack.Service{}, nil
}
