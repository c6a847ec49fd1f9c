package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// controlled is what the pods tell of an object that controls them and is of none of the
// kinds in the table: a database's Cluster, a Rollout, a ReplicaSet that somebody made by
// hand. The object itself is not read, for which the operator would need the right to
// read whatever there is: its pods are watched anyway.
type controlled struct {
	owner  Owner
	object *metav1.PartialObjectMetadata
	// pods of it, the newest first; one at least.
	pods []*corev1.Pod
}

// SeenByPods says that a kind is none of the table: its pods are all that is read.
func SeenByPods(name v1alpha1.WorkloadKind) bool {
	_, err := kindNamed(name)
	return err != nil
}

// WorkloadKind is the owner's kind as that of a workload, with its group where it is none
// of Kubernetes' own.
func (o Owner) WorkloadKind() v1alpha1.WorkloadKind {
	if o.foreign() {
		return v1alpha1.WorkloadKind(o.Kind + "." + o.GroupVersionKind().Group)
	}
	return v1alpha1.WorkloadKind(o.Kind)
}

// controlledKind takes such a name apart.
func controlledKind(name v1alpha1.WorkloadKind) schema.GroupVersionKind {
	kind, group, foreign := strings.Cut(string(name), ".")
	switch {
	case foreign:
		return schema.GroupVersionKind{Group: group, Kind: kind}
	case kind == "ReplicaSet":
		return appsv1.SchemeGroupVersion.WithKind(kind)
	}
	return corev1.SchemeGroupVersion.WithKind(kind)
}

func controlledTraits(name v1alpha1.WorkloadKind) Traits {
	gvk := controlledKind(name)
	return Traits{
		Group: gvk.Group, Resource: strings.ToLower(gvk.Kind) + "s", Stateful: true,
		Lock: fmt.Sprintf("what a %s is made of is not the operator's to change", gvk.Kind),
	}
}

func (c controlled) Kind() v1alpha1.WorkloadKind     { return c.owner.WorkloadKind() }
func (c controlled) Object() Object                  { return c.object }
func (c controlled) Selector() *metav1.LabelSelector { return nil }
func (c controlled) Strategy() Strategy              { return Strategy{} }
func (c controlled) VolumeClaims() VolumeClaims      { return VolumeClaims{} }
func (c controlled) ObservedGeneration() int64       { return 0 }

// Run is nil: whether its pods are to come to an end is for its operator to say.
func (c controlled) Run(time.Time) *Run { return nil }

// Template is a copy of what the newest pod is made of.
func (c controlled) Template() *corev1.PodTemplateSpec { return templateOf(c.pods[0]) }

// Replicas are the pods that there are and have not ended: how many there should be is
// in the object.
func (c controlled) Replicas() Replicas {
	var out Replicas
	for _, p := range c.pods {
		if p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		out.Desired++
		if PodReady(p) {
			out.Ready++
		}
	}
	out.Total, out.Updated = out.Desired, out.Desired
	return out
}

func (c controlled) owns(p *corev1.Pod) bool {
	return slices.ContainsFunc(c.pods, func(own *corev1.Pod) bool { return own.UID == p.UID })
}

// NewHistory are ReplicaSets: those of a Rollout are between it and its pods.
func (c controlled) NewHistory() List  { return &appsv1.ReplicaSetList{} }
func (c controlled) NewRecord() Object { return &appsv1.ReplicaSet{} }

// History is one revision that owns the pods, or one for each ReplicaSet: those that have
// pods come first, since a later one may have been given up, and of these the youngest.
func (c controlled) History(list List) History {
	out := History{}
	if sets, is := list.(*appsv1.ReplicaSetList); is {
		for i := range sets.Items {
			if rs := &sets.Items[i]; ControlledBy(rs, c.owner.UID) {
				ready := rs.Status.ReadyReplicas
				out = append(out, Revision{Record: rs.Name, Created: rs.CreationTimestamp.Time, podOwner: rs.UID, ready: &ready})
			}
		}
	}
	if len(out) == 0 {
		return History{{Created: c.pods[0].CreationTimestamp.Time, podOwner: c.owner.UID}}
	}
	hasPods := func(r Revision) int {
		if slices.ContainsFunc(c.pods, r.Has) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b Revision) int {
		return cmp.Or(cmp.Compare(hasPods(b), hasPods(a)), b.Created.Compare(a.Created))
	})
	return out
}

// RecordedTemplate is a ReplicaSet's.
func (c controlled) RecordedTemplate(record Object) (*corev1.PodTemplateSpec, error) {
	rs, is := record.(*appsv1.ReplicaSet)
	if !is {
		return nil, fmt.Errorf("a %T records no revision of a %s", record, c.Kind())
	}
	return rs.Spec.Template.DeepCopy(), nil
}

// Between is an empty object of the kind that an owner of pods is, where that may itself
// be made by what runs them: a ReplicaSet or a Job. nil for others.
func Between(o Owner) Object {
	switch o.GroupVersionKind().GroupKind() {
	case appsv1.SchemeGroupVersion.WithKind("ReplicaSet").GroupKind():
		return &appsv1.ReplicaSet{}
	case jobs.GroupKind():
		return jobs.newObject()
	}
	return nil
}

// RefOfPod names what runs a pod. between is what controls the pod, where Between names
// a kind for it: what controls that runs the pod, as a Deployment does or a Rollout. A
// Job runs its pods itself unless it is the run of a CronJob.
func RefOfPod(p *corev1.Pod, between Object) Ref {
	owner := ownerThrough(p, between)
	if owner == (Owner{}) {
		return RefOf(pod{p})
	}
	return Ref{Kind: owner.WorkloadKind(), Namespace: p.Namespace, Name: owner.Name, UID: owner.UID}
}

// ownerThrough is what runs the pod, zero where the pod is bare.
func ownerThrough(p *corev1.Pod, between Object) Owner {
	if isBare(p) {
		return Owner{}
	}
	owner, _ := ControllerOf(p)
	if between == nil {
		return owner
	}
	above, owned := ControllerOf(between)
	if _, run := RunOf(between); owned && (run || owner.Kind != jobs.Kind) {
		return above
	}
	return owner
}

// OfPods are the workloads that only pods tell of: those that are bare, and what is of
// none of the kinds in the table. sets are the ReplicaSets of the pods' namespaces.
func OfPods(pods []corev1.Pod, sets []appsv1.ReplicaSet) []Workload {
	byUID := map[types.UID]*appsv1.ReplicaSet{}
	for i := range sets {
		byUID[sets[i].UID] = &sets[i]
	}
	var out []Workload
	found := map[types.UID]*controlled{}
	var order []*controlled
	for i := range pods {
		p := &pods[i]
		if isBare(p) {
			out = append(out, pod{p})
			continue
		}
		owner, _ := ControllerOf(p)
		if _, isSet := Between(owner).(*appsv1.ReplicaSet); isSet {
			set := byUID[owner.UID]
			if set == nil {
				continue // it has not been seen yet
			}
			owner = ownerThrough(p, set)
		}
		if _, known := KindOf(owner.APIVersion, owner.Kind); known {
			continue
		}
		c := found[owner.UID]
		if c == nil {
			c = &controlled{owner: owner, object: objectOf(owner, p.Namespace)}
			found[owner.UID] = c
			order = append(order, c)
		}
		c.pods = append(c.pods, p)
	}
	for _, c := range order {
		slices.SortFunc(c.pods, func(a, b *corev1.Pod) int {
			return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
		})
		c.object.Labels = c.pods[0].Labels
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Workload) int { return cmp.Compare(RefOf(a).String(), RefOf(b).String()) })
	return out
}

// TellsOfSeen is true of pods and ReplicaSets that tell of what is seen by pods alone, and
// of bare pods.
func TellsOfSeen(o Object) bool {
	switch o := o.(type) {
	case *corev1.Pod:
		owner, _ := ControllerOf(o)
		_, known := KindOf(owner.APIVersion, owner.Kind)
		return isBare(o) || !known && Between(owner) == nil
	case *appsv1.ReplicaSet:
		owner, _ := ControllerOf(o)
		_, known := KindOf(owner.APIVersion, owner.Kind)
		return !known
	}
	return false
}

func objectOf(o Owner, namespace string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: o.APIVersion, Kind: o.Kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: o.Name, UID: o.UID},
	}
}
