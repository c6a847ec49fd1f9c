// Package gitops tells who owns a workload and which of its fields, so that the
// operator never fights a GitOps controller, and makes a change where it lasts:
// in the owner's own YAML. It is pure.
package gitops

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Object is a workload as far as ownership is written on it.
type Object struct {
	Group, Kind, Namespace, Name string
	Labels, Annotations          map[string]string
	// Managed are the managers with their fields (metadata.managedFields).
	Managed []metav1.ManagedFieldsEntry
}

// Tool that puts what is in Git, or in a chart, into a cluster.
type Tool string

// The tools.
const (
	// ArgoCD compares a live object with Git and, where it heals itself, takes
	// drift back within seconds.
	ArgoCD Tool = "Argo CD"
	// FluxKustomization is Flux' kustomize-controller: server-side apply, with
	// force, of what is in Git.
	FluxKustomization Tool = "Flux Kustomization"
	// FluxHelmRelease is Flux' helm-controller.
	FluxHelmRelease Tool = "Flux HelmRelease"
	// Helm is a chart that a person or a pipeline installed: nobody reconciles
	// it, the next upgrade decides.
	Helm Tool = "Helm release"
)

// Owner is the tool and its object that own a workload; zero where none is seen.
type Owner struct {
	Tool Tool
	// Namespace and Name of the Application, Kustomization, HelmRelease or
	// release, as far as they are known.
	Namespace, Name string
}

// Reconciles is true of an owner that takes drift back by itself.
func (o Owner) Reconciles() bool { return o.Tool != "" && o.Tool != Helm }

// Holdable is true of an owner that can be kept from one object, by the
// annotation AnnotationReconcile on it.
func (o Owner) Holdable() bool { return o.Tool == FluxKustomization }

// AnnotationReconcile with the value Disabled on an object in the cluster keeps
// Flux' kustomize-controller from it.
const (
	AnnotationReconcile = "kustomize.toolkit.fluxcd.io/reconcile"
	Disabled            = "disabled"
)

// String is such as "Flux Kustomization flux-system/apps"; empty where there is
// no owner.
func (o Owner) String() string {
	name := o.Name
	if o.Namespace != "" && name != "" {
		name = o.Namespace + "/" + name
	}
	if o.Tool == ArgoCD && name != "" {
		name = "Application " + name
	}
	return strings.TrimSpace(string(o.Tool) + " " + name)
}

// managers are the tools' names in managedFields, as their releases set them.
var managers = map[string]Tool{
	"argocd-controller":             ArgoCD,
	"argocd-application-controller": ArgoCD,
	"kustomize-controller":          FluxKustomization,
	"helm-controller":               FluxHelmRelease,
	"helm":                          Helm,
}

// OwnerOf tells who owns an object: by the marks that name this very object or
// its owner first, by the managers of its fields last. The label
// app.kubernetes.io/instance alone is no proof: people set it too.
func OwnerOf(o Object) Owner {
	for _, by := range []func(Object) Owner{byTrackingID, byFluxLabels, byArgoLabel, byManagers, byHelm} {
		if owner := by(o); owner.Tool != "" {
			return owner
		}
	}
	return Owner{}
}

// byTrackingID reads Argo CD's annotation, application:group/kind:namespace/name,
// with the application's namespace before it and an underscore where it is not
// Argo CD's own. An installation id is an annotation of its own beside it. On a
// copy of an object it names the original, and so proves nothing.
func byTrackingID(o Object) Owner {
	app, of, _ := strings.Cut(o.Annotations["argocd.argoproj.io/tracking-id"], ":")
	if app == "" || of != fmt.Sprintf("%s/%s:%s/%s", o.Group, o.Kind, o.Namespace, o.Name) {
		return Owner{}
	}
	namespace, name, elsewhere := strings.Cut(app, "_")
	if !elsewhere {
		namespace, name = "", app
	}
	return Owner{Tool: ArgoCD, Namespace: namespace, Name: name}
}

func byFluxLabels(o Object) Owner {
	for _, flux := range []struct {
		prefix string
		tool   Tool
	}{{"kustomize.toolkit.fluxcd.io", FluxKustomization}, {"helm.toolkit.fluxcd.io", FluxHelmRelease}} {
		if name := o.Labels[flux.prefix+"/name"]; name != "" {
			return Owner{Tool: flux.tool, Namespace: o.Labels[flux.prefix+"/namespace"], Name: name}
		}
	}
	return Owner{}
}

// byArgoLabel reads the label that installations with label tracking, and this
// key configured, set. An object with a tracking id of another one is a copy,
// and so is its label.
func byArgoLabel(o Object) Owner {
	name := o.Labels["argocd.argoproj.io/instance"]
	if name == "" || o.Annotations["argocd.argoproj.io/tracking-id"] != "" {
		return Owner{}
	}
	return Owner{Tool: ArgoCD, Name: name}
}

func byManagers(o Object) Owner {
	for _, m := range o.Managed {
		if tool := managers[m.Manager]; tool != "" && tool != Helm && m.Subresource == "" {
			return Owner{Tool: tool}
		}
	}
	return Owner{}
}

// byHelm wants what Helm itself asks for before it adopts an object: the
// annotation and the label.
func byHelm(o Object) Owner {
	name := o.Annotations["meta.helm.sh/release-name"]
	if name == "" || o.Labels["app.kubernetes.io/managed-by"] != "Helm" {
		return Owner{}
	}
	return Owner{Tool: Helm, Namespace: o.Annotations["meta.helm.sh/release-namespace"], Name: name}
}
