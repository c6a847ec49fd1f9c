package stack

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func deployment(name string, labels map[string]string) Workload {
	return Workload{Kind: v1alpha1.Deployment, Name: name, Labels: labels}
}

func TestResolveFindsWorkloads(t *testing.T) {
	part := map[string]string{"app.kubernetes.io/part-of": "shop"}
	named := func(key, value string) map[string]string {
		return map[string]string{"app.kubernetes.io/part-of": "shop", key: value}
	}
	workloads := []Workload{
		deployment("shop-db", named("com.docker.compose.service", "postgres")),
		deployment("api", part),
		deployment("web-frontend", named("app.kubernetes.io/name", "web")),
		deployment("stranger", nil),
		{Kind: v1alpha1.StatefulSet, Name: "queue", Labels: nil},
	}
	s := Resolve(v1alpha1.BridgeStackSpec{
		Selector: &metav1.LabelSelector{MatchLabels: part},
		Services: []v1alpha1.Service{
			{Name: "postgres"}, {Name: "web"},
			{Name: "queue", Workload: &v1alpha1.WorkloadReference{Kind: v1alpha1.StatefulSet, Name: "queue"}},
			{Name: "mail", External: true, Endpoint: &v1alpha1.Endpoint{TCP: &v1alpha1.TCPEndpoint{Port: 25}}},
		},
	}, workloads)
	if len(s.Problems) > 0 {
		t.Errorf("problems: %v", s.Problems)
	}
	got := map[string]string{}
	for _, service := range s.Services {
		got[service.Name] = ""
		if service.Workload != nil {
			got[service.Name] = service.Workload.String()
		}
	}
	want := map[string]string{"postgres": "Deployment/shop-db", "web": "Deployment/web-frontend", "queue": "StatefulSet/queue", "mail": "", "api": "Deployment/api"}
	for name, workload := range want {
		if w, ok := got[name]; !ok || w != workload {
			t.Errorf("%s runs on %q, want %q", name, w, workload)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got services %v", got)
	}
}

func TestProblemsNameTheField(t *testing.T) {
	limited := deployment("api", nil)
	limited.MemoryLimits = map[string]resource.Quantity{"app": resource.MustParse("256Mi")}
	ceiling := resource.MustParse("128Mi")
	needs := func(names ...string) (out []v1alpha1.Dependency) {
		for _, n := range names {
			out = append(out, v1alpha1.Dependency{Service: n})
		}
		return out
	}
	for name, c := range map[string]struct {
		spec   v1alpha1.BridgeStackSpec
		reason string
		says   string
	}{
		"nothing selected": {v1alpha1.BridgeStackSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}, v1alpha1.ReasonNoWorkloadSelected, "spec.selector: "},
		"bad selector": {v1alpha1.BridgeStackSpec{Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}},
			Services: []v1alpha1.Service{{Name: "api"}}}, v1alpha1.ReasonInvalidSelector, "spec.selector: "},
		"workload missing": {v1alpha1.BridgeStackSpec{Services: []v1alpha1.Service{{Name: "api"}, {Name: "web", Workload: &v1alpha1.WorkloadReference{Name: "front"}}}},
			v1alpha1.ReasonWorkloadNotFound, `spec.services[1].workload.name: service "web" names Deployment/front`},
		"claimed twice": {v1alpha1.BridgeStackSpec{Services: []v1alpha1.Service{{Name: "api"}, {Name: "web", Workload: &v1alpha1.WorkloadReference{Name: "api"}}}},
			v1alpha1.ReasonWorkloadClaimedTwice, "spec.services[1]: "},
		"ceiling of the service": {v1alpha1.BridgeStackSpec{Services: []v1alpha1.Service{{Name: "api", MemoryCeiling: &ceiling}}},
			v1alpha1.ReasonCeilingBelowLimit, "spec.services[0].memoryCeiling: 128Mi is below the present limit 256Mi"},
		"ceiling of the stack": {v1alpha1.BridgeStackSpec{Services: []v1alpha1.Service{{Name: "api"}}, Remediation: v1alpha1.Remediation{Memory: v1alpha1.MemoryBounds{Ceiling: &ceiling}}},
			v1alpha1.ReasonCeilingBelowLimit, "spec.remediation.memory.ceiling: "},
		"cycle": {v1alpha1.BridgeStackSpec{Services: []v1alpha1.Service{{Name: "api", DependsOn: needs("b")}, {Name: "b", Workload: &v1alpha1.WorkloadReference{Name: "b"}, DependsOn: needs("c")}, {Name: "c", Workload: &v1alpha1.WorkloadReference{Name: "c"}, DependsOn: needs("b")}}},
			v1alpha1.ReasonDependencyCycle, "spec.services[2].dependsOn: services depend on each other in a circle: b -> c -> b"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Resolve(c.spec, []Workload{limited, deployment("b", nil), deployment("c", nil)})
			if len(s.Problems) != 1 || s.Problems[0].Reason != c.reason || !strings.HasPrefix(s.Problems[0].String(), c.says) {
				t.Errorf("got %v", s.Problems)
			}
			if len(c.spec.Services) > 0 && len(s.Services) != len(c.spec.Services) {
				t.Errorf("the rest of the stack is not watched: %v", s.Services)
			}
		})
	}
}

func TestCooldownGrowsAndIsCapped(t *testing.T) {
	p := PolicyOf(v1alpha1.BridgeStackSpec{})
	for failed, want := range map[int]time.Duration{0: 0, 1: 30 * time.Second, 2: time.Minute, 3: 2 * time.Minute, 40: MaxCooldown} {
		if got := p.CooldownAfter(failed); got != want {
			t.Errorf("after %d failures %s, want %s", failed, got, want)
		}
	}
}
