package gitops

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// ObjectOf is a workload as far as ownership is written on it.
func ObjectOf(w metav1.Object, kind v1alpha1.WorkloadKind) Object {
	return Object{Group: "apps", Kind: string(kind), Namespace: w.GetNamespace(), Name: w.GetName(),
		Labels: w.GetLabels(), Annotations: w.GetAnnotations(), Managed: w.GetManagedFields()}
}
