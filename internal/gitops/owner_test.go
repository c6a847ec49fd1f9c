package gitops

import "testing"

func TestOwner(t *testing.T) {
	object := Object{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "api"}
	for name, c := range map[string]struct {
		labels, annotations map[string]string
		managers            []string
		want                string
	}{
		"nobody":                        {managers: []string{"kubectl-client-side-apply", "kube-controller-manager"}},
		"instance is a hint":            {labels: map[string]string{"app.kubernetes.io/instance": "api"}},
		"Argo CD":                       {annotations: map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/api"}, want: "Argo CD Application shop"},
		"a copy of what Argo CD tracks": {annotations: map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/other"}},
		"Flux Kustomization":            {labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}, want: "Flux Kustomization flux-system/apps"},
		"Flux HelmRelease":              {labels: map[string]string{"helm.toolkit.fluxcd.io/name": "api", "helm.toolkit.fluxcd.io/namespace": "shop"}, want: "Flux HelmRelease shop/api"},
		"manager only":                  {managers: []string{"argocd-controller"}, want: "Argo CD"},
	} {
		t.Run(name, func(t *testing.T) {
			o := object
			o.Labels, o.Annotations, o.Managers = c.labels, c.annotations, c.managers
			if got := Owner(o); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
