package observe

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Pod is a pod of a workload.
type Pod struct {
	*corev1.Pod
	// Newest says that it is of the workload's newest revision.
	Newest bool
}

// WorkloadOf finds the Deployment, StatefulSet or DaemonSet that owns the pod;
// false where something else does, or nothing.
func (r *Reader) WorkloadOf(ctx context.Context, pod *corev1.Pod) (Workload, bool, error) {
	ref := appsOwner(&pod.ObjectMeta)
	if ref != nil && ref.Kind == "ReplicaSet" {
		var rs appsv1.ReplicaSet
		if err := r.Cached.Get(ctx, types.NamespacedName{Namespace: pod.Namespace, Name: ref.Name}, &rs); err != nil {
			return Workload{}, false, fmt.Errorf("get ReplicaSet %s/%s, which owns pod %s: %w", pod.Namespace, ref.Name, pod.Name, err)
		}
		ref = appsOwner(&rs.ObjectMeta)
	}
	if ref == nil {
		return Workload{}, false, nil
	}
	switch kind := v1alpha1.WorkloadKind(ref.Kind); kind {
	case v1alpha1.Deployment, v1alpha1.StatefulSet, v1alpha1.DaemonSet:
		return Workload{Kind: kind, Namespace: pod.Namespace, Name: ref.Name, UID: ref.UID}, true, nil
	default:
		return Workload{}, false, nil
	}
}

func appsOwner(meta *metav1.ObjectMeta) *metav1.OwnerReference {
	ref := metav1.GetControllerOfNoCopy(meta)
	if ref == nil || ref.APIVersion != appsv1.SchemeGroupVersion.String() {
		return nil
	}
	return ref
}

// Pods of the workload: those of its newest revision first, and among these
// the youngest first.
func (r *Reader) Pods(ctx context.Context, workload Workload) ([]Pod, error) {
	state, err := r.state(ctx, workload)
	if err != nil {
		return nil, err
	}
	return state.pods, nil
}

// Rollout is the state of the workload's revisions.
func (r *Reader) Rollout(ctx context.Context, workload Workload) (evidence.Rollout, error) {
	if workload.Name == "" {
		return evidence.Rollout{}, nil
	}
	state, err := r.state(ctx, workload)
	if err != nil {
		return evidence.Rollout{}, err
	}
	return state.rollout, nil
}

// workloadState is a workload with its pods.
type workloadState struct {
	rollout evidence.Rollout
	pods    []Pod
}

func (r *Reader) state(ctx context.Context, w Workload) (workloadState, error) {
	var state workloadState
	var err error
	switch w.Kind {
	case v1alpha1.Deployment:
		state, err = r.deployment(ctx, w)
	case v1alpha1.StatefulSet:
		state, err = r.statefulSet(ctx, w)
	case v1alpha1.DaemonSet:
		state, err = r.daemonSet(ctx, w)
	default:
		err = fmt.Errorf("unknown kind %q", w.Kind)
	}
	if err != nil {
		return workloadState{}, fmt.Errorf("read %s of %s: %w", w, w.Namespace, err)
	}
	return state, nil
}

func (r *Reader) deployment(ctx context.Context, w Workload) (workloadState, error) {
	var d appsv1.Deployment
	if err := r.workload(ctx, w, &d); err != nil {
		return workloadState{}, err
	}
	var sets appsv1.ReplicaSetList
	if err := r.Cached.List(ctx, &sets, client.InNamespace(w.Namespace), selected(d.Spec.Selector)); err != nil {
		return workloadState{}, fmt.Errorf("list ReplicaSets: %w", err)
	}
	pods, err := r.podsOf(ctx, w.Namespace, d.Spec.Selector)
	if err != nil {
		return workloadState{}, err
	}
	owned := replicaSetsOf(d.UID, sets.Items)
	isOwned := func(pod *corev1.Pod) bool {
		return slices.ContainsFunc(owned, func(rs appsv1.ReplicaSet) bool { return ownedBy(&pod.ObjectMeta, rs.UID) })
	}
	isNewest := func(pod *corev1.Pod) bool { return ownedBy(&pod.ObjectMeta, owned[0].UID) }
	return workloadState{DeploymentRollout(&d, sets.Items), inOrder(pods, isOwned, isNewest)}, nil
}

func (r *Reader) statefulSet(ctx context.Context, w Workload) (workloadState, error) {
	var s appsv1.StatefulSet
	if err := r.workload(ctx, w, &s); err != nil {
		return workloadState{}, err
	}
	pods, revisions, err := r.podsAndRevisions(ctx, w, s.Spec.Selector)
	if err != nil {
		return workloadState{}, err
	}
	return workloadState{StatefulSetRollout(&s, revisions, pods), ofRevision(pods, s.UID, s.Status.UpdateRevision)}, nil
}

func (r *Reader) daemonSet(ctx context.Context, w Workload) (workloadState, error) {
	var d appsv1.DaemonSet
	if err := r.workload(ctx, w, &d); err != nil {
		return workloadState{}, err
	}
	pods, revisions, err := r.podsAndRevisions(ctx, w, d.Spec.Selector)
	if err != nil {
		return workloadState{}, err
	}
	return workloadState{DaemonSetRollout(&d, revisions, pods), ofRevision(pods, d.UID, newestHash(d.UID, revisions))}, nil
}

// workload gets the object, and only the one that is meant: another one under
// the same name is another workload.
func (r *Reader) workload(ctx context.Context, w Workload, into client.Object) error {
	if err := r.Cached.Get(ctx, types.NamespacedName{Namespace: w.Namespace, Name: w.Name}, into); err != nil {
		return err
	}
	if w.UID != "" && into.GetUID() != w.UID {
		return fmt.Errorf("it is another one now: UID %s and not %s", into.GetUID(), w.UID)
	}
	return nil
}

func (r *Reader) podsAndRevisions(ctx context.Context, w Workload, selector *metav1.LabelSelector) ([]corev1.Pod, []appsv1.ControllerRevision, error) {
	pods, err := r.podsOf(ctx, w.Namespace, selector)
	if err != nil {
		return nil, nil, err
	}
	var revisions appsv1.ControllerRevisionList
	if err := r.Live.List(ctx, &revisions, client.InNamespace(w.Namespace), selected(selector)); err != nil {
		return nil, nil, fmt.Errorf("list ControllerRevisions: %w", err)
	}
	return pods, revisions.Items, nil
}

func (r *Reader) podsOf(ctx context.Context, namespace string, selector *metav1.LabelSelector) ([]corev1.Pod, error) {
	var pods corev1.PodList
	if err := r.Cached.List(ctx, &pods, client.InNamespace(namespace), selected(selector)); err != nil {
		return nil, fmt.Errorf("list Pods: %w", err)
	}
	return pods.Items, nil
}

// selected is the selector; the API server has validated it, and one that is
// invalid after all selects nothing.
func selected(selector *metav1.LabelSelector) client.MatchingLabelsSelector {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		parsed = labels.Nothing()
	}
	return client.MatchingLabelsSelector{Selector: parsed}
}

// ofRevision are the pods of an owner that labels them with their revision.
func ofRevision(pods []corev1.Pod, owner types.UID, newest string) []Pod {
	return inOrder(pods,
		func(pod *corev1.Pod) bool { return ownedBy(&pod.ObjectMeta, owner) },
		func(pod *corev1.Pod) bool { return pod.Labels[appsv1.ControllerRevisionHashLabelKey] == newest })
}

func inOrder(pods []corev1.Pod, isOwned, isNewest func(*corev1.Pod) bool) []Pod {
	var out []Pod
	for i := range pods {
		if isOwned(&pods[i]) {
			out = append(out, Pod{Pod: &pods[i], Newest: isNewest(&pods[i])})
		}
	}
	slices.SortFunc(out, func(a, b Pod) int {
		if a.Newest != b.Newest {
			return map[bool]int{true: -1, false: 1}[a.Newest]
		}
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return out
}
