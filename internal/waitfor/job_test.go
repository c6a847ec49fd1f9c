package waitfor

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// answers are given one after the other, the last one for ever.
type answers []func() (*batchv1.Job, error)

func (a *answers) Get(context.Context, string, metav1.GetOptions) (*batchv1.Job, error) {
	next := (*a)[0]
	if len(*a) > 1 {
		*a = (*a)[1:]
	}
	return next()
}

func job(active int32, conditions ...batchv1.JobCondition) func() (*batchv1.Job, error) {
	return func() (*batchv1.Job, error) {
		return &batchv1.Job{Status: batchv1.JobStatus{Active: active, Conditions: conditions}}, nil
	}
}

// A Job that others need while it runs is there when its pod is ready, or has ended.
func TestWaitsForAJobToBeReady(t *testing.T) {
	ready := func() (*batchv1.Job, error) {
		one := int32(1)
		return &batchv1.Job{Status: batchv1.JobStatus{Active: 1, Ready: &one}}, nil
	}
	var log bytes.Buffer
	jobs := answers{job(1), ready}
	if err := RunJob(t.Context(), &log, Wait{Job: "setup", Ready: true, Timeout: 10 * time.Second}, &jobs); err != nil || !strings.Contains(log.String(), "Job setup is ready") {
		t.Errorf("%v\n%s", err, &log)
	}
	jobs = answers{ready}
	if err := RunJob(t.Context(), &log, Wait{Job: "setup", Timeout: 100 * time.Millisecond}, &jobs); err == nil {
		t.Error("without --ready it must be complete")
	}
}

func TestWaitsForAJob(t *testing.T) {
	jobs := schema.GroupResource{Group: "batch", Resource: "jobs"}
	complete := batchv1.JobCondition{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}
	failed := batchv1.JobCondition{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded"}
	absent := func() (*batchv1.Job, error) { return nil, apierrors.NewNotFound(jobs, "migrate") }
	denied := func() (*batchv1.Job, error) { return nil, apierrors.NewForbidden(jobs, "migrate", nil) }
	for name, c := range map[string]struct {
		answers answers
		logs    string
		fails   string
	}{
		"complete":            {answers{job(0, complete)}, "Job migrate is complete", ""},
		"not there, then is":  {answers{absent, job(1), job(0, complete)}, "not found", ""},
		"failed for good":     {answers{job(1), job(0, failed)}, "1 pods of it are active", "BackoffLimitExceeded"},
		"may not be read":     {answers{denied}, "", "needs the right to get it"},
		"not within the time": {answers{job(1)}, "1 pods of it are active", "not complete after"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			err := RunJob(t.Context(), &log, Wait{Job: "migrate", Timeout: 3500 * time.Millisecond}, &c.answers)
			if !strings.Contains(log.String(), c.logs) {
				t.Errorf("log:\n%s\nwant %q", &log, c.logs)
			}
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
		})
	}
}
