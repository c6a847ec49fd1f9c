//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestAsMeant: what is switched off, what an autoscaler scales to zero and back, a rollout
// that is merely slow, and what came to its end are no incidents. One service that is down is
// deployed when all that is over: once that is told, so would be the others.
func TestAsMeant(t *testing.T) {
	t.Parallel()
	s := newNamespace(t, "as-meant")
	s.must(kubectl(s.namespace, "apply", "-k", "../../config/testdata/as-meant"))
	s.must(kubectl(s.namespace, "rollout", "status", "deployment,statefulset", "--timeout="+patience.String()))
	s.must(kubectl(s.namespace, "create", "job", "nightly-1", "--from=cronjob/nightly"))
	s.must(kubectl(s.namespace, "wait", "job/finished", "job/nightly-1", "--for=condition=Complete", "--timeout="+patience.String()))
	scale := func(kind, name, replicas string) {
		s.must(kubectl(s.namespace, "scale", kind, name, "--replicas="+replicas)) // the scale subresource, as an autoscaler writes it
	}
	scale("deployment", "switched-off", "0")
	scale("statefulset", "switched-off-too", "0")
	scale("deployment", "scaled-by-demand", "0")
	s.must(kubectl(s.namespace, "rollout", "restart", "deployment/rolls-out-slowly"))
	s.gone("scaled-by-demand")
	scale("deployment", "scaled-by-demand", "2")
	s.must(kubectl(s.namespace, "rollout", "status", "deployment/scaled-by-demand", "--timeout="+patience.String()))
	scale("deployment", "scaled-by-demand", "0")
	s.must(kubectl(s.namespace, "rollout", "status", "deployment/rolls-out-slowly", "--timeout="+patience.String()))
	for _, name := range []string{"switched-off", "switched-off-too", "scaled-by-demand"} {
		s.gone(name)
	}
	s.nothingToTell()

	down := faultyService{name: "down", cause: v1alpha1.CauseNotReady, make: container(func(c *corev1.Container) {
		c.Command, c.ReadinessProbe = forever, probe("false")
	})}
	s.deploy(down)
	s.await(down.name, "diagnosed", func(d v1alpha1.BridgeDiagnosis) bool { return d.Status.Cause == down.cause })
	s.must(kubectl(s.namespace, "delete", "deployment", down.name))
	s.await(down.name, "Closed", func(d v1alpha1.BridgeDiagnosis) bool { return d.Status.State == v1alpha1.StateClosed })
	s.nothingToTell(down.name)
}

// TestDrainedNode: pods that are evicted because their node is drained, and that come back,
// are no incident. It drains the nodes of one stack's pods alone; nothing else may be
// deployed in the meantime.
func TestDrainedNode(t *testing.T) {
	s := newNamespace(t, "as-meant")
	s.must(kubectl(s.namespace, "apply", "-k", "../../config/testdata/as-meant"))
	s.edit([]func(*v1alpha1.BridgeStack){func(b *v1alpha1.BridgeStack) {
		b.Spec.Detection.UnavailableGrace = &metav1.Duration{Duration: 2 * patience}
	}})
	s.must(kubectl(s.namespace, "rollout", "status", "deployment,statefulset", "--timeout="+patience.String()))
	uncordon := func() {
		for n := range strings.FieldsSeq(s.must(kubectl("", "get", "nodes", "-o", "name"))) {
			s.must(kubectl("", "uncordon", strings.TrimPrefix(n, "node/")))
		}
	}
	t.Cleanup(uncordon)
	s.must(kubectl("", "drain", "--selector=kubernetes.io/os=linux", "--pod-selector=app.kubernetes.io/part-of="+stackName, "--force", "--timeout="+patience.String()))
	s.podsOf("rolls-out-slowly", "two without a node", func(pods []corev1.Pod) bool {
		return len(pods) == 2 && !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Spec.NodeName != "" })
	})
	uncordon()
	s.must(kubectl(s.namespace, "rollout", "status", "deployment,statefulset", "--timeout="+patience.String()))
	s.nothingToTell()
}

// gone waits until a workload has no pods.
func (s *stackUnder) gone(name string) {
	s.Helper()
	s.podsOf(name, "gone", func(pods []corev1.Pod) bool { return len(pods) == 0 })
}

// podsOf waits until the pods of a workload are as they should be.
func (s *stackUnder) podsOf(name, what string, holds func([]corev1.Pod) bool) {
	s.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(500 * time.Millisecond) {
		var pods corev1.PodList
		if err := cluster.List(s.Context(), &pods, client.InNamespace(s.namespace), client.MatchingLabels{"app.kubernetes.io/name": name}); err != nil {
			s.Fatal(err)
		}
		if holds(pods.Items) {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s has %d pods that are not %s", name, len(pods.Items), what)
		}
	}
}

// nothingToTell waits until the stack is healthy, and fails if there is, or was, an incident
// of any service but the exceptions, or an event of the operator's on one.
func (s *stackUnder) nothingToTell(but ...string) {
	s.Helper()
	s.must(kubectl(s.namespace, "wait", "bridgestack/"+stackName, "--for=condition=Healthy", "--timeout="+patience.String()))
	var list v1alpha1.BridgeDiagnosisList
	if err := cluster.List(s.Context(), &list, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	for _, d := range list.Items {
		if len(but) == 0 || d.Spec.Service != but[0] {
			s.Errorf("%s is diagnosed: %s (%s): %s", d.Spec.Service, d.Status.Cause, d.Status.State, d.Status.Message)
		}
	}
	var events corev1.EventList
	if err := cluster.List(s.Context(), &events, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	for _, e := range events.Items {
		if e.ReportingController == "bridgestack" && e.Type == corev1.EventTypeWarning && (len(but) == 0 || !strings.Contains(e.InvolvedObject.Name, but[0])) {
			s.Errorf("an event tells of %s: %s: %s", e.InvolvedObject.Name, e.Reason, e.Message)
		}
	}
}
