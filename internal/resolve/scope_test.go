package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/observe"
)

func pod(change func(*corev1.Pod)) corev1.Pod {
	p := corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.244.3.7", PodIPs: []corev1.PodIP{{IP: "10.244.3.7"}, {IP: "fd00::7"}},
		HostIP: "10.89.0.2", HostIPs: []corev1.HostIP{{IP: "10.89.0.2"}, {IP: "fd89::2"}}}}
	change(&p)
	return p
}

// What a namespace owns is asked of the pods as the cache keeps them.
func TestWhichAddressesANamespaceOwns(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*corev1.Pod)
		want   int
	}{
		"a pod that runs":                             {func(*corev1.Pod) {}, 2},
		"one that ended":                              {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, 0},
		"one that failed":                             {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, 0},
		"one that is not there yet":                   {func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }, 0},
		"one that goes":                               {func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Now()} }, 0},
		"on the host's network":                       {func(p *corev1.Pod) { p.Spec.HostNetwork = true }, 0},
		"with the host's address of the other family": {func(p *corev1.Pod) { p.Status.PodIPs = []corev1.PodIP{{IP: "10.244.3.7"}, {IP: "fd89::2"}} }, 1},
	} {
		p := pod(test.change)
		kept, err := observe.Transform(&p)
		if err != nil {
			t.Fatal(err)
		}
		if got := Addresses(nil, []corev1.Pod{*kept.(*corev1.Pod)}); len(got) != test.want {
			t.Errorf("%s: owned are %v", name, got)
		}
	}
}

// hostile is a namespace whose tenant may write EndpointSlices: what each names is no
// pod of his. The fake client has them as the API server would.
func hostile(t *testing.T) (*Resolver, map[string]string) {
	t.Helper()
	running := func(name, namespace, ip string, change ...func(*corev1.Pod)) *corev1.Pod {
		p := pod(func(p *corev1.Pod) {
			p.Namespace, p.Name, p.Labels = namespace, name, map[string]string{"app": name}
			p.Status.PodIP, p.Status.PodIPs = ip, []corev1.PodIP{{IP: ip}}
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
			p.Spec.Containers = []corev1.Container{{Name: "main", Ports: []corev1.ContainerPort{{Name: "sql", ContainerPort: 6432}}}}
		})
		for _, c := range change {
			c(&p)
		}
		kept, err := observe.Transform(&p)
		if err != nil {
			t.Fatal(err)
		}
		out := kept.(*corev1.Pod)
		if out.DeletionTimestamp != nil { // the fake client has no other that goes
			out.Finalizers = []string{"example.com/held"}
		}
		return out
	}
	service := func(name, ip string, target intstr.IntOrString, change ...func(*corev1.Service)) *corev1.Service {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{v1alpha1.LabelReceiver: "true"}}, Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": name}, ClusterIPs: []string{ip}, Ports: []corev1.ServicePort{{Port: 5432, TargetPort: target}, {Port: 53, Protocol: corev1.ProtocolUDP}}}}
		for _, c := range change {
			c(s)
		}
		return s
	}
	slice := func(of, address string) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: of + "-x", Labels: map[string]string{
			discoveryv1.LabelServiceName: of, discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io"}}, AddressType: discoveryv1.AddressTypeIPv4,
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{address}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: of}}}}
	}
	unready := func(p *corev1.Pod) { p.Status.Conditions = nil }
	c := fake.NewClientBuilder().WithObjects(
		running("db", "shop", "10.244.1.1"), service("db", "10.96.1.1", intstr.FromInt32(5433)), slice("db", "10.244.9.9"),
		running("named", "shop", "10.244.1.2"), service("named", "10.96.1.2", intstr.FromString("sql")), slice("named", "10.89.0.2"),
		service("empty", "10.96.1.3", intstr.FromInt32(5432)), slice("empty", "10.244.9.9"),
		running("host", "shop", "10.89.0.2", func(p *corev1.Pod) { p.Spec.HostNetwork = true }), service("host", "10.96.1.4", intstr.FromInt32(10250)),
		running("goes", "shop", "10.244.1.5", func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Now()} }), service("goes", "10.96.1.5", intstr.FromInt32(5432)),
		running("ended", "shop", "10.244.1.6", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }), service("ended", "10.96.1.6", intstr.FromInt32(5432)),
		running("starts", "shop", "10.244.1.7", unready), service("starts", "10.96.1.7", intstr.FromInt32(5432)),
		running("early", "shop", "10.244.1.8", unready), service("early", "10.96.1.8", intstr.FromInt32(5432), func(s *corev1.Service) { s.Spec.PublishNotReadyAddresses = true }),
		service("pointed", "10.96.1.9", intstr.FromInt32(5432), func(s *corev1.Service) { s.Spec.Selector = nil }), slice("pointed", "10.244.9.9"),
		running("db", "other", "10.244.9.9"),
	).Build()
	return &Resolver{Client: c}, map[string]string{
		"10.96.1.1:5432": "10.244.1.1:5433", "10.96.1.2:5432": "10.244.1.2:6432", // and not what their slices name
		"10.96.1.3:5432": "", "10.96.1.4:5432": "", "10.96.1.5:5432": "", "10.96.1.6:5432": "", "10.96.1.7:5432": "", "10.96.1.9:5432": "",
		"10.96.1.8:5432": "10.244.1.8:5432",
		"10.96.1.1:5433": "", "10.96.1.1:53": "", // ports that it has not
		"10.244.9.9:5432": "", "10.89.0.2:10250": "", // what a headless Service's name would lead to
	}
}

// Whoever may write EndpointSlices leads a Service of his to another tenant's pod, or
// to a node. The operator goes there by no Service: it dials pods of the namespace.
func TestEndpointSlicesProveNothing(t *testing.T) {
	r, want := hostile(t)
	stack := types.NamespacedName{Namespace: "shop", Name: "evil"}
	for name, of := range map[string]func(context.Context, types.NamespacedName) (egress.Scope, error){"probes and Git": r.Scope, "receivers": r.ReceiverScope} {
		scope, err := of(t.Context(), stack)
		if err != nil || scope.Stack != "evil" || scope.Namespace != "shop" {
			t.Fatalf("%s: the scope is %+v: %v", name, scope, err)
		}
		// A Service whose pods answer at an address that is not theirs alone is not
		// known to refuse: kube-proxy leads to them.
		for address, refuses := range map[string]bool{"10.96.1.3:5432": true, "10.96.1.7:5432": true, "10.96.1.6:5432": true, "10.96.1.4:5432": false, "10.96.1.5:5432": false} {
			if _, err := egress.New(egress.Options{}).DialAddress(t.Context(), scope, address); errors.Is(err, syscall.ECONNREFUSED) != refuses || errors.Is(err, egress.ErrNotAllowed) == refuses {
				t.Errorf("%s: %s refuses: want %v, got %v", name, address, refuses, err)
			}
		}
		elsewhere := 0
		for address, dials := range want {
			var dialled []string
			d := egress.New(egress.Options{Connect: func(_ context.Context, _, address string) (net.Conn, error) {
				dialled = append(dialled, address)
				return nil, errors.New("not in this test")
			}})
			_, err := d.DialAddress(t.Context(), scope, address)
			if got := strings.Join(dialled, " "); got != dials {
				elsewhere++
				t.Errorf("%s: %s leads to %q, want %q (%v)", name, address, got, dials, err)
			}
		}
		t.Logf("security: %d Services and addresses of a tenant who writes EndpointSlices: %d lead out of the namespace", len(want), elsewhere)
	}
}

// Messages go to Services that say that they are receivers, and to no pod.
func TestReceiversOptIn(t *testing.T) {
	service := func(name, ip string, labels map[string]string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: labels},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"app": name}, ClusterIPs: []string{ip}}}
	}
	p := pod(func(p *corev1.Pod) { p.Namespace, p.Name = "shop", "api" })
	c := fake.NewClientBuilder().WithObjects(&p, service("hook", "10.96.0.7", map[string]string{v1alpha1.LabelReceiver: "true"}), service("elasticsearch", "10.96.0.8", nil)).Build()
	scope, err := (&Resolver{Client: c}).ReceiverScope(t.Context(), types.NamespacedName{Namespace: "shop", Name: "stack"})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{"10.96.0.7": true, "10.96.0.8": false, "10.244.3.7": false} {
		allowed := egress.New(egress.Options{}).Allowed(scope, "", []netip.Addr{netip.MustParseAddr(address)})
		if got := len(allowed) > 0; got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	refusal := egress.New(egress.Options{}).Check(scope, egress.Target{Host: "elasticsearch", Addresses: []netip.Addr{netip.MustParseAddr("10.96.0.8")}})
	if refusal == nil || !strings.Contains(refusal.Error(), `with the label bridgestack.dev/receiver: "true"`) {
		t.Errorf("whoever is refused is not told of the label: %v", refusal)
	}
}

// A port's name is looked for where Kubernetes looks for it: in containers, then in
// sidecars, and not in init containers that are done.
func TestTargetPortsByName(t *testing.T) {
	named := func(container string, number int32, restart *corev1.ContainerRestartPolicy) corev1.Container {
		return corev1.Container{Name: container, RestartPolicy: restart, Ports: []corev1.ContainerPort{{Name: "sql", ContainerPort: number}}}
	}
	port := corev1.ServicePort{Port: 5432, TargetPort: intstr.FromString("sql")}
	for name, test := range map[string]struct {
		spec corev1.PodSpec
		want uint16
	}{
		"a sidecar's, after that of an init container": {corev1.PodSpec{InitContainers: []corev1.Container{
			named("init", 1111, nil), named("proxy", 6432, new(corev1.ContainerRestartPolicyAlways))}}, 6432},
		"a container's, before a sidecar's": {corev1.PodSpec{Containers: []corev1.Container{named("db", 5433, nil)},
			InitContainers: []corev1.Container{named("proxy", 6432, new(corev1.ContainerRestartPolicyAlways))}}, 5433},
		"no container's": {corev1.PodSpec{InitContainers: []corev1.Container{named("init", 1111, nil)}}, 0},
	} {
		if got := targetPort(port, &corev1.Pod{Spec: test.spec}); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}
