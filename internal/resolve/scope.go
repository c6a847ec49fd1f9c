package resolve

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
)

// Scope says, for the guard of what is dialed, which addresses belong to a namespace:
// its pods' and those of its Services that select pods.
func (r *Resolver) Scope(ctx context.Context, namespace string) (egress.Scope, error) {
	var services corev1.ServiceList
	var pods corev1.PodList
	if err := r.Client.List(ctx, &services, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return egress.Scope{}, fmt.Errorf("listing Services for the probes' guard: %w", err)
	}
	if err := r.Client.List(ctx, &pods, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return egress.Scope{}, fmt.Errorf("listing Pods for the probes' guard: %w", err)
	}
	return egress.Scope{Namespace: namespace, Owned: ownedAddresses(services.Items, pods.Items)}, nil
}

// ownedAddresses reports which addresses belong to a namespace's own pods and
// Services.
func ownedAddresses(services []corev1.Service, pods []corev1.Pod) func(netip.Addr) bool {
	owned := map[netip.Addr]bool{}
	for _, a := range Addresses(services, pods) {
		owned[a] = true
	}
	return func(a netip.Addr) bool { return owned[a.Unmap()] }
}

// Addresses are those of Services, then those of pods. Services without a
// selector do not count: their endpoints could be pointed anywhere; nor do pods
// on the host's network, nor those that do not run: the address of one that ended
// is given to another pod, of whatever namespace.
func Addresses(services []corev1.Service, pods []corev1.Pod) []netip.Addr {
	var out []netip.Addr
	add := func(text string) {
		if a, err := netip.ParseAddr(text); err == nil {
			out = append(out, a.Unmap())
		}
	}
	for _, s := range services {
		if len(s.Spec.Selector) == 0 {
			continue
		}
		for _, ip := range s.Spec.ClusterIPs {
			add(ip)
		}
	}
	for _, p := range pods {
		if p.Spec.HostNetwork || p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil {
			continue
		}
		for _, ip := range p.Status.PodIPs {
			if !ofHost(&p, ip.IP) {
				add(ip.IP)
			}
		}
	}
	return out
}

func ofHost(p *corev1.Pod, ip string) bool {
	return ip == p.Status.HostIP || slices.ContainsFunc(p.Status.HostIPs, func(h corev1.HostIP) bool { return h.IP == ip })
}

// ReceiverScope says where a stack's messages may go within its namespace: to
// Services whose owner marked them as receivers. What else listens there, such as
// a database's HTTP interface, is not for a stack's author to send requests to.
func (r *Resolver) ReceiverScope(ctx context.Context, namespace string) (egress.Scope, error) {
	var services corev1.ServiceList
	if err := r.Client.List(ctx, &services, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelReceiver: "true"}, client.UnsafeDisableDeepCopy); err != nil {
		return egress.Scope{}, fmt.Errorf("listing the Services that are receivers: %w", err)
	}
	owners := fmt.Sprintf("a Service of namespace %s with the label %s: \"true\"", namespace, v1alpha1.LabelReceiver)
	return egress.Scope{Namespace: namespace, Owned: ownedAddresses(services.Items, nil), Owners: owners}, nil
}
