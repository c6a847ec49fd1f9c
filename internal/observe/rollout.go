package observe

import (
	"cmp"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// revisionAnnotation is where the Deployment controller keeps the number of a
// ReplicaSet's revision.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// Workload names what owns a pod.
type Workload struct {
	Kind            v1alpha1.WorkloadKind
	Namespace, Name string
	UID             types.UID
}

func (w Workload) String() string { return string(w.Kind) + "/" + w.Name }

// DeploymentRollout is a Deployment's state; replicaSets may hold those of others.
func DeploymentRollout(d *appsv1.Deployment, replicaSets []appsv1.ReplicaSet) evidence.Rollout {
	out := rollout(v1alpha1.Deployment, &d.ObjectMeta, d.Spec.Replicas)
	owned := replicaSetsOf(d.UID, replicaSets)
	if len(owned) == 0 {
		return out
	}
	out.TemplateChanged = owned[0].CreationTimestamp.Time
	out.Revision = owned[0].Annotations[revisionAnnotation]
	out.UpdatedReady = owned[0].Status.ReadyReplicas
	if len(owned) > 1 {
		out.PreviousRevision = owned[1].Annotations[revisionAnnotation]
	}
	for _, older := range owned[1:] {
		out.OlderReady += older.Status.ReadyReplicas
	}
	return out
}

// StatefulSetRollout is a StatefulSet's state; revisions and pods may hold those of others.
func StatefulSetRollout(s *appsv1.StatefulSet, revisions []appsv1.ControllerRevision, pods []corev1.Pod) evidence.Rollout {
	out := rollout(v1alpha1.StatefulSet, &s.ObjectMeta, s.Spec.Replicas)
	withRevisions(&out, revisionsOf(s.UID, revisions))
	withPods(&out, s.UID, s.Status.UpdateRevision, pods)
	return out
}

// DaemonSetRollout is a DaemonSet's state; revisions and pods may hold those of others.
func DaemonSetRollout(d *appsv1.DaemonSet, revisions []appsv1.ControllerRevision, pods []corev1.Pod) evidence.Rollout {
	out := rollout(v1alpha1.DaemonSet, &d.ObjectMeta, &d.Status.DesiredNumberScheduled)
	withRevisions(&out, revisionsOf(d.UID, revisions))
	withPods(&out, d.UID, newestHash(d.UID, revisions), pods)
	return out
}

// newestHash is what the pods of a DaemonSet's newest revision are labelled with.
func newestHash(uid types.UID, revisions []appsv1.ControllerRevision) string {
	owned := revisionsOf(uid, revisions)
	if len(owned) == 0 {
		return ""
	}
	return owned[0].Labels[appsv1.ControllerRevisionHashLabelKey]
}

func rollout(kind v1alpha1.WorkloadKind, meta *metav1.ObjectMeta, replicas *int32) evidence.Rollout {
	return evidence.Rollout{
		Known:           true,
		Kind:            kind,
		Name:            meta.Name,
		UID:             string(meta.UID),
		Generation:      meta.Generation,
		Replicas:        replicasOf(replicas),
		TemplateChanged: meta.CreationTimestamp.Time,
	}
}

func withRevisions(out *evidence.Rollout, newestFirst []appsv1.ControllerRevision) {
	if len(newestFirst) == 0 {
		return
	}
	out.TemplateChanged = newestFirst[0].CreationTimestamp.Time
	out.Revision = strconv.FormatInt(newestFirst[0].Revision, 10)
	if len(newestFirst) > 1 {
		out.PreviousRevision = strconv.FormatInt(newestFirst[1].Revision, 10)
	}
}

// withPods counts the ready pods. A DaemonSet's pods carry the hash, a
// StatefulSet's the revision's whole name in the same label.
func withPods(out *evidence.Rollout, owner types.UID, newest string, pods []corev1.Pod) {
	for i := range pods {
		if !ownedBy(&pods[i].ObjectMeta, owner) || !isReady(&pods[i]) {
			continue
		}
		if pods[i].Labels[appsv1.ControllerRevisionHashLabelKey] == newest {
			out.UpdatedReady++
		} else {
			out.OlderReady++
		}
	}
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func ownedBy(meta *metav1.ObjectMeta, uid types.UID) bool {
	ref := metav1.GetControllerOfNoCopy(meta)
	return ref != nil && ref.UID == uid
}

// replicaSetsOf are a Deployment's, newest revision first.
func replicaSetsOf(uid types.UID, all []appsv1.ReplicaSet) []appsv1.ReplicaSet {
	owned := slices.Clone(all)
	owned = slices.DeleteFunc(owned, func(rs appsv1.ReplicaSet) bool { return !ownedBy(&rs.ObjectMeta, uid) })
	slices.SortStableFunc(owned, func(a, b appsv1.ReplicaSet) int { return cmp.Compare(numberOf(&b), numberOf(&a)) })
	return owned
}

func numberOf(rs *appsv1.ReplicaSet) int64 {
	n, err := strconv.ParseInt(rs.Annotations[revisionAnnotation], 10, 64)
	if err != nil {
		return 0 // not yet annotated by the Deployment controller
	}
	return n
}

// revisionsOf are a StatefulSet's or DaemonSet's, newest first.
func revisionsOf(uid types.UID, all []appsv1.ControllerRevision) []appsv1.ControllerRevision {
	owned := slices.Clone(all)
	owned = slices.DeleteFunc(owned, func(r appsv1.ControllerRevision) bool { return !ownedBy(&r.ObjectMeta, uid) })
	slices.SortStableFunc(owned, func(a, b appsv1.ControllerRevision) int { return cmp.Compare(b.Revision, a.Revision) })
	return owned
}
