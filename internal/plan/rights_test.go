package plan

import (
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// The command that is shown can be pasted as it is.
func TestRights(t *testing.T) {
	deployment := TemplateRights(v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "api"})
	if len(deployment) != 1 || deployment[0].String() != "patch deployments.apps api" {
		t.Errorf("Deployment: %v", deployment)
	}
	if got, want := deployment[0].Grant("shop", "fixer"), "kubectl -n shop create role bridgestack-patch-deployments-apps-api --verb=patch --resource=deployments.apps --resource-name=api"+
		" && kubectl -n shop create rolebinding bridgestack-patch-deployments-apps-api-fixer --role=bridgestack-patch-deployments-apps-api --serviceaccount=shop:fixer"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if set := TemplateRights(v1alpha1.DiagnosedWorkload{Kind: v1alpha1.StatefulSet, Name: "db"}); len(set) != 2 || set[1].String() != "create pods/eviction" {
		t.Errorf("StatefulSet: %v", set)
	}
	pods := EvictionRights([]v1alpha1.PodIdentity{{Name: "api-1"}, {Name: "api-2"}})
	if len(pods) != 2 || pods[1].String() != "create pods/eviction api-2" {
		t.Errorf("pods: %v", pods)
	}
	if got, want := pods[0].Grant("shop", "fixer"), "kubectl -n shop create role bridgestack-create-pods-eviction --verb=create --resource=pods/eviction"+
		" && kubectl -n shop create rolebinding bridgestack-create-pods-eviction-fixer --role=bridgestack-create-pods-eviction --serviceaccount=shop:fixer"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
