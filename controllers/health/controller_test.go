package health

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/workload"
)

// A mesh puts its proxy into pods and not into the workload's template: an incident is
// of the container that serves the endpoint.
func TestContainerOfAnEndpoint(t *testing.T) {
	ports := func(n int32) []corev1.ContainerPort { return []corev1.ContainerPort{{ContainerPort: n}} }
	for name, c := range map[string]struct {
		containers  []corev1.Container
		annotations map[string]string
		want        string
	}{
		"the only one":             {[]corev1.Container{{Name: "app"}}, nil, "app"},
		"the one with the port":    {[]corev1.Container{{Name: "agent", Ports: ports(9000)}, {Name: "app", Ports: ports(8080)}}, nil, "app"},
		"the default one":          {[]corev1.Container{{Name: "agent"}, {Name: "app"}}, map[string]string{defaultContainer: "app"}, "app"},
		"the port before that one": {[]corev1.Container{{Name: "agent", Ports: ports(8080)}, {Name: "app"}}, map[string]string{defaultContainer: "app"}, "agent"},
		"else the first":           {[]corev1.Container{{Name: "app"}, {Name: "agent"}}, nil, "app"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api", UID: "d"}}
			d.Spec.Template.Annotations, d.Spec.Template.Spec.Containers = c.annotations, c.containers
			r := &Reconciler{Client: fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(d).Build()}
			got, err := r.containerOf(t.Context(), workload.Ref{Kind: v1alpha1.Deployment, Namespace: "shop", Name: "api", UID: "d"}, 8080)
			if err != nil || got != c.want {
				t.Errorf("it is %q, want %q: %v", got, c.want, err)
			}
		})
	}
}

// The pod that is asked is one whose container, and not whose proxy, has run for a while.
func TestPodThatIsAsked(t *testing.T) {
	now := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	yes := true
	labels := map[string]string{"app": "api"}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api", UID: "d"}, Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}}}
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1", UID: "rs", Labels: labels,
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "api", UID: "d", Controller: &yes}}}}
	running := func(name string, ago time.Duration) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now.Add(-ago))}}}
	}
	for name, c := range map[string]struct {
		app   time.Duration
		asked bool
	}{
		"the container has run for an hour": {time.Hour, true},
		"it was restarted a moment ago":     {5 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1-a", UID: "p", Labels: labels,
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "api-1", UID: "rs", Controller: &yes}}},
				Spec:   corev1.PodSpec{Containers: []corev1.Container{{Name: "istio-proxy"}, {Name: "app"}}},
				Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{running("istio-proxy", time.Hour), running("app", c.app)}},
			}
			cl := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(d, set, pod).Build()
			r := &Reconciler{Client: cl, Observer: observe.New(observe.Options{Cached: cl, Live: cl}), Clock: clocktesting.NewFakePassiveClock(now)}
			got, err := r.running(t.Context(), workload.Ref{Kind: v1alpha1.Deployment, Namespace: "shop", Name: "api", UID: "d"}, "app", 30*time.Second)
			if err != nil || got != nil != c.asked {
				t.Errorf("asked: %t, want %t: %v", got != nil, c.asked, err)
			}
		})
	}
}
