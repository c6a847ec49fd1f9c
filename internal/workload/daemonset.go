package workload

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var daemonSets = kind{
	GroupVersionKind: appsv1.SchemeGroupVersion.WithKind(string(v1alpha1.DaemonSet)),
	Traits:           Traits{Group: appsv1.GroupName, Resource: "daemonsets", LeavesPods: true},
	newObject:        func() Object { return &appsv1.DaemonSet{} },
	newList:          func() List { return &appsv1.DaemonSetList{} },
	of: func(o Object) Workload {
		if d, is := o.(*appsv1.DaemonSet); is {
			return daemonSet{object: d}
		}
		return nil
	},
	items: func(list List) []Workload {
		if l, is := list.(*appsv1.DaemonSetList); is {
			return itemsOf(l.Items, func(d *appsv1.DaemonSet) Workload { return daemonSet{object: d} })
		}
		return nil
	},
	fromManifest: func(m Manifest) Object {
		return &appsv1.DaemonSet{ObjectMeta: m.ObjectMeta, Spec: appsv1.DaemonSetSpec{Selector: m.Selector, Template: m.Template}}
	},
}

// daemonSet labels its pods with the hash that its ControllerRevision is labelled with.
type daemonSet struct {
	controllerRevisions
	object *appsv1.DaemonSet
}

func (d daemonSet) Kind() v1alpha1.WorkloadKind       { return v1alpha1.DaemonSet }
func (d daemonSet) Object() Object                    { return d.object }
func (d daemonSet) Template() *corev1.PodTemplateSpec { return &d.object.Spec.Template }
func (d daemonSet) Selector() *metav1.LabelSelector   { return d.object.Spec.Selector }
func (d daemonSet) ObservedGeneration() int64         { return d.object.Status.ObservedGeneration }
func (d daemonSet) VolumeClaims() VolumeClaims        { return VolumeClaims{} }

// Run is nil: it runs for good.
func (daemonSet) Run(time.Time) *Run { return nil }

func (d daemonSet) Strategy() Strategy {
	out := Strategy{OnDelete: d.object.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType}
	if r := d.object.Spec.UpdateStrategy.RollingUpdate; r != nil && !out.OnDelete {
		// With a surge, the API allows no unavailable pods.
		out.SurgesFirst = scaled(r.MaxSurge, intstr.FromInt32(0), int(d.Replicas().Desired), true) > 0
	}
	return out
}

func (d daemonSet) Replicas() Replicas {
	s := d.object.Status
	return Replicas{Desired: s.DesiredNumberScheduled, Total: s.CurrentNumberScheduled, Updated: s.UpdatedNumberScheduled, Ready: s.NumberReady}
}

func (d daemonSet) History(list List) History {
	label := func(r *appsv1.ControllerRevision) string { return r.Labels[appsv1.ControllerRevisionHashLabelKey] }
	out := d.of(list, d.object.UID, label)
	if len(out) == 0 {
		return History{{Created: d.object.CreationTimestamp.Time, podOwner: d.object.UID}}
	}
	return out
}
