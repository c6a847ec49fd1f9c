package workload

import (
	"cmp"
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // the operator's image has no time zones of its own

	"github.com/netresearch/go-cron"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var cronJobs = kind{
	GroupVersionKind: batchv1.SchemeGroupVersion.WithKind(string(v1alpha1.CronJob)),
	Traits: Traits{
		Group: batchv1.GroupName, Resource: "cronjobs", RunsToEnd: true,
		// Nothing could tell whether a change helped before the next run, a day later.
		Lock: "a CronJob is its owner's to change: its next run has the change",
	},
	newObject: func() Object { return &batchv1.CronJob{} },
	newList:   func() List { return &batchv1.CronJobList{} },
	of: func(o Object) Workload {
		if c, is := o.(*batchv1.CronJob); is {
			return cronJob{object: c}
		}
		return nil
	},
	items: func(list List) []Workload {
		if l, is := list.(*batchv1.CronJobList); is {
			return itemsOf(l.Items, func(c *batchv1.CronJob) Workload { return cronJob{object: c} })
		}
		return nil
	},
}

// cronJob has runs, which are Jobs: they own the pods. See WithRuns.
type cronJob struct {
	object *batchv1.CronJob
	// runs, the newest first.
	runs []job
}

func (c cronJob) Kind() v1alpha1.WorkloadKind { return v1alpha1.CronJob }
func (c cronJob) Object() Object              { return c.object }
func (c cronJob) Template() *corev1.PodTemplateSpec {
	return &c.object.Spec.JobTemplate.Spec.Template
}
func (c cronJob) Selector() *metav1.LabelSelector { return nil }
func (c cronJob) Strategy() Strategy              { return Strategy{} }
func (c cronJob) VolumeClaims() VolumeClaims      { return VolumeClaims{} }
func (c cronJob) NewHistory() List                { return &batchv1.JobList{} }
func (c cronJob) NewRecord() Object               { return &batchv1.Job{} }

// ObservedGeneration is that of the object: its controller keeps none.
func (c cronJob) ObservedGeneration() int64 { return c.object.Generation }

// Replicas are those of the newest run.
func (c cronJob) Replicas() Replicas {
	if len(c.runs) == 0 {
		return Replicas{}
	}
	return c.runs[0].Replicas()
}

// startsLate is how long after its time a run may begin before it counts as missed.
const startsLate = 2 * time.Minute

// Run is the last run that came to an end: one that is under way does not make good
// that the one before it failed until it has succeeded.
func (c cronJob) Run(now time.Time) *Run {
	out := &Run{State: RunWaiting}
	for i, r := range c.runs {
		run := r.Run(now)
		if i == 0 && run.Active {
			out.State, out.Object, out.Began = RunRunning, run.Object, run.Began
			out.Active, out.Failures, out.Well = true, run.Failures, run.Well
		}
		if run.State == RunSucceeded || run.State == RunFailed {
			under := *out
			if *out = *run; under.Active {
				out.Active, out.Failures, out.Well = true, under.Failures, under.Well
			}
			break
		}
	}
	// One that succeeded may be deleted by now (successfulJobsHistoryLimit: 0, or
	// ttlSecondsAfterFinished), and an earlier one that failed is kept for longer.
	if good := c.object.Status.LastSuccessfulTime; good != nil && good.After(out.Ended) {
		last := Run{State: RunSucceeded, Object: RefOf(c).String(), Ended: good.Time}
		if out.Active {
			last.Active, last.Failures, last.Well = true, out.Failures, out.Well
		}
		*out = last
	}
	if suspend := c.object.Spec.Suspend; suspend != nil && *suspend {
		if !out.Active {
			out.State = RunSuspended
		}
		return out
	}
	c.schedule(out, now)
	return out
}

// schedule says when the next run begins, and which one did not.
func (c cronJob) schedule(out *Run, now time.Time) {
	if now.IsZero() {
		return
	}
	times, err := scheduleOf(c.object)
	if err != nil {
		return // the API server has validated it, and knows more of it
	}
	out.Next = times.Next(now)
	last := c.object.CreationTimestamp.Time
	if at := c.object.Status.LastScheduleTime; at != nil {
		last = at.Time
	}
	due := times.Next(last)
	if due.IsZero() || now.Before(due.Add(startsLate)) || out.Active && c.object.Spec.ConcurrencyPolicy == batchv1.ForbidConcurrent {
		return
	}
	out.Missed = due
}

var cronParser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom | cron.Descriptor)

// scheduleOf a CronJob. Without a time zone it is that of the controller manager,
// nearly always UTC.
func scheduleOf(c *batchv1.CronJob) (cron.Schedule, error) {
	zone := "UTC"
	if c.Spec.TimeZone != nil && *c.Spec.TimeZone != "" {
		zone = *c.Spec.TimeZone
	}
	schedule, err := cronParser.Parse("CRON_TZ=" + zone + " " + c.Spec.Schedule)
	if err != nil {
		return nil, fmt.Errorf("read the schedule %q of CronJob %s: %w", c.Spec.Schedule, c.Name, err)
	}
	return schedule, nil
}

func (c cronJob) owns(p *corev1.Pod) bool {
	return slices.ContainsFunc(c.runs, func(j job) bool { return j.owns(p) })
}

// History is the newest run: pods of the others are of the past.
func (c cronJob) History(list List) History {
	jobs, is := list.(*batchv1.JobList)
	if !is {
		return nil
	}
	runs := runsOf(c.object, itemsOf(jobs.Items, func(j *batchv1.Job) Workload { return job{j} }))
	if len(runs) == 0 {
		return nil
	}
	return History{{Record: runs[0].object.Name, Created: runs[0].object.CreationTimestamp.Time, podOwner: runs[0].object.UID}}
}

// RecordedTemplate is that of a run.
func (c cronJob) RecordedTemplate(record Object) (*corev1.PodTemplateSpec, error) {
	j, is := record.(*batchv1.Job)
	if !is {
		return nil, fmt.Errorf("a %T is no run of a CronJob", record)
	}
	return j.Spec.Template.DeepCopy(), nil
}

// runsOf a CronJob among Jobs, the newest first. What the operator started itself for
// a diagnosis (RunJob) is that one's to judge.
func runsOf(c *batchv1.CronJob, among []Workload) []job {
	var out []job
	for _, w := range among {
		j, is := w.(job)
		if is && ControlledBy(j.object, c.UID) && j.object.Annotations[v1alpha1.AnnotationDiagnosis] == "" {
			out = append(out, j)
		}
	}
	slices.SortFunc(out, func(a, b job) int {
		if n := b.object.CreationTimestamp.Compare(a.object.CreationTimestamp.Time); n != 0 {
			return n
		}
		return cmp.Compare(b.object.Name, a.object.Name)
	})
	return out
}

// RunOf is the CronJob that a Job is a run of, false of everything else.
func RunOf(o Object) (Ref, bool) {
	if _, is := o.(*batchv1.Job); !is {
		return Ref{}, false
	}
	owner, owned := ControllerOf(o)
	kind, known := KindOf(owner.APIVersion, owner.Kind)
	if !owned || !known || kind != v1alpha1.CronJob {
		return Ref{}, false
	}
	return Ref{Kind: kind, Namespace: o.GetNamespace(), Name: owner.Name, UID: owner.UID}, true
}

// WithRuns gives CronJobs the runs that are among the workloads of their namespace, and
// leaves those out: they are no workloads of their own.
func WithRuns(all []Workload) []Workload {
	var out []Workload
	for _, w := range all {
		if c, is := w.(cronJob); is {
			c.runs = runsOf(c.object, all)
			w = c
		}
		if _, run := RunOf(w.Object()); !run {
			out = append(out, w)
		}
	}
	return out
}
