package gitops

import "github.com/bridgestack/operator/internal/workload"

// ObjectOf is a workload as far as ownership is written on it.
func ObjectOf(w workload.Workload) Object {
	o := w.Object()
	return Object{Group: workload.TraitsOf(w.Kind()).Group, Kind: string(w.Kind()), Namespace: o.GetNamespace(), Name: o.GetName(),
		Labels: o.GetLabels(), Annotations: o.GetAnnotations(), Managed: o.GetManagedFields()}
}
