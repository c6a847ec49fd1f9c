package resolve

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// Messages go to Services that say that they are receivers, and to no pod.
func TestReceiversOptIn(t *testing.T) {
	service := func(name, ip string, labels map[string]string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: labels},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"app": name}, ClusterIPs: []string{ip}}}
	}
	p := pod(func(p *corev1.Pod) { p.Namespace, p.Name = "shop", "api" })
	c := fake.NewClientBuilder().WithObjects(&p, service("hook", "10.96.0.7", map[string]string{v1alpha1.LabelReceiver: "true"}), service("elasticsearch", "10.96.0.8", nil)).Build()
	scope, err := (&Resolver{Client: c}).ReceiverScope(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{"10.96.0.7": true, "10.96.0.8": false, "10.244.3.7": false} {
		if got := scope.Owned(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	refusal := egress.New(egress.Options{}).Check(scope, egress.Target{Host: "elasticsearch", Addresses: []netip.Addr{netip.MustParseAddr("10.96.0.8")}})
	if refusal == nil || !strings.Contains(refusal.Error(), `with the label bridgestack.dev/receiver: "true"`) {
		t.Errorf("whoever is refused is not told of the label: %v", refusal)
	}
}
