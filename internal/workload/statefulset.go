package workload

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var statefulSets = kind{
	GroupVersionKind: appsv1.SchemeGroupVersion.WithKind(string(v1alpha1.StatefulSet)),
	Traits:           Traits{Group: appsv1.GroupName, Resource: "statefulsets", Scalable: true, Stateful: true, LeavesPods: true},
	newObject:        func() Object { return &appsv1.StatefulSet{} },
	newList:          func() List { return &appsv1.StatefulSetList{} },
	of: func(o Object) Workload {
		if s, is := o.(*appsv1.StatefulSet); is {
			return statefulSet{object: s}
		}
		return nil
	},
	items: func(list List) []Workload {
		if l, is := list.(*appsv1.StatefulSetList); is {
			return itemsOf(l.Items, func(s *appsv1.StatefulSet) Workload { return statefulSet{object: s} })
		}
		return nil
	},
	fromManifest: func(m Manifest) Object {
		return &appsv1.StatefulSet{ObjectMeta: m.ObjectMeta, Spec: appsv1.StatefulSetSpec{
			ServiceName: m.ServiceName, Replicas: m.Replicas, Selector: m.Selector, Template: m.Template, VolumeClaimTemplates: m.VolumeClaims,
		}}
	},
}

// statefulSet labels its pods with the name of their ControllerRevision.
type statefulSet struct {
	controllerRevisions
	object *appsv1.StatefulSet
}

func (s statefulSet) Kind() v1alpha1.WorkloadKind       { return v1alpha1.StatefulSet }
func (s statefulSet) Object() Object                    { return s.object }
func (s statefulSet) Template() *corev1.PodTemplateSpec { return &s.object.Spec.Template }
func (s statefulSet) Selector() *metav1.LabelSelector   { return s.object.Spec.Selector }
func (s statefulSet) ObservedGeneration() int64         { return s.object.Status.ObservedGeneration }

// Run is nil: it runs for good.
func (statefulSet) Run(time.Time) *Run { return nil }

func (s statefulSet) Replicas() Replicas {
	status := s.object.Status
	return Replicas{Desired: desiredOr1(s.object.Spec.Replicas), Total: status.Replicas, Updated: status.UpdatedReplicas, Ready: status.ReadyReplicas}
}

func (s statefulSet) Strategy() Strategy {
	out := Strategy{OnDelete: s.object.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType, InOrder: true}
	if r := s.object.Spec.UpdateStrategy.RollingUpdate; r != nil && r.Partition != nil {
		out.Partition = *r.Partition
	}
	return out
}

func (s statefulSet) VolumeClaims() VolumeClaims {
	policy := s.object.Spec.PersistentVolumeClaimRetentionPolicy
	return VolumeClaims{
		Any:               len(s.object.Spec.VolumeClaimTemplates) > 0,
		DeletedWhenScaled: policy != nil && policy.WhenScaled == appsv1.DeletePersistentVolumeClaimRetentionPolicyType,
	}
}

// History begins with the revision that the controller updates pods to, also
// before its record is seen.
func (s statefulSet) History(list List) History {
	label := func(r *appsv1.ControllerRevision) string { return r.Name }
	out := s.of(list, s.object.UID, label)
	update := s.object.Status.UpdateRevision
	i := slices.IndexFunc(out, func(r Revision) bool { return r.podLabel == update })
	if i < 0 {
		return append(History{{Created: s.object.CreationTimestamp.Time, podOwner: s.object.UID, podLabel: update}}, out...)
	}
	newest := out[i]
	return slices.Insert(slices.Delete(out, i, i+1), 0, newest)
}
