package workload

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var deployments = kind{
	GroupVersionKind: appsv1.SchemeGroupVersion.WithKind(string(v1alpha1.Deployment)),
	Traits:           Traits{Group: appsv1.GroupName, Resource: "deployments", Scalable: true},
	newObject:        func() Object { return &appsv1.Deployment{} },
	newList:          func() List { return &appsv1.DeploymentList{} },
	of: func(o Object) Workload {
		if d, is := o.(*appsv1.Deployment); is {
			return deployment{d}
		}
		return nil
	},
	items: func(list List) []Workload {
		if l, is := list.(*appsv1.DeploymentList); is {
			return itemsOf(l.Items, func(d *appsv1.Deployment) Workload { return deployment{d} })
		}
		return nil
	},
	fromManifest: func(m Manifest) Object {
		d := &appsv1.Deployment{ObjectMeta: m.ObjectMeta, Spec: appsv1.DeploymentSpec{Replicas: m.Replicas, Selector: m.Selector, Template: m.Template}}
		if m.Recreate {
			d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
		}
		return d
	},
}

// deployment keeps its revisions as ReplicaSets, which own its pods.
type deployment struct{ object *appsv1.Deployment }

func (d deployment) Kind() v1alpha1.WorkloadKind       { return v1alpha1.Deployment }
func (d deployment) Object() Object                    { return d.object }
func (d deployment) Template() *corev1.PodTemplateSpec { return &d.object.Spec.Template }
func (d deployment) Selector() *metav1.LabelSelector   { return d.object.Spec.Selector }
func (d deployment) ObservedGeneration() int64         { return d.object.Status.ObservedGeneration }
func (d deployment) VolumeClaims() VolumeClaims        { return VolumeClaims{} }
func (d deployment) NewHistory() List                  { return &appsv1.ReplicaSetList{} }
func (d deployment) NewRecord() Object                 { return &appsv1.ReplicaSet{} }

// Run is nil: it runs for good.
func (deployment) Run(time.Time) *Run { return nil }

func (d deployment) Strategy() Strategy {
	out := Strategy{Paused: d.object.Spec.Paused, ProgressDeadline: defaultProgressDeadline}
	if seconds := d.object.Spec.ProgressDeadlineSeconds; seconds != nil {
		out.ProgressDeadline = time.Duration(*seconds) * time.Second
	}
	if d.object.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return out
	}
	var surge, unavailable *intstr.IntOrString
	if r := d.object.Spec.Strategy.RollingUpdate; r != nil {
		surge, unavailable = r.MaxSurge, r.MaxUnavailable
	}
	quarter := intstr.FromString("25%") // the API server's default of both
	desired := int(d.Replicas().Desired)
	out.SurgesFirst = scaled(unavailable, quarter, desired, false) == 0 && scaled(surge, quarter, desired, true) > 0
	return out
}

// defaultProgressDeadline is the API server's default.
const defaultProgressDeadline = 10 * time.Minute

// scaled is a number of pods, or a share of the desired ones: that of a surge is
// rounded up, that of unavailable ones down (deployment/util ResolveFenceposts).
func scaled(value *intstr.IntOrString, otherwise intstr.IntOrString, desired int, up bool) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(value, otherwise), desired, up)
	if err != nil {
		return 0 // the API server lets nothing else in
	}
	return n
}

func (d deployment) Replicas() Replicas {
	s := d.object.Status
	out := Replicas{Desired: desiredOr1(d.object.Spec.Replicas), Total: s.Replicas, Updated: s.UpdatedReplicas, Ready: s.ReadyReplicas}
	for _, c := range s.Conditions {
		// replicaset/replica_set_utils.go sets the reason; the Deployment repeats it.
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue && c.Reason == "FailedCreate" {
			out.RefusedSince = c.LastTransitionTime.Time
		}
	}
	return out
}

func (d deployment) History(list List) History {
	sets, is := list.(*appsv1.ReplicaSetList)
	if !is {
		return nil
	}
	var out History
	for i := range sets.Items {
		rs := &sets.Items[i]
		if ControlledBy(rs, d.object.UID) {
			ready := rs.Status.ReadyReplicas
			out = append(out, Revision{Number: revisionNumber(rs), Record: rs.Name, Created: rs.CreationTimestamp.Time, podOwner: rs.UID, ready: &ready})
		}
	}
	return out.newestFirst()
}

func (d deployment) RecordedTemplate(record Object) (*corev1.PodTemplateSpec, error) {
	rs, is := record.(*appsv1.ReplicaSet)
	if !is {
		return nil, fmt.Errorf("a %T records no revision of a Deployment", record)
	}
	template := rs.Spec.Template.DeepCopy()
	delete(template.Labels, appsv1.DefaultDeploymentUniqueLabelKey) // set by the Deployment controller
	return template, nil
}
