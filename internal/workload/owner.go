package workload

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Owner is an object that controls another one.
type Owner struct {
	APIVersion, Kind, Name string
	UID                    types.UID
}

// String is Kind/name.
func (o Owner) String() string { return o.Kind + "/" + o.Name }

// GroupVersionKind of the owner.
func (o Owner) GroupVersionKind() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(o.APIVersion, o.Kind)
}

// foreign tells whether another program than Kubernetes' own controllers acts for
// the kind: the group of a CustomResourceDefinition has a dot, as the API server
// demands (apiextensions, validateCustomResourceDefinitionSpec), and none of
// Kubernetes' own groups that control workloads has one.
func (o Owner) foreign() bool { return strings.Contains(o.GroupVersionKind().Group, ".") }

// OLM's owner of an installed operator's Deployments. It puts them back as they are
// in the ClusterServiceVersion, but does not mark its owner reference as a
// controller's.
const (
	olmGroup = "operators.coreos.com"
	olmKind  = "ClusterServiceVersion"
)

// ForeignOwner is who owns the object where that is none of Kubernetes' own kinds:
// a custom resource, whose operator made the object and will put it back as it
// wants it. A change belongs there.
func ForeignOwner(o metav1.Object) (Owner, bool) {
	refs := o.GetOwnerReferences()
	i := slices.IndexFunc(refs, func(ref metav1.OwnerReference) bool {
		owner := ownerOf(ref)
		gvk := owner.GroupVersionKind()
		controls := ref.Controller != nil && *ref.Controller
		return controls && owner.foreign() || gvk.Group == olmGroup && gvk.Kind == olmKind
	})
	if i < 0 {
		return Owner{}, false
	}
	return ownerOf(refs[i]), true
}

// ControllerOf is what controls the object, false where nothing does.
func ControllerOf(o metav1.Object) (Owner, bool) {
	ref := metav1.GetControllerOfNoCopy(o)
	if ref == nil {
		return Owner{}, false
	}
	return ownerOf(*ref), true
}

func ownerOf(ref metav1.OwnerReference) Owner {
	return Owner{APIVersion: ref.APIVersion, Kind: ref.Kind, Name: ref.Name, UID: ref.UID}
}

// OwnedBy is the custom resource whose operator made a workload, and where a change of
// it belongs; of what is seen by its pods alone, the object that controls those.
func OwnedBy(w Workload) (Owner, bool) {
	if c, is := w.(controlled); is {
		return c.owner, c.owner.foreign()
	}
	return ForeignOwner(w.Object())
}
