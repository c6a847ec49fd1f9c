// Package v1alpha1 is what users write and read: BridgeStack, the policy of a
// stack, and BridgeDiagnosis, one incident of one container of it.
//
// +kubebuilder:object:generate=true
// +groupName=bridgestack.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of this package.
var GroupVersion = schema.GroupVersion{Group: "bridgestack.dev", Version: "v1alpha1"}

var schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme registers the kinds of this package.
var AddToScheme = schemeBuilder.AddToScheme

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&BridgeStack{}, &BridgeStackList{},
		&BridgeDiagnosis{}, &BridgeDiagnosisList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
