package workload

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Manifest is what a new workload is made of. A kind leaves out what it has not.
type Manifest struct {
	metav1.ObjectMeta
	Selector *metav1.LabelSelector
	Template corev1.PodTemplateSpec
	// Replicas, nil for the API server's default.
	Replicas *int32
	// Recreate ends the old pods before new ones are made, where two at once would
	// write the same data.
	Recreate bool
	// ServiceName gives each pod of a StatefulSet a name in DNS.
	ServiceName string
	// VolumeClaims are made for each pod.
	VolumeClaims []corev1.PersistentVolumeClaim
}

// Make a workload of a kind, with its TypeMeta, to be written as YAML.
func (m Manifest) Make(name v1alpha1.WorkloadKind) (Object, error) {
	k, err := kindNamed(name)
	if err != nil {
		return nil, err
	}
	if k.fromManifest == nil {
		return nil, fmt.Errorf("a %s is not made of a manifest", name)
	}
	object := k.fromManifest(m)
	object.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
	return object, nil
}
