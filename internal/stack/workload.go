package stack

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

// Workload is what runs a service, as far as a stack looks at it: plain values, so
// that a stack can be resolved for all of a namespace without its objects.
type Workload struct {
	Kind   v1alpha1.WorkloadKind
	Name   string
	UID    string
	Labels map[string]string
	// TemplateLabels are those of its pods.
	TemplateLabels map[string]string
	// Wanted replicas and those that are ready.
	Wanted, Ready int32
	// MemoryLimits by container name, those that are set.
	MemoryLimits map[string]resource.Quantity
}

func (w Workload) String() string { return string(w.Kind) + "/" + w.Name }

// Ref names it.
func (w Workload) Ref(namespace string) workload.Ref {
	return workload.Ref{Kind: w.Kind, Namespace: namespace, Name: w.Name, UID: types.UID(w.UID)}
}

// Available reports whether all wanted replicas are ready.
func (w Workload) Available() bool { return w.Ready >= w.Wanted }

// WorkloadOf is what a stack looks at of a workload.
func WorkloadOf(w workload.Workload) Workload {
	object, template, replicas := w.Object(), w.Template(), w.Replicas()
	out := Workload{
		Kind: w.Kind(), Name: object.GetName(), UID: string(object.GetUID()),
		Labels: object.GetLabels(), TemplateLabels: template.Labels,
		Wanted: replicas.Desired, Ready: replicas.Ready,
		MemoryLimits: map[string]resource.Quantity{},
	}
	for _, c := range template.Spec.Containers {
		if limit, set := c.Resources.Limits[corev1.ResourceMemory]; set {
			out.MemoryLimits[c.Name] = limit
		}
	}
	return out
}

// WorkloadsOf are those of a namespace.
func WorkloadsOf(all []workload.Workload) []Workload {
	out := make([]Workload, len(all))
	for i, w := range all {
		out[i] = WorkloadOf(w)
	}
	return out
}
