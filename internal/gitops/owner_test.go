package gitops

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func managedBy(names ...string) []metav1.ManagedFieldsEntry {
	var out []metav1.ManagedFieldsEntry
	for _, n := range names {
		out = append(out, metav1.ManagedFieldsEntry{Manager: n})
	}
	return out
}

func TestOwner(t *testing.T) {
	const tracking, label = "argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance"
	helm := map[string]string{"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "shop"}
	for name, c := range map[string]struct {
		labels, annotations map[string]string
		managed             []metav1.ManagedFieldsEntry
		want                string
		left                bool // nobody takes drift back
	}{
		"nobody":             {managed: managedBy("kubectl-client-side-apply", "kube-controller-manager"), left: true},
		"instance is a hint": {labels: map[string]string{"app.kubernetes.io/instance": "api"}, left: true},
		"Argo CD":            {annotations: map[string]string{tracking: "shop:apps/Deployment:shop/api"}, want: "Argo CD Application shop"},
		"Argo CD with an installation id": {annotations: map[string]string{tracking: "shop:apps/Deployment:shop/api", "argocd.argoproj.io/installation-id": "eu"},
			want: "Argo CD Application shop"},
		"an Application in another namespace": {annotations: map[string]string{tracking: "team-a_shop:apps/Deployment:shop/api"}, want: "Argo CD Application team-a/shop"},
		"a copy of what Argo CD tracks":       {annotations: map[string]string{tracking: "shop:apps/Deployment:shop/other"}, left: true},
		"a copy into another namespace":       {annotations: map[string]string{tracking: "shop:apps/Deployment:prod/api"}, left: true},
		"a copy with its label":               {labels: map[string]string{label: "shop"}, annotations: map[string]string{tracking: "shop:apps/Deployment:shop/other"}, left: true},
		"Argo CD by label":                    {labels: map[string]string{label: "shop"}, want: "Argo CD Application shop"},
		"Flux Kustomization": {labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"},
			want: "Flux Kustomization flux-system/apps"},
		"Flux HelmRelease": {labels: map[string]string{"helm.toolkit.fluxcd.io/name": "api", "helm.toolkit.fluxcd.io/namespace": "shop", "app.kubernetes.io/managed-by": "Helm"},
			annotations: helm, want: "Flux HelmRelease shop/api"},
		"Helm":                               {labels: map[string]string{"app.kubernetes.io/managed-by": "Helm"}, annotations: helm, managed: managedBy("helm"), want: "Helm release shop/api", left: true},
		"a chart that Argo CD renders":       {labels: map[string]string{"app.kubernetes.io/managed-by": "Helm"}, managed: managedBy("argocd-controller"), want: "Argo CD"},
		"managed by Helm, says a label only": {labels: map[string]string{"app.kubernetes.io/managed-by": "Helm"}, left: true},
		"manager only":                       {managed: managedBy("argocd-controller"), want: "Argo CD"},
		"a status is no ownership":           {managed: []metav1.ManagedFieldsEntry{{Manager: "kustomize-controller", Subresource: "status"}}, left: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := OwnerOf(Object{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "api",
				Labels: c.labels, Annotations: c.annotations, Managed: c.managed})
			if got.String() != c.want || got.Reconciles() == c.left {
				t.Errorf("got %q, reconciled %v; want %q, reconciled %v", got, got.Reconciles(), c.want, !c.left)
			}
		})
	}
}
