//go:build e2e

package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestAllThatRuns: Jobs, a CronJob, a bare pod and a pod of another operator's object that
// fail are diagnosed as everything else is; those that came to a good end, or are
// suspended, raise no alarm, and nothing of them is touched.
func TestAllThatRuns(t *testing.T) {
	t.Parallel()
	s := newNamespace(t, "all-that-runs")
	s.must(kubectl(s.namespace, "apply", "-k", "../../config/testdata/all-that-runs"))
	s.must(kubectl(s.namespace, "create", "job", "nightly-1", "--from=cronjob/nightly"))
	s.podOfAnotherOperator()
	for service, want := range map[string]struct {
		kind  v1alpha1.WorkloadKind
		state v1alpha1.DiagnosisState
		cause v1alpha1.Cause
	}{
		"loops-on":          {v1alpha1.Job, v1alpha1.StateEscalated, v1alpha1.CauseEnvVarMissing},
		"past-its-limit":    {v1alpha1.Job, v1alpha1.StateEscalated, v1alpha1.CauseCommandNotFound},
		"past-its-deadline": {v1alpha1.Job, v1alpha1.StateEscalated, v1alpha1.CauseDeadlineExceeded},
		"nightly":           {v1alpha1.CronJob, v1alpha1.StateEscalated, v1alpha1.CauseEnvVarMissing},
		"tool":              {v1alpha1.Pod, v1alpha1.StateEscalated, v1alpha1.CauseArgumentsInvalid},
		"orders":            {"Cache.scenario.bridgestack.dev", v1alpha1.StateEscalated, v1alpha1.CauseArgumentsInvalid},
	} {
		t.Run(service, func(t *testing.T) {
			s := &stackUnder{T: t, namespace: s.namespace}
			d := s.awaitState(service, want.state, want.cause)
			if d.Spec.Workload.Kind != want.kind || len(d.Status.Attempts) > 0 {
				t.Errorf("%s, %d attempts", d.Spec.Workload.Kind, len(d.Status.Attempts))
			}
		})
	}
	s.must(kubectl(s.namespace, "create", "configmap", "report", "--from-literal=key=k"))
	s.must(kubectl(s.namespace, "create", "job", "nightly-2", "--from=cronjob/nightly"))
	d := s.await("nightly", "Recovered by its next run", func(d v1alpha1.BridgeDiagnosis) bool { return d.Status.State == v1alpha1.StateRecovered })
	if !strings.Contains(d.Status.Message, "Job/nightly-2 succeeded") {
		t.Errorf("says %s", d.Status.Message)
	}
	for _, quiet := range []string{"done", "suspended", "once"} {
		if all := s.diagnoses(quiet); len(all) > 0 {
			t.Errorf("%s is diagnosed: %s", quiet, all[0].Status.Message)
		}
	}
	// Those that fail are gone, and nothing is left that is not well.
	s.must(kubectl(s.namespace, "delete", "job/loops-on", "job/past-its-limit", "job/past-its-deadline", "pod/tool", "pod/orders-0"))
	s.must(kubectl(s.namespace, "wait", "bridgestack/"+stackName, "--for=condition=Healthy", "--timeout="+patience.String()))
}

// podOfAnotherOperator makes a pod that an object of the test's own kind controls.
func (s *stackUnder) podOfAnotherOperator() {
	s.Helper()
	const folder = "../../config/testdata/owned-by-another-operator/owner/"
	s.must(kubectl("", "apply", "--server-side", "-f", folder+"crd.yaml"))
	s.must(kubectl("", "wait", "crd/caches.scenario.bridgestack.dev", "--for=condition=Established", "--timeout=1m"))
	s.must(kubectl(s.namespace, "apply", "--server-side", "-f", folder+"cache.yaml"))
	owner := &unstructured.Unstructured{}
	owner.SetAPIVersion("scenario.bridgestack.dev/v1")
	owner.SetKind("Cache")
	owner.SetNamespace(s.namespace)
	owner.SetName("orders")
	owner.SetUID(types.UID(s.must(kubectl(s.namespace, "get", "caches.scenario.bridgestack.dev", "orders", "-o", "jsonpath={.metadata.uid}"))))
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "orders-0", Labels: map[string]string{"app.kubernetes.io/part-of": stackName},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, owner.GroupVersionKind())}},
		Spec: corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{RunAsUser: new(int64(999))}, Containers: []corev1.Container{{
			Name: "orders", Image: postgresImage, ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"psql", "--frobnicate"}}}},
	}
	if err := cluster.Create(s.Context(), p); err != nil {
		s.Fatal(err)
	}
}
