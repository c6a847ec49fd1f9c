package workload

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// AnnotationRevision is where the Deployment controller keeps the number of a
// ReplicaSet's revision.
const AnnotationRevision = "deployment.kubernetes.io/revision"

// Revision is a pod template that a workload has or had.
type Revision struct {
	// Number that its controller gave it; a higher one is newer. 0: none yet.
	Number int64
	// Record is the name of the object that records it, empty where it is not seen.
	Record  string
	Created time.Time

	// podOwner controls the revision's pods, and podLabel is what their label
	// controller-revision-hash says, empty where that does not tell them apart.
	podOwner types.UID
	podLabel string
	// pod is the one of the revision, where nothing controls it; it may control others.
	pod types.UID
	// ready is the number that its controller counted, nil where it counts none.
	ready *int32
}

// String is the number as people know it from kubectl rollout history, empty
// where there is none.
func (r Revision) String() string {
	if r.Number == 0 {
		return ""
	}
	return strconv.FormatInt(r.Number, 10)
}

// owns tells whether a pod is of the revision's owner.
func (r Revision) owns(pod *corev1.Pod) bool {
	if r.pod != "" {
		return pod.UID == r.pod || ControlledBy(pod, r.pod)
	}
	return ControlledBy(pod, r.podOwner)
}

// PodOwner is the UID of what makes the revision's pods: the record itself, or the
// workload.
func (r Revision) PodOwner() types.UID { return r.podOwner }

// Has tells whether a pod is of this revision.
func (r Revision) Has(pod *corev1.Pod) bool {
	return r.owns(pod) && (r.podLabel == "" || pod.Labels[appsv1.ControllerRevisionHashLabelKey] == r.podLabel)
}

// ReadyPods is how many of the pods are ready and of this revision.
func (r Revision) ReadyPods(pods []corev1.Pod) int32 {
	if r.ready != nil {
		return *r.ready
	}
	n := int32(0)
	for i := range pods {
		if r.Has(&pods[i]) && PodReady(&pods[i]) {
			n++
		}
	}
	return n
}

// History is a workload's revisions, the newest first.
type History []Revision

// Owns tells whether a pod is the workload's, also one of a revision that is not
// on record any more.
func (h History) Owns(pod *corev1.Pod) bool {
	return slices.ContainsFunc(h, func(r Revision) bool { return r.owns(pod) })
}

// IsNewest tells whether a pod is of the newest revision.
func (h History) IsNewest(pod *corev1.Pod) bool { return len(h) > 0 && h[0].Has(pod) }

// OlderReadyPods is how many of the pods are ready and of an older revision, also
// of one that is not on record any more.
func (h History) OlderReadyPods(pods []corev1.Pod) int32 {
	n := int32(0)
	for i, r := range h {
		if i > 0 && r.ready != nil {
			n += *r.ready
		}
	}
	for i := range pods {
		if len(h) > 0 && h[0].ready == nil && h.Owns(&pods[i]) && !h.IsNewest(&pods[i]) && PodReady(&pods[i]) {
			n++
		}
	}
	return n
}

// NewestOlderReady is the newest of the older revisions that has ready pods of its
// own, and how many; 0 where none has any.
func (h History) NewestOlderReady(pods []corev1.Pod) (Revision, int32) {
	for _, r := range h[min(1, len(h)):] {
		if ready := r.ReadyPods(pods); ready > 0 {
			return r, ready
		}
	}
	return Revision{}, 0
}

func (h History) newestFirst() History {
	slices.SortStableFunc(h, func(a, b Revision) int { return cmp.Compare(b.Number, a.Number) })
	return h
}

func revisionNumber(rs *appsv1.ReplicaSet) int64 {
	n, err := strconv.ParseInt(rs.Annotations[AnnotationRevision], 10, 64)
	if err != nil {
		return 0 // not yet annotated by the Deployment controller
	}
	return n
}

// controllerRevisions is the history of those that keep it as ControllerRevisions
// and own their pods themselves.
type controllerRevisions struct{}

func (controllerRevisions) NewHistory() List  { return &appsv1.ControllerRevisionList{} }
func (controllerRevisions) NewRecord() Object { return &appsv1.ControllerRevision{} }

// of are the revisions of one owner; label is what a revision's pods are labelled with.
func (controllerRevisions) of(list List, owner types.UID, label func(*appsv1.ControllerRevision) string) History {
	revisions, is := list.(*appsv1.ControllerRevisionList)
	if !is {
		return nil
	}
	var out History
	for i := range revisions.Items {
		r := &revisions.Items[i]
		if ControlledBy(r, owner) {
			out = append(out, Revision{Number: r.Revision, Record: r.Name, Created: r.CreationTimestamp.Time, podOwner: owner, podLabel: label(r)})
		}
	}
	return out.newestFirst()
}

// RecordedTemplate reads the patch that a ControllerRevision holds: the pod
// template below spec, with a directive of strategic merge patches.
func (controllerRevisions) RecordedTemplate(record Object) (*corev1.PodTemplateSpec, error) {
	r, is := record.(*appsv1.ControllerRevision)
	if !is {
		return nil, fmt.Errorf("a %T is no ControllerRevision", record)
	}
	var data struct {
		Spec struct {
			Template corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(r.Data.Raw, &data); err != nil {
		return nil, fmt.Errorf("read ControllerRevision %s: %w", r.Name, err)
	}
	return &data.Spec.Template, nil
}

// ControlledBy tells whether the owner of this UID controls the object.
func ControlledBy(o metav1.Object, uid types.UID) bool {
	ref := metav1.GetControllerOfNoCopy(o)
	return ref != nil && ref.UID == uid
}

// PodReady tells whether a pod is ready by its own condition, which also turns false
// when its node is lost, as the state of its containers does not.
func PodReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
