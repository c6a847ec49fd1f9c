package apply

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// RunJob creates a Job of a CronJob's template, as kubectl create job --from
// does. One that is there for this diagnosis is the answer that was lost; any
// other of this name is someone else's (ErrConflict).
func (a *Applier) RunJob(ctx context.Context, o Order) error {
	if err := o.Check(); err != nil {
		return err
	}
	d, action := o.Diagnosis, *o.Attempt.Action.RunJob
	var from batchv1.CronJob
	if err := a.Live.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: action.CronJob}, &from); err != nil {
		return classify(err, "reading CronJob "+action.CronJob)
	}
	name := action.JobName
	template := from.Spec.JobTemplate.DeepCopy()
	job := &batchv1.Job{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	job.Namespace, job.Name = d.Namespace, name
	job.Labels = with(job.Labels, v1alpha1.LabelStack, d.Spec.Stack)
	job.Annotations = with(job.Annotations, "cronjob.kubernetes.io/instantiate", "manual")
	job.Annotations = with(job.Annotations, v1alpha1.AnnotationDiagnosis, string(d.UID))
	job.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&from, batchv1.SchemeGroupVersion.WithKind("CronJob"))}
	err := a.Writer.Create(ctx, job, client.FieldOwner(v1alpha1.FieldManager))
	if !apierrors.IsAlreadyExists(err) {
		return classify(err, "creating Job "+name)
	}
	ours, err := a.HasJob(ctx, d, action)
	if err == nil && !ours {
		err = fmt.Errorf("job %s is there, and not for this diagnosis: %w", name, ErrConflict)
	}
	return err
}

func with(all map[string]string, key, value string) map[string]string {
	if all == nil {
		all = map[string]string{}
	}
	all[key] = value
	return all
}

// Job tells how a Job that RunJob created stands: whether it came to its end,
// and how it failed, empty where it did not.
func (a *Applier) Job(ctx context.Context, namespace, name string) (over bool, failure string, err error) {
	var job batchv1.Job
	if err := a.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &job); err != nil {
		if apierrors.IsNotFound(err) { // its time to live is over, or someone deleted it
			return true, "", nil
		}
		return false, "", fmt.Errorf("reading Job %s: %w", name, err)
	}
	for _, c := range job.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			return true, "", nil
		case c.Type == batchv1.JobFailed:
			return true, fmt.Sprintf("Job %s failed: %s: %s", name, c.Reason, c.Message), nil
		}
	}
	return false, "", nil
}

// HasJob tells whether a Job was created for a diagnosis. An error means that
// this is not known.
func (a *Applier) HasJob(ctx context.Context, d *v1alpha1.BridgeDiagnosis, action v1alpha1.RunJobAction) (bool, error) {
	var job batchv1.Job
	err := a.Live.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: action.JobName}, &job)
	if err != nil && !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("reading Job %s: %w", action.JobName, err)
	}
	return err == nil && job.Annotations[v1alpha1.AnnotationDiagnosis] == string(d.UID), nil
}
