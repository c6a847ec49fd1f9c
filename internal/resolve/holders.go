package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
)

// NameHolders says of the connections that probes were told of whose they are: by
// their clients' addresses, as far as pods of the namespace have them. pods reads
// those of a workload. What could not be read leaves addresses without a name.
func (r *Resolver) NameHolders(ctx context.Context, namespace string, s stack.Stack, pods func(context.Context, workload.Ref) ([]observe.Pod, error), probes []evidence.Probe) error {
	if !slices.ContainsFunc(probes, func(p evidence.Probe) bool { return len(p.Holders) > 0 }) {
		return nil
	}
	var all corev1.PodList
	if err := r.Client.List(ctx, &all, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing Pods, to name the clients of a server: %w", err)
	}
	names := map[string]evidence.Holder{}
	for i := range all.Items {
		for _, a := range addressesOf(&all.Items[i]) {
			names[a.String()] = evidence.Holder{Pod: all.Items[i].Name}
		}
	}
	var unread error
	for _, service := range s.Services {
		if service.Workload == nil || service.Workload.Gone {
			continue
		}
		own, err := pods(ctx, service.Workload.Ref(namespace))
		unread = errors.Join(unread, err)
		for _, p := range own {
			for _, a := range addressesOf(p.Pod) {
				names[a.String()] = evidence.Holder{Service: service.Name, Pod: p.Name}
			}
		}
	}
	for i := range probes {
		for j := range probes[i].Holders {
			h := &probes[i].Holders[j]
			h.Service, h.Pod = names[h.Address].Service, names[h.Address].Pod
		}
	}
	return unread
}
