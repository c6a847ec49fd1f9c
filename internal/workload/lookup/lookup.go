// Package lookup reads workloads from a cluster, or from a cache of it.
package lookup

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/workload"
)

// ErrReplaced says that the object of that name is another one than is meant.
var ErrReplaced = errors.New("it is another object now, under the same name")

// Get reads one workload. It returns the API's NotFound where there is none, and
// ErrReplaced where its UID is another one than the reference's.
func Get(ctx context.Context, from client.Reader, ref workload.Ref) (workload.Workload, error) {
	w, err := workload.New(ref.Kind)
	if err != nil {
		return nil, err
	}
	if err := from.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, w.Object()); err != nil {
		return nil, err
	}
	if uid := w.Object().GetUID(); ref.UID != "" && uid != ref.UID {
		return nil, fmt.Errorf("%w: UID %s and not %s", ErrReplaced, uid, ref.UID)
	}
	return w, nil
}

// List reads all workloads of a namespace, of all namespaces where that is empty, in the order of workload.Kinds.
func List(ctx context.Context, from client.Reader, namespace string, options ...client.ListOption) ([]workload.Workload, error) {
	var out []workload.Workload
	for _, list := range workload.NewLists() {
		if err := from.List(ctx, list, append([]client.ListOption{client.InNamespace(namespace)}, options...)...); err != nil {
			return nil, fmt.Errorf("listing the workloads of namespace %s: %w", namespace, err)
		}
		out = append(out, workload.Items(list)...)
	}
	return out, nil
}

// OfPod names the workload that owns a pod; false where nothing does, or nothing
// that is a workload.
func OfPod(ctx context.Context, from client.Reader, pod *corev1.Pod) (workload.Ref, bool, error) {
	owner, owned := workload.ControllerOf(pod)
	if owned && owner.APIVersion == appsv1.SchemeGroupVersion.String() && owner.Kind == "ReplicaSet" {
		var set appsv1.ReplicaSet
		if err := from.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: owner.Name}, &set); err != nil {
			return workload.Ref{}, false, fmt.Errorf("get ReplicaSet %s/%s, which owns pod %s: %w", pod.Namespace, owner.Name, pod.Name, err)
		}
		owner, owned = workload.ControllerOf(&set)
	}
	kind, known := workload.KindOf(owner.APIVersion, owner.Kind)
	if !owned || !known {
		return workload.Ref{}, false, nil
	}
	return workload.Ref{Kind: kind, Namespace: pod.Namespace, Name: owner.Name, UID: owner.UID}, true, nil
}

// History reads a workload's revisions; those that it records as ReplicaSets from
// the cache, which has them to find the owners of pods. Others are seldom wanted.
func History(ctx context.Context, cache, live client.Reader, w workload.Workload) (workload.History, error) {
	list := w.NewHistory()
	if list == nil {
		return nil, nil
	}
	from := live
	if _, cached := list.(*appsv1.ReplicaSetList); cached {
		from = cache
	}
	if err := from.List(ctx, list, client.InNamespace(w.Object().GetNamespace()), Selected(w)); err != nil {
		return nil, fmt.Errorf("list the revisions of %s: %w", workload.RefOf(w), err)
	}
	return w.History(list), nil
}

// RecordedTemplate reads the pod template of a revision as it was recorded; live,
// since a cache need not keep templates.
func RecordedTemplate(ctx context.Context, live client.Reader, w workload.Workload, revision workload.Revision) (*corev1.PodTemplateSpec, error) {
	record := w.NewRecord()
	if err := live.Get(ctx, client.ObjectKey{Namespace: w.Object().GetNamespace(), Name: revision.Record}, record); err != nil {
		return nil, fmt.Errorf("get %s, which records revision %s of %s: %w", revision.Record, revision, workload.RefOf(w), err)
	}
	return w.RecordedTemplate(record)
}

// Selected selects the workload's pods. The API server has validated the selector,
// and one that is invalid after all, or is not there, selects nothing.
func Selected(w workload.Workload) client.MatchingLabelsSelector {
	parsed, err := metav1.LabelSelectorAsSelector(w.Selector())
	if err != nil {
		parsed = labels.Nothing()
	}
	return client.MatchingLabelsSelector{Selector: parsed}
}

// maxOwners is how far a chain of owners is followed.
const maxOwners = 8

// TopOwner is the custom resource at the end of the chain of owners of an object:
// where a person changes what the object is made of. False where no custom resource
// owns it. An owner that may not be read, or whose kind is not served, ends the
// chain: it is the one that is known then. The operator is given no right to read
// other operators' kinds; where an admin gives it, the chain is followed through them.
func TopOwner(ctx context.Context, from client.Reader, object metav1.Object) (workload.Owner, bool) {
	top, owned := workload.ForeignOwner(object)
	if !owned {
		return workload.Owner{}, false
	}
	for range maxOwners {
		above := &metav1.PartialObjectMetadata{}
		above.SetGroupVersionKind(top.GroupVersionKind())
		err := from.Get(ctx, client.ObjectKey{Namespace: object.GetNamespace(), Name: top.Name}, above)
		next, more := workload.ForeignOwner(above)
		if err != nil || above.UID != top.UID || !more {
			break
		}
		top = next
	}
	return top, true
}
