package stack

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
)

// A cache lists in any order: which workload is a service must not depend on it, and
// where two could be it, neither is, and that is told.
func TestWorkloadOfAServiceDoesNotDependOnTheOrder(t *testing.T) {
	component := map[string]string{"app.kubernetes.io/component": "worker"}
	a, b, c := deployment("orders-worker", component), deployment("mail-worker", component), deployment("worker", component)
	declared := v1alpha1.BridgeStackSpec{Services: []v1alpha1.Service{{Name: "worker"}}}
	project := &Project{Facts: compose.Facts{Project: "shop", Services: []compose.Service{{Name: "worker", Names: []string{"worker"}}}}}
	for name, test := range map[string]struct {
		workloads []Workload
		found     string
	}{
		"one has the label":                     {[]Workload{a}, "Deployment/orders-worker"},
		"two have it":                           {[]Workload{a, b}, ""},
		"two have it, and one has the name too": {[]Workload{a, b, c}, "Deployment/worker"},
	} {
		for _, reversed := range []bool{false, true} {
			workloads := slices.Clone(test.workloads)
			if reversed {
				slices.Reverse(workloads)
			}
			for from, s := range map[string]Stack{"policy": Resolve(declared, workloads), "compose": ResolveProject(v1alpha1.BridgeStackSpec{}, project, workloads)} {
				found := ""
				if w := s.Services[0].Workload; w != nil {
					found = w.String()
				}
				if found != test.found {
					t.Errorf("%s, by %s, reversed %t: it is %q, want %q", name, from, reversed, found, test.found)
				}
				told := slices.IndexFunc(s.Problems, func(p Problem) bool { return p.Reason == v1alpha1.ReasonWorkloadAmbiguous })
				if told >= 0 != (test.found == "") {
					t.Errorf("%s, by %s: the problems are %v", name, from, s.Problems)
				}
				if told >= 0 && !strings.Contains(s.Problems[told].Message, "Deployment/mail-worker, Deployment/orders-worker") {
					t.Errorf("%s: it says %s", name, s.Problems[told])
				}
			}
		}
	}
}

func TestEachServiceHasANameOfItsOwn(t *testing.T) {
	label := map[string]string{v1alpha1.LabelService: "api", "app": "api"}
	workloads := []Workload{deployment("api-blue", label), deployment("api-green", label), deployment("api-red", label), deployment("api", label)}
	workloads = append(workloads, Workload{Kind: v1alpha1.StatefulSet, Name: "api-deployment", Labels: label})
	s := Resolve(v1alpha1.BridgeStackSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api"}}}, workloads)
	names := map[string]int{}
	for _, service := range s.Services {
		names[service.Name]++
	}
	if len(names) != len(workloads) {
		t.Errorf("%d workloads are services of the names %v", len(workloads), names)
	}
}

func TestClaimedTwice(t *testing.T) {
	w := []Workload{deployment("api", nil), deployment("web", nil)}
	old := Resolve(v1alpha1.BridgeStackSpec{Services: []v1alpha1.Service{{Name: "api"}}}, w)
	young := Resolve(v1alpha1.BridgeStackSpec{Services: []v1alpha1.Service{{Name: "api"}, {Name: "web"}}}, w)
	for name, c := range map[string]struct {
		problems []Problem
		want     string
	}{
		"on the older":   {old.ClaimedTwice(Rival{Name: "young", Stack: young}), `spec: Deployment/api is service "api" here and service "api" of stack "young": this stack, which is older, watches it; stack "young" does not. Take it out of one of them`},
		"on the younger": {young.ClaimedTwice(Rival{Name: "old", Older: true, Stack: old}), `spec: Deployment/api is service "api" here and service "api" of stack "old": stack "old", which is older, watches it; this stack does not. Take it out of one of them`},
	} {
		if len(c.problems) != 1 {
			t.Errorf("%s: %v", name, c.problems)
			continue
		}
		if diff := cmp.Diff(c.want, c.problems[0].String()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}
