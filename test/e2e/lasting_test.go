//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestKillsOutliveTheirEvents: a program that the kubelet kills by its liveness probe, and
// that ends well when it is told to, looks like one that is done. The kubelet writes some
// twenty-five events on a pod and then hardly any: a stack that is declared long after,
// when what was written is gone, too, gets the right answer from what is left, and an
// answer that was given stays.
func TestKillsOutliveTheirEvents(t *testing.T) {
	s := newNamespace(t, "kills-outlive-events") // alone: it ends the operator's process
	const service = "told-to-stop"
	s.deploy(faultyService{name: service, make: container(func(c *corev1.Container) {
		c.Command = []string{"sh", "-c", `trap 'echo "received SIGTERM, shutting down"; exit 0' TERM; echo "serving"; while :; do sleep 0.2; done`}
		c.LivenessProbe = probe("sh", "-c", "echo not well; exit 1")
		c.LivenessProbe.PeriodSeconds, c.LivenessProbe.FailureThreshold = 2, 2
	})})
	s.restarted(service, 4)
	s.must(kubectl(s.namespace, "delete", "events", "--all"))
	stack := &v1alpha1.BridgeStack{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: stackName}}
	stack.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/part-of": stackName}}
	stack.Spec.Remediation.Mode = v1alpha1.ModeObserve
	if err := cluster.Create(t.Context(), stack); err != nil {
		t.Fatal(err)
	}
	killed := func(d v1alpha1.BridgeDiagnosis) bool { return d.Status.Cause == v1alpha1.CauseLivenessProbeFailed }
	d := s.await(service, "LivenessProbeFailed", killed)
	t.Logf("declared after %d restarts: %s (%s): %s", d.Status.Loop.Restarts, d.Status.Cause, d.Status.Confidence, d.Status.Message)
	for _, e := range d.Status.Evidence {
		t.Logf("%s: %s", e.Source, e.Text)
	}

	s.must(kubectl(s.namespace, "delete", "events", "--all"))
	s.must(kubectl(operatorNamespace, "delete", "pod", "--all", "--wait=true"))
	before := d.Status.Loop.Restarts
	d = s.await(service, "looked at after one more kill", func(d v1alpha1.BridgeDiagnosis) bool {
		return d.Status.Loop != nil && d.Status.Loop.Restarts > before && !strings.Contains(d.Status.Message, "runs again")
	})
	if !killed(d) {
		t.Errorf("after its events were dropped it is %s (%s): %s", d.Status.Cause, d.Status.Confidence, d.Status.Message)
	}
	t.Logf("after %d restarts, with another process: %s (%s)", d.Status.Loop.Restarts, d.Status.Cause, d.Status.Confidence)
}

// restarted waits until the only pod of a service was restarted so often.
func (s *stackUnder) restarted(service string, times int32) {
	s.Helper()
	var now int32
	for deadline := time.Now().Add(patience + 2*time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		var pods corev1.PodList
		if err := cluster.List(s.Context(), &pods, client.InNamespace(s.namespace), client.MatchingLabels{faultyLabel: service}); err != nil {
			s.Fatal(err)
		}
		if len(pods.Items) == 1 && len(pods.Items[0].Status.ContainerStatuses) > 0 {
			if now = pods.Items[0].Status.ContainerStatuses[0].RestartCount; now >= times {
				return
			}
		}
	}
	s.Fatalf("%s was restarted %d times, want %d", service, now, times)
}
