package waitfor

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Jobs reads one Job of the pod's own namespace.
type Jobs interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (*batchv1.Job, error)
}

// RunJob waits until a Job is complete, or ready where that suffices, and says on
// out what for. It returns an error at once where the Job has failed for good, and
// what was seen last when the time is over.
func RunJob(ctx context.Context, out io.Writer, w Wait, jobs Jobs) error {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	last, saidAt := "", time.Time{}
	for {
		job, err := jobs.Get(ctx, w.Job, metav1.GetOptions{})
		done, why, err := stateOf(job, err, w.Ready)
		switch {
		case done:
			say(out, "Job %s is %s after %s", w.Job, why, time.Since(started).Round(time.Millisecond))
			return nil
		case err != nil:
			return fmt.Errorf("waiting for Job %s: %w", w.Job, err)
		case !over(ctx) && (why != last || time.Since(saidAt) >= reminder):
			last, saidAt = why, time.Now()
			say(out, "waiting for Job %s: %s; %s left", w.Job, why, (w.Timeout - time.Since(started)).Round(time.Second))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for Job %s: it is not complete after %s: %s", w.Job, w.Timeout, last)
		case <-time.After(pause):
		}
	}
}

// stateOf a Job: done and how, why not yet, or an error that waiting does not help against.
func stateOf(job *batchv1.Job, err error, readySuffices bool) (done bool, why string, fatal error) {
	switch {
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return false, "", fmt.Errorf("%w; the pod's ServiceAccount needs the right to get it", err)
	case err != nil:
		return false, err.Error(), nil
	case readySuffices && job.Status.Ready != nil && *job.Status.Ready > 0:
		return true, "ready", nil
	}
	for _, c := range job.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			return true, "complete", nil
		case c.Type == batchv1.JobFailed:
			return false, "", fmt.Errorf("it has failed: %s", strings.TrimSpace(c.Reason+" "+c.Message))
		}
	}
	return false, fmt.Sprintf("%d pods of it are active, %d have failed", job.Status.Active, job.Status.Failed), nil
}
