// Package gitops tells who owns a workload, so that the operator never fights
// a GitOps controller.
package gitops

import (
	"fmt"
	"strings"
)

// Object is a workload as far as ownership is written on it.
type Object struct {
	Group, Kind, Namespace, Name string
	Labels, Annotations          map[string]string
	// Managers are the names in managedFields.
	Managers []string
}

// Owner is the tool and object that own a workload, such as "Flux
// Kustomization flux-system/apps"; empty where none is seen. The label
// app.kubernetes.io/instance alone is no proof: people set it too.
func Owner(o Object) string {
	if id := o.Annotations["argocd.argoproj.io/tracking-id"]; id != "" {
		// app:group/kind:namespace/name; on a copy it names the original.
		app, of, _ := strings.Cut(id, ":")
		if of == fmt.Sprintf("%s/%s:%s/%s", o.Group, o.Kind, o.Namespace, o.Name) {
			return "Argo CD Application " + app
		}
	}
	for _, flux := range []struct{ prefix, kind string }{
		{"kustomize.toolkit.fluxcd.io", "Kustomization"},
		{"helm.toolkit.fluxcd.io", "HelmRelease"},
	} {
		if name := o.Labels[flux.prefix+"/name"]; name != "" {
			return "Flux " + flux.kind + " " + o.Labels[flux.prefix+"/namespace"] + "/" + name
		}
	}
	for _, manager := range o.Managers {
		switch manager {
		case "argocd-controller", "argocd-application-controller":
			return "Argo CD"
		case "kustomize-controller", "helm-controller":
			return "Flux " + manager
		}
	}
	return ""
}
