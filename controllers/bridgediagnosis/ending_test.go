package bridgediagnosis

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/healthcheck"
)

// A Job whose container crashed and then came to its end is over, although nothing of
// it stays up and its pod is kept: whoever was called is told so.
func TestJobThatSucceededRecovers(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	done := podMade("migrate-x", time.Hour, true, corev1.ContainerStatus{Name: "app", RestartCount: 4,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 0, Reason: "Completed"}}})
	done.Status.Phase = corev1.PodSucceeded
	detected := metav1.NewMicroTime(at3.Add(-10 * time.Minute))
	job := func(condition batchv1.JobConditionType, ago time.Duration) *batchv1.Job {
		return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "migrate"}, Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{
			{Type: condition, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at3.Add(-ago))}}}}
	}
	for name, c := range map[string]struct {
		job       *batchv1.Job
		stackGone bool
		want      v1alpha1.DiagnosisState
	}{
		"succeeded": {job(batchv1.JobComplete, time.Minute), false, v1alpha1.StateRecovered},
		"succeeded, which ends its being a service": {job(batchv1.JobComplete, time.Minute), true, v1alpha1.StateRecovered},
		"failed": {job(batchv1.JobFailed, time.Minute), false, ""},
		"succeeded before the incident, as an earlier run did": {job(batchv1.JobComplete, time.Hour), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Reconciler{Client: fake.NewClientBuilder().WithScheme(scheme).Build(), Health: &healthcheck.Memory{}, Clock: clocktesting.NewFakePassiveClock(at3)}
			in := roundOf(time.Hour, done)
			in.workload, in.stackGone = workloadOf(t, c.job), c.stackGone
			in.service.Workload.Wanted = in.workload.Replicas().Desired
			in.after.Spec.Workload = v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Job, Name: "migrate"}
			in.after.Spec.DetectedAt, in.after.Status.State = &detected, ""
			var over bool
			var err error
			for _, next := range r.endings() {
				if over, err = next(t.Context(), in); over || err != nil {
					break
				}
			}
			if err != nil || in.after.Status.State != c.want {
				t.Errorf("%q: %v", in.after.Status.State, err)
			}
		})
	}
}
