// Package lookup reads workloads from a cluster, or from a cache of it.
package lookup

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/workload"
)

// ErrReplaced says that the object of that name is another one than is meant.
var ErrReplaced = errors.New("it is another object now, under the same name")

// Get reads one workload. It returns the API's NotFound where there is none, and
// ErrReplaced where its UID is another one than the reference's, or it is a workload no
// more: somebody's controller took a bare pod over.
func Get(ctx context.Context, from client.Reader, ref workload.Ref) (workload.Workload, error) {
	if workload.SeenByPods(ref.Kind) {
		return ofPods(ctx, from, ref)
	}
	w, err := workload.New(ref.Kind)
	if err != nil {
		return nil, err
	}
	object := w.Object()
	if err := from.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, object); err != nil {
		return nil, err
	}
	if uid := object.GetUID(); ref.UID != "" && uid != ref.UID {
		return nil, fmt.Errorf("%w: UID %s and not %s", ErrReplaced, uid, ref.UID)
	}
	w, is := workload.Of(object)
	if !is {
		return nil, fmt.Errorf("%w: %s has a controller", ErrReplaced, ref)
	}
	return withRuns(ctx, from, w)
}

// withRuns gives a CronJob its Jobs.
func withRuns(ctx context.Context, from client.Reader, w workload.Workload) (workload.Workload, error) {
	runs, are := w.NewHistory().(*batchv1.JobList)
	if !are {
		return w, nil
	}
	if err := from.List(ctx, runs, client.InNamespace(w.Object().GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the Jobs of %s: %w", workload.RefOf(w), err)
	}
	return workload.WithRuns(append([]workload.Workload{w}, workload.Items(runs)...))[0], nil
}

// ofPods finds what is seen by its pods alone.
func ofPods(ctx context.Context, from client.Reader, ref workload.Ref) (workload.Workload, error) {
	all, err := listOfPods(ctx, from, ref.Namespace, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		if found := workload.RefOf(w); found.Kind == ref.Kind && found.Name == ref.Name {
			if ref.UID != "" && found.UID != ref.UID {
				return nil, fmt.Errorf("%w: UID %s and not %s", ErrReplaced, found.UID, ref.UID)
			}
			return w, nil
		}
	}
	kind, err := workload.GroupVersionKind(ref.Kind)
	if err != nil {
		return nil, err
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Group: kind.Group, Resource: kind.Kind}, ref.Name)
}

func listOfPods(ctx context.Context, from client.Reader, namespace string, options ...client.ListOption) ([]workload.Workload, error) {
	var pods corev1.PodList
	var sets appsv1.ReplicaSetList
	for _, list := range []client.ObjectList{&pods, &sets} {
		if err := from.List(ctx, list, append([]client.ListOption{client.InNamespace(namespace)}, options...)...); err != nil {
			return nil, fmt.Errorf("listing the pods and ReplicaSets of namespace %s: %w", namespace, err)
		}
	}
	return workload.OfPods(pods.Items, sets.Items), nil
}

// List reads all workloads of a namespace, of all namespaces where that is empty, in the
// order of workload.Kinds, and last what is of none of them. With an error come those
// that could be read.
func List(ctx context.Context, from client.Reader, namespace string, options ...client.ListOption) ([]workload.Workload, error) {
	var all []workload.Workload
	var failed error // the first
	for _, list := range workload.NewLists() {
		if err := from.List(ctx, list, append([]client.ListOption{client.InNamespace(namespace)}, options...)...); err != nil {
			if failed == nil {
				failed = fmt.Errorf("listing the workloads of namespace %s: %w", namespace, err)
			}
			continue
		}
		all = append(all, workload.Items(list)...)
	}
	alone, err := listOfPods(ctx, from, namespace, options...)
	if failed == nil {
		failed = err
	}
	return append(workload.WithRuns(all), alone...), failed
}

// OfPod names the workload that runs a pod: its own object, where nothing controls it.
func OfPod(ctx context.Context, from client.Reader, pod *corev1.Pod) (workload.Ref, error) {
	owner, _ := workload.ControllerOf(pod)
	between := workload.Between(owner)
	if between == nil {
		return workload.RefOfPod(pod, nil), nil
	}
	if err := from.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: owner.Name}, between); err != nil {
		return workload.Ref{}, fmt.Errorf("get %s in %s, which owns pod %s: %w", owner, pod.Namespace, pod.Name, err)
	}
	return workload.RefOfPod(pod, between), nil
}

// History reads a workload's revisions; those that it records as ReplicaSets or Jobs
// from the cache, which has them to find the owners of pods. Others are seldom wanted.
func History(ctx context.Context, cache, live client.Reader, w workload.Workload) (workload.History, error) {
	list := w.NewHistory()
	if list == nil {
		return w.History(nil), nil
	}
	from := live
	switch list.(type) {
	case *appsv1.ReplicaSetList, *batchv1.JobList:
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

// Selected selects the workload's pods, or all where only their owner tells them from
// others: see workload.History.Owns. The API server has validated the selector, and one
// that is invalid after all selects nothing.
func Selected(w workload.Workload) client.MatchingLabelsSelector {
	if w.Selector() == nil {
		return client.MatchingLabelsSelector{Selector: labels.Everything()}
	}
	parsed, err := metav1.LabelSelectorAsSelector(w.Selector())
	if err != nil {
		parsed = labels.Nothing()
	}
	return client.MatchingLabelsSelector{Selector: parsed}
}

// maxOwners is how far a chain of owners is followed.
const maxOwners = 8

// TopOwner is the custom resource at the end of the chain of owners of a workload:
// where a person changes what it is made of. False where no custom resource owns it. An
// owner that may not be read, or whose kind is not served, ends the chain: it is the one
// that is known then. The operator is given no right to read other operators' kinds;
// where an admin gives it (config/read-owners), the chain is followed through them.
func TopOwner(ctx context.Context, from client.Reader, w workload.Workload) (workload.Owner, bool) {
	top, owned := workload.OwnedBy(w)
	if !owned {
		return workload.Owner{}, false
	}
	for range maxOwners {
		above := &metav1.PartialObjectMetadata{}
		above.SetGroupVersionKind(top.GroupVersionKind())
		err := from.Get(ctx, client.ObjectKey{Namespace: w.Object().GetNamespace(), Name: top.Name}, above)
		next, more := workload.ForeignOwner(above)
		if err != nil || above.UID != top.UID || !more {
			break
		}
		top = next
	}
	return top, true
}
