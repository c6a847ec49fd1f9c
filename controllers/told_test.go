package controllers_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// An incident that rests is looked at again when an event says what its evidence did not:
// the kubelet's events may come after the status that they explain, which changes no more.
func TestEventThatComesLaterIsRead(t *testing.T) {
	t.Run("on the pod", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		create(t, mode(stack(ns, service("api")), v1alpha1.ModeObserve))
		deploy(t, ns, "api", ends(137, "Error", "serving\n"))
		start(t, ns, settings{})
		await(t, ns, "api", v1alpha1.StateObserved, v1alpha1.ReasonObserving)
		awaitCause(t, ns, "api", v1alpha1.CauseUnknown)
		var pods corev1.PodList
		if err := k8s.List(t.Context(), &pods, client.InNamespace(ns)); err != nil || len(pods.Items) != 1 {
			t.Fatalf("%d pods: %v", len(pods.Items), err)
		}
		pod := &pods.Items[0]
		ended := pod.Status.ContainerStatuses[0].LastTerminationState.Terminated
		create(t, &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: ns, GenerateName: "killing-"},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: ns, Name: pod.Name, UID: pod.UID, FieldPath: "spec.containers{main}"},
			Type:           corev1.EventTypeNormal, Reason: "Killing", Count: 1, LastTimestamp: metav1.NewTime(ended.FinishedAt.Add(-time.Second)),
			Message: "Container main failed liveness probe, will be restarted",
		})
		awaitCause(t, ns, "api", v1alpha1.CauseLivenessProbeFailed)
	})
	t.Run("on what makes the pods", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		edit(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, func(n *corev1.Namespace) {
			n.Labels["pod-security.kubernetes.io/enforce"] = "restricted"
		})
		create(t, mode(soon(stack(ns, service("api"))), v1alpha1.ModeObserve))
		deploy(t, ns, "api", runs)
		start(t, ns, settings{})
		awaitCause(t, ns, "api", v1alpha1.CauseUnknown)
		var sets appsv1.ReplicaSetList
		if err := k8s.List(t.Context(), &sets, client.InNamespace(ns)); err != nil || len(sets.Items) != 1 {
			t.Fatalf("%d ReplicaSets: %v", len(sets.Items), err)
		}
		create(t, &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: ns, GenerateName: "refused-"},
			InvolvedObject: corev1.ObjectReference{Kind: "ReplicaSet", APIVersion: "apps/v1", Namespace: ns, Name: sets.Items[0].Name, UID: sets.Items[0].UID},
			Type:           corev1.EventTypeWarning, Reason: "FailedCreate", LastTimestamp: metav1.Now(),
			Message: `Error creating: pods "api-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true)`,
		})
		awaitCause(t, ns, "api", v1alpha1.CausePodsNotCreated)
	})
}

func awaitCause(t *testing.T, ns, service string, cause v1alpha1.Cause) {
	t.Helper()
	until(t, func() bool {
		all := diagnoses(t, ns, service)
		return len(all) == 1 && all[0].Status.Cause == cause
	}, func() string { return string(cause) + "\n" + tell(diagnoses(t, ns, service)) })
}
