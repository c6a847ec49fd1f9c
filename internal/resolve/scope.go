package resolve

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/observe"
)

// Scope says, for the guard of what is dialed, which addresses belong to a stack's
// namespace: those of its pods, and of its Services, which lead to these pods.
func (r *Resolver) Scope(ctx context.Context, stack types.NamespacedName) (egress.Scope, error) {
	services, pods, err := r.networkOf(ctx, stack.Namespace)
	if err != nil {
		return egress.Scope{}, err
	}
	return egress.Scope{Namespace: stack.Namespace, Stack: stack.Name, Owned: owned(pods), Behind: behind(services, pods)}, nil
}

// ReceiverScope says where a stack's messages may go within its namespace: to
// Services whose owner marked them as receivers. What else listens there, such as
// a database's HTTP interface, is not for a stack's author to send requests to.
func (r *Resolver) ReceiverScope(ctx context.Context, stack types.NamespacedName) (egress.Scope, error) {
	services, pods, err := r.networkOf(ctx, stack.Namespace, client.MatchingLabels{v1alpha1.LabelReceiver: "true"})
	if err != nil {
		return egress.Scope{}, err
	}
	owners := fmt.Sprintf("a Service of namespace %s with the label %s: \"true\"", stack.Namespace, v1alpha1.LabelReceiver)
	return egress.Scope{Namespace: stack.Namespace, Stack: stack.Name, Behind: behind(services, pods), Owners: owners}, nil
}

// networkOf are a namespace's Services, some of them only, and its pods.
func (r *Resolver) networkOf(ctx context.Context, namespace string, some ...client.ListOption) ([]corev1.Service, []corev1.Pod, error) {
	var services corev1.ServiceList
	var pods corev1.PodList
	if err := r.Client.List(ctx, &services, append(some, client.InNamespace(namespace), client.UnsafeDisableDeepCopy)...); err != nil {
		return nil, nil, fmt.Errorf("listing Services for the guard of what is dialled: %w", err)
	}
	if err := r.Client.List(ctx, &pods, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("listing Pods for the guard of what is dialled: %w", err)
	}
	return services.Items, pods.Items, nil
}

// owned reports which addresses are those of pods.
func owned(pods []corev1.Pod) func(netip.Addr) bool {
	all := map[netip.Addr]bool{}
	for i := range pods {
		for _, a := range addressesOf(&pods[i]) {
			all[a] = true
		}
	}
	return func(a netip.Addr) bool { return all[a.Unmap()] }
}

// behind finds the pods to which a port of a Service leads. It goes by the
// Service's selector and the pods themselves, and not by EndpointSlices: those may
// be written by whoever is allowed to, whatever they say of who manages them.
func behind(services []corev1.Service, pods []corev1.Pod) func(netip.AddrPort) (egress.Backends, bool) {
	at := map[netip.Addr]*corev1.Service{}
	for i := range services {
		for _, a := range serviceAddresses(&services[i]) {
			at[a] = &services[i]
		}
	}
	return func(to netip.AddrPort) (egress.Backends, bool) {
		service, known := at[to.Addr().Unmap()]
		if !known {
			return egress.Backends{}, false
		}
		i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Port == int32(to.Port()) && (p.Protocol == corev1.ProtocolTCP || p.Protocol == "")
		})
		if i < 0 {
			return egress.Backends{}, true
		}
		return podsBehind(service, service.Spec.Ports[i], pods, to.Addr().Unmap().Is4()), true
	}
}

// podsBehind are the pods, by their addresses of one family, that a Service sends to.
func podsBehind(service *corev1.Service, port corev1.ServicePort, pods []corev1.Pod, v4 bool) egress.Backends {
	selector := labels.SelectorFromSet(service.Spec.Selector)
	var out egress.Backends
	for i := range pods {
		p := &pods[i]
		number := targetPort(port, p)
		if number == 0 || !selector.Matches(labels.Set(p.Labels)) || !takes(service, p) {
			continue
		}
		own := addressesOf(p)
		out.Others = out.Others || len(own) == 0
		for _, a := range own {
			if a.Is4() == v4 {
				out.Pods = append(out.Pods, netip.AddrPortFrom(a, number))
			}
		}
	}
	return out
}

// takes says that a Service sends to a pod that it selects. To one that is about to
// end kube-proxy sends only where there is no other.
func takes(service *corev1.Service, p *corev1.Pod) bool {
	_, ready := observe.ReadySince(p)
	return p.Status.Phase == corev1.PodRunning && (ready || service.Spec.PublishNotReadyAddresses)
}

// targetPort is a Service's port as a pod has it, 0 where it has none of that name.
func targetPort(port corev1.ServicePort, p *corev1.Pod) uint16 {
	target := port.TargetPort
	if target.Type == intstr.Int {
		return uint16(cmp.Or(target.IntVal, port.Port))
	}
	sidecars := slices.DeleteFunc(slices.Clone(p.Spec.InitContainers), func(c corev1.Container) bool {
		return c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways
	})
	for _, c := range slices.Concat(p.Spec.Containers, sidecars) {
		for _, named := range c.Ports {
			if named.Name == target.StrVal && (named.Protocol == corev1.ProtocolTCP || named.Protocol == "") {
				return uint16(named.ContainerPort)
			}
		}
	}
	return 0
}

// Addresses are those of Services, then those of pods.
func Addresses(services []corev1.Service, pods []corev1.Pod) []netip.Addr {
	var out []netip.Addr
	for i := range services {
		out = append(out, serviceAddresses(&services[i])...)
	}
	for i := range pods {
		out = append(out, addressesOf(&pods[i])...)
	}
	return out
}

// serviceAddresses are none of a Service without a selector: its endpoints are
// whatever someone wrote.
func serviceAddresses(s *corev1.Service) []netip.Addr {
	if len(s.Spec.Selector) == 0 {
		return nil
	}
	return parsed(s.Spec.ClusterIPs)
}

// addressesOf a pod are none of one on the host's network, nor of one that does not
// run: the address of one that ended is given to another pod, of whatever namespace.
func addressesOf(p *corev1.Pod) []netip.Addr {
	if p.Spec.HostNetwork || p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil {
		return nil
	}
	var own []string
	for _, ip := range p.Status.PodIPs {
		if !ofHost(p, ip.IP) {
			own = append(own, ip.IP)
		}
	}
	return parsed(own)
}

func parsed(texts []string) []netip.Addr {
	var out []netip.Addr
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil {
			out = append(out, a.Unmap())
		}
	}
	return out
}

func ofHost(p *corev1.Pod, ip string) bool {
	return ip == p.Status.HostIP || slices.ContainsFunc(p.Status.HostIPs, func(h corev1.HostIP) bool { return h.IP == ip })
}
