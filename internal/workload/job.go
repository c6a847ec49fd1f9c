package workload

import (
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var jobs = kind{
	GroupVersionKind: batchv1.SchemeGroupVersion.WithKind(string(v1alpha1.Job)),
	Traits: Traits{
		Group: batchv1.GroupName, Resource: "jobs", RunsToEnd: true,
		// The API server refuses a change of spec.template; an evicted pod counts as failed.
		Lock: "a Job's pod template cannot be changed: make the Job anew with the change",
	},
	newObject: func() Object { return &batchv1.Job{} },
	newList:   func() List { return &batchv1.JobList{} },
	of: func(o Object) Workload {
		if j, is := o.(*batchv1.Job); is {
			return job{j}
		}
		return nil
	},
	items: func(list List) []Workload {
		if l, is := list.(*batchv1.JobList); is {
			return itemsOf(l.Items, func(j *batchv1.Job) Workload { return job{j} })
		}
		return nil
	},
}

// job owns its pods itself.
type job struct{ object *batchv1.Job }

func (j job) Kind() v1alpha1.WorkloadKind       { return v1alpha1.Job }
func (j job) Object() Object                    { return j.object }
func (j job) Template() *corev1.PodTemplateSpec { return &j.object.Spec.Template }
func (j job) Selector() *metav1.LabelSelector   { return j.object.Spec.Selector }
func (j job) Strategy() Strategy                { return Strategy{} }
func (j job) VolumeClaims() VolumeClaims        { return VolumeClaims{} }
func (j job) NewHistory() List                  { return nil }
func (j job) NewRecord() Object                 { return nil }

// ObservedGeneration is that of the object: the Job controller keeps none, and the
// template does not change.
func (j job) ObservedGeneration() int64 { return j.object.Generation }

// Replicas are those that should run now: none once it came to its end, or is about to,
// or while it is suspended. Without completions it empties a queue, and the Job controller
// makes no further pods once one of them succeeded (job_controller.go, manageJob).
func (j job) Replicas() Replicas {
	s := j.object.Status
	out := Replicas{Total: s.Active, Updated: s.Active}
	if s.Ready != nil {
		out.Ready = *s.Ready
	}
	if !j.Run(time.Time{}).Active || j.ends() {
		return out
	}
	out.Desired = desiredOr1(j.object.Spec.Parallelism)
	switch n := j.object.Spec.Completions; {
	case n != nil:
		out.Desired = min(out.Desired, max(0, *n-s.Succeeded))
	case s.Succeeded > 0:
		out.Desired = s.Active
	}
	return out
}

// ends says that what the Job comes to is decided, and its last pods are being ended.
func (j job) ends() bool {
	return slices.ContainsFunc(j.object.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobSuccessCriteriaMet || c.Type == batchv1.JobFailureTarget)
	})
}

// Run is by the conditions that end a Job. FailureTarget and SuccessCriteriaMet come
// before those, while its last pods are ended.
func (j job) Run(time.Time) *Run {
	status := j.object.Status
	out := &Run{State: RunRunning, Object: RefOf(j).String(), Began: j.object.CreationTimestamp.Time, Failures: status.Failed, Well: status.Succeeded}
	if status.Ready != nil {
		out.Well += *status.Ready
	}
	if status.StartTime != nil {
		out.Began = status.StartTime.Time
	}
	for _, c := range status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete:
			out.State, out.Ended = RunSucceeded, c.LastTransitionTime.Time
			return out
		case batchv1.JobFailed:
			out.State, out.Ended = RunFailed, c.LastTransitionTime.Time
			out.Reason, out.Message = c.Reason, c.Message
			return out
		default:
		}
	}
	if suspend := j.object.Spec.Suspend; suspend != nil && *suspend {
		out.State = RunSuspended
		return out
	}
	out.Active = true
	return out
}

func (j job) owns(p *corev1.Pod) bool { return ControlledBy(p, j.object.UID) }

// History is one revision: a Job's template never changes.
func (j job) History(List) History {
	return History{{Created: j.object.CreationTimestamp.Time, podOwner: j.object.UID}}
}

// RecordedTemplate is the Job's own: nothing records another one.
func (j job) RecordedTemplate(Object) (*corev1.PodTemplateSpec, error) {
	return j.object.Spec.Template.DeepCopy(), nil
}

// trim drops what nothing looks at once a Job has succeeded: they are kept for days.
func (j job) trim() {
	if j.Run(time.Time{}).State != RunSucceeded {
		return
	}
	spec := &j.object.Spec.Template.Spec
	var names []corev1.Container
	for _, c := range spec.Containers {
		names = append(names, corev1.Container{Name: c.Name, Image: c.Image})
	}
	*spec = corev1.PodSpec{RestartPolicy: spec.RestartPolicy, Containers: names}
}
