package workload

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var barePods = kind{
	GroupVersionKind: corev1.SchemeGroupVersion.WithKind(string(v1alpha1.Pod)),
	Traits: Traits{
		Group: corev1.GroupName, Resource: "pods",
		// Nothing makes one anew that was evicted.
		Lock: "nothing would make a bare pod anew: delete it and make it with the change",
	},
	newObject: func() Object { return &corev1.Pod{} },
	newList:   func() List { return &corev1.PodList{} },
	of: func(o Object) Workload {
		if p, is := o.(*corev1.Pod); is && isBare(p) {
			return pod{p}
		}
		return nil
	},
	items: func(list List) []Workload {
		l, is := list.(*corev1.PodList)
		if !is {
			return nil
		}
		out := []Workload{}
		for i := range l.Items {
			if isBare(&l.Items[i]) {
				out = append(out, pod{&l.Items[i]})
			}
		}
		return out
	},
	podsAlone: true,
}

// isBare tells whether nothing controls a pod, or the kubelet of its node alone, which
// makes static pods of files.
func isBare(p *corev1.Pod) bool {
	owner, owned := ControllerOf(p)
	return !owned || owner.APIVersion == corev1.SchemeGroupVersion.String() && owner.Kind == "Node"
}

// pod is one that nothing makes anew.
type pod struct{ object *corev1.Pod }

func (p pod) Kind() v1alpha1.WorkloadKind     { return v1alpha1.Pod }
func (p pod) Object() Object                  { return p.object }
func (p pod) Selector() *metav1.LabelSelector { return nil }
func (p pod) Strategy() Strategy              { return Strategy{} }
func (p pod) VolumeClaims() VolumeClaims      { return VolumeClaims{} }
func (p pod) NewHistory() List                { return nil }
func (p pod) NewRecord() Object               { return nil }
func (p pod) ObservedGeneration() int64       { return p.object.Generation }

// Template is a copy: of a pod's spec hardly anything can be changed.
func (p pod) Template() *corev1.PodTemplateSpec { return templateOf(p.object) }

func templateOf(p *corev1.Pod) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: p.Labels, Annotations: p.Annotations},
		Spec:       *p.Spec.DeepCopy(),
	}
}

func (p pod) Replicas() Replicas {
	out := Replicas{Desired: 1, Total: 1, Updated: 1}
	if PodReady(p.object) {
		out.Ready = 1
	}
	if run := p.Run(time.Time{}); run != nil && !run.Active {
		return Replicas{}
	}
	return out
}

// Run is nil where the kubelet always starts its containers again, but for one that
// came to its end all the same: it was evicted, or its node was shut down.
func (p pod) Run(time.Time) *Run {
	s := p.object.Status
	over := s.Phase == corev1.PodSucceeded || s.Phase == corev1.PodFailed
	if !over && p.object.Spec.RestartPolicy != corev1.RestartPolicyNever && p.object.Spec.RestartPolicy != corev1.RestartPolicyOnFailure {
		return nil
	}
	out := &Run{State: RunRunning, Object: RefOf(p).String(), Active: !over, Began: p.object.CreationTimestamp.Time}
	if !over {
		return out
	}
	out.State = RunSucceeded
	if s.Phase == corev1.PodFailed {
		out.State, out.Reason, out.Message = RunFailed, s.Reason, s.Message
	}
	for _, c := range s.ContainerStatuses {
		if t := c.State.Terminated; t != nil && t.FinishedAt.After(out.Ended) {
			out.Ended = t.FinishedAt.Time
		}
	}
	if out.Ended.IsZero() {
		out.Ended = out.Began
	}
	return out
}

// owns itself, and pods that it made: Spark's executors are its driver's.
func (p pod) owns(other *corev1.Pod) bool {
	return other.UID == p.object.UID || ControlledBy(other, p.object.UID)
}

// History is the pod itself, with those that it made.
func (p pod) History(List) History {
	return History{{Created: p.object.CreationTimestamp.Time, pod: p.object.UID}}
}

// RecordedTemplate is the pod's own: nothing records another one.
func (p pod) RecordedTemplate(Object) (*corev1.PodTemplateSpec, error) { return p.Template(), nil }
