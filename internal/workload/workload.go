// Package workload is what runs pods, whatever its kind: one interface, one file
// for each kind. What another room wants to know of a workload (its pod template,
// its replicas, its revisions, who owns it, whether a change of it would reach its
// pods) it asks here, and switches on no kind itself. It is pure; package lookup
// reads workloads from a cluster.
//
// A further kind is a file with a type that implements Workload, and an entry in
// kinds. Not every kind has all of it: what a bare pod or the pod of another
// operator's object lacks is empty (Selector, NewHistory), and what must not be
// changed says so (Lock). What is no kind of the table is another operator's: its
// pods, which name it as their controller, are all that is read of it; see controlled.
package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Object is any Kubernetes object: what controller-runtime calls client.Object,
// without a client.
type Object interface {
	metav1.Object
	runtime.Object
}

// List of objects: what controller-runtime calls client.ObjectList.
type List interface {
	metav1.ListInterface
	runtime.Object
}

// Workload is one object that runs pods.
type Workload interface {
	Kind() v1alpha1.WorkloadKind
	// Object is the API object, for its metadata, and to be read into or written.
	Object() Object
	// Template is the pod template in the object: who edits it edits the object.
	Template() *corev1.PodTemplateSpec
	// Selector of its pods, nil where only their owner tells them from others.
	Selector() *metav1.LabelSelector
	Replicas() Replicas
	// Run is how it stands with what runs to an end, nil of what runs for good.
	Run(now time.Time) *Run
	// ObservedGeneration is the latest generation that its controller has seen.
	ObservedGeneration() int64
	Strategy() Strategy
	// VolumeClaims tells of volumes that it makes for its pods.
	VolumeClaims() VolumeClaims
	// NewHistory is an empty list of the kind that records its revisions, nil where
	// it has no revisions. NewRecord is an empty item of it.
	NewHistory() List
	NewRecord() Object
	// History is made of such a list, which may hold other workloads' revisions. What
	// has no revisions has one that owns its pods.
	History(List) History
	// RecordedTemplate is the pod template that an item of the list records.
	RecordedTemplate(record Object) (*corev1.PodTemplateSpec, error)
}

// Replicas are numbers of pods.
type Replicas struct {
	// Desired is how many there should be, and Total how many there are, of any revision.
	Desired, Total int32
	// Updated are of the newest revision. Ready are ready, of any revision.
	Updated, Ready int32
	// RefusedSince is since when the API server refuses to create one of them, as far
	// as the object says (a Deployment's condition ReplicaFailure); zero elsewhere.
	RefusedSince time.Time
}

// Strategy is how a changed template gets to the pods.
type Strategy struct {
	// OnDelete says that a pod gets it when someone deletes the pod, and no sooner.
	OnDelete bool
	// Partition is the ordinal below which pods keep the earlier template.
	Partition int32
	// Paused says that no pod gets it.
	Paused bool
	// InOrder says that a pod is replaced only once the one before it is ready: one
	// that never is keeps the others from the new template.
	InOrder bool
	// ProgressDeadline is how long a rollout may stand still, 0 where the kind has none.
	ProgressDeadline time.Duration
	// SurgesFirst says that a new pod has to be ready before one of the old ones may
	// go: both need room at the same time.
	SurgesFirst bool
}

// KeepsOlder says that pods may stay at an earlier template after a rollout.
func (s Strategy) KeepsOlder() bool { return s.OnDelete || s.Partition > 0 }

// VolumeClaims are the PersistentVolumeClaims that a workload makes for its pods.
type VolumeClaims struct {
	// Any says that there are some.
	Any bool
	// DeletedWhenScaled says that they are deleted with the pods that a scale-down
	// ends (spec.persistentVolumeClaimRetentionPolicy.whenScaled).
	DeletedWhenScaled bool
}

// Ref names one workload.
type Ref struct {
	Kind            v1alpha1.WorkloadKind
	Namespace, Name string
	// UID tells it from another one under the same name; empty where any is meant.
	UID types.UID
}

// String is Kind/name.
func (r Ref) String() string { return string(r.Kind) + "/" + r.Name }

// RefOf names the workload.
func RefOf(w Workload) Ref {
	o := w.Object()
	return Ref{Kind: w.Kind(), Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID()}
}

// RefOfDiagnosed names the workload that a diagnosis of the namespace is about.
func RefOfDiagnosed(namespace string, w v1alpha1.DiagnosedWorkload) Ref {
	return Ref{Kind: w.Kind, Namespace: namespace, Name: w.Name, UID: w.UID}
}

// Traits are what is true of all workloads of a kind.
type Traits struct {
	// Group and Resource name the kind in URLs and RBAC rules.
	Group, Resource string
	// Scalable says that spec.replicas sets how many pods there are.
	Scalable bool
	// Stateful says that its pods are no copies of each other: each has a name and,
	// as a rule, data of its own, so that a restart is not free.
	Stateful bool
	// LeavesPods says that a changed template may not reach a pod before someone
	// deletes the pod.
	LeavesPods bool
	// Lock says why the operator writes neither its template nor its pods, empty where
	// it may.
	Lock string
	// RunsToEnd says that it comes to an end: see Run.
	RunsToEnd bool
}

// kind is an entry of the table of kinds.
type kind struct {
	schema.GroupVersionKind
	Traits
	newObject func() Object
	newList   func() List
	// of is nil for an object of another kind.
	of func(Object) Workload
	// items of a list that newList made.
	items func(List) []Workload
	// fromManifest makes a new object; nil where none is made of manifests.
	fromManifest func(Manifest) Object
	// podsAlone says that its objects are pods, which are watched anyway.
	podsAlone bool
}

// kinds in the order in which a person is shown them.
var kinds = []kind{deployments, statefulSets, daemonSets, jobs, cronJobs, barePods}

// Kinds are those that are known by their name.
func Kinds() []v1alpha1.WorkloadKind {
	var out []v1alpha1.WorkloadKind
	for _, k := range kinds {
		out = append(out, v1alpha1.WorkloadKind(k.Kind))
	}
	return out
}

// kindNamed has the API's default where the name is empty.
func kindNamed(name v1alpha1.WorkloadKind) (kind, error) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.Kind == string(cmp.Or(name, v1alpha1.DefaultWorkloadKind)) })
	if i < 0 {
		return kind{}, fmt.Errorf("%q is no kind of workload that is known; there are %v", name, Kinds())
	}
	return kinds[i], nil
}

// New is an empty workload of a kind, to be read into. What is seen by its pods
// alone (Seen) has none.
func New(name v1alpha1.WorkloadKind) (Workload, error) {
	k, err := kindNamed(name)
	if err != nil {
		return nil, err
	}
	return k.of(k.newObject()), nil
}

// GroupVersionKind of a kind. Of what is another operator's, the version is not
// known and left empty.
func GroupVersionKind(name v1alpha1.WorkloadKind) (schema.GroupVersionKind, error) {
	if SeenByPods(name) {
		return controlledKind(name), nil
	}
	k, err := kindNamed(name)
	return k.GroupVersionKind, err
}

// TraitsOf a kind.
func TraitsOf(name v1alpha1.WorkloadKind) Traits {
	k, err := kindNamed(name)
	if err != nil {
		return controlledTraits(name)
	}
	return k.Traits
}

// KindOf an owner reference's target, false where that is no workload.
func KindOf(apiVersion, name string) (v1alpha1.WorkloadKind, bool) {
	for _, k := range kinds {
		if k.GroupVersion().String() == apiVersion && k.Kind == name {
			return v1alpha1.WorkloadKind(name), true
		}
	}
	return "", false
}

// Of is the object as a workload, false where it is none.
func Of(o Object) (Workload, bool) {
	for _, k := range kinds {
		if w := k.of(o); w != nil {
			return w, true
		}
	}
	return nil, false
}

// Objects are one empty object of each kind, for who watches or caches them: without
// pods, of which others than the bare ones are of interest, too.
func Objects() []Object {
	var out []Object
	for _, k := range kinds {
		if !k.podsAlone {
			out = append(out, k.newObject())
		}
	}
	return out
}

// NewLists are one empty list of each kind but pods, to be read into. Items are the
// workloads of such a list; what pods tell of, OfPods finds.
func NewLists() []List {
	var out []List
	for _, k := range kinds {
		if !k.podsAlone {
			out = append(out, k.newList())
		}
	}
	return out
}

// Items are the workloads of a list of one kind. They share its memory.
func Items(list List) []Workload {
	for _, k := range kinds {
		if items := k.items(list); items != nil {
			return items
		}
	}
	return nil
}

// itemsOf are the workloads of a typed slice.
func itemsOf[T any](items []T, of func(*T) Workload) []Workload {
	out := make([]Workload, len(items))
	for i := range items {
		out[i] = of(&items[i])
	}
	return out
}

// Selects tells whether a pod is the workload's, by its selector, or by its owner where
// that alone tells.
func Selects(w Workload, p *corev1.Pod) bool {
	if o, by := w.(interface{ owns(*corev1.Pod) bool }); by {
		return o.owns(p)
	}
	selector, err := metav1.LabelSelectorAsSelector(w.Selector())
	return err == nil && !selector.Empty() && selector.Matches(labels.Set(p.Labels))
}

// Trim drops from the object what nothing looks at, for who keeps many.
func Trim(w Workload) {
	if t, has := w.(interface{ trim() }); has {
		t.trim()
	}
}

// Paused is true while a person has paused a workload by its annotation.
func Paused(w Workload) bool {
	return w.Object().GetAnnotations()[v1alpha1.AnnotationPaused] == "true"
}

// Withheld says why a change of the template would not reach a pod of the
// workload, empty where it would; without a pod's name, why it would reach none.
func Withheld(w Workload, pod string) string {
	s := w.Strategy()
	switch {
	case s.Paused:
		return fmt.Sprintf("the %s's rollout is paused (spec.paused), so that a change would not reach its pods", w.Kind())
	case pod != "" && ordinal(pod) < int(s.Partition):
		return fmt.Sprintf("the %s's partition %d keeps a change from pod %s", w.Kind(), s.Partition, pod)
	}
	return ""
}

// ordinal of a pod that is one of a row, 0 where its name has none.
func ordinal(pod string) int {
	n, err := strconv.Atoi(pod[strings.LastIndex(pod, "-")+1:])
	if err != nil {
		return 0
	}
	return n
}

// desiredOr1 is spec.replicas; the API server's default is 1.
func desiredOr1(replicas *int32) int32 {
	if replicas == nil {
		return 1
	}
	return *replicas
}
