package controllers_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
)

// soon is a stack whose services may be down for a second.
func soon(s *v1alpha1.BridgeStack) *v1alpha1.BridgeStack {
	s.Spec.Detection.UnavailableGrace = &metav1.Duration{Duration: time.Second}
	return s
}

// Pods that the API server refuses to create are one incident, though there is none to
// look at: a person is called with the next command, and it is over once they are ready.
func TestPodsThatAreNotCreated(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	standard := func(level string) {
		edit(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, func(n *corev1.Namespace) {
			n.Labels["pod-security.kubernetes.io/enforce"] = level
		})
	}
	standard("restricted")
	create(t, soon(stack(ns, service("api"))))
	deploy(t, ns, "api", runs)
	var sets appsv1.ReplicaSetList
	until(t, func() bool {
		return k8s.List(t.Context(), &sets, client.InNamespace(ns)) == nil && len(sets.Items) == 1
	}, func() string { return "a ReplicaSet is there" })
	create(t, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: ns, GenerateName: "refused-"},
		InvolvedObject: corev1.ObjectReference{Kind: "ReplicaSet", APIVersion: "apps/v1", Namespace: ns, Name: sets.Items[0].Name, UID: sets.Items[0].UID},
		Type:           corev1.EventTypeWarning, Reason: "FailedCreate", LastTimestamp: metav1.Now(),
		Message: `Error creating: pods "api-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true)`,
	})
	start(t, ns, settings{})

	got := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	if got.Spec.Symptom != v1alpha1.SymptomNotAvailable || got.Status.Cause != v1alpha1.CausePodsNotCreated || got.Status.Confidence != v1alpha1.ConfidenceHigh {
		t.Errorf("%s: %s (%s): %s", got.Spec.Symptom, got.Status.Cause, got.Status.Confidence, got.Status.Message)
	}
	if want := "kubectl label --list namespace " + ns; got.Status.Command != want {
		t.Errorf("command %q, want %q", got.Status.Command, want)
	}
	if got.Status.Loop == nil || got.Status.Loop.Reason != detect.ReasonNotAvailable || got.Status.Loop.Restarts != 0 {
		t.Errorf("loop %+v", got.Status.Loop)
	}
	standard("privileged")
	await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecoveredWithoutRemedy)
}
