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

// idle is for how long nothing may be written once all is said.
const idle = 4 * time.Second

// An operator that has nothing new to say writes nothing, not even when it is
// made to look again.
func TestQuietOnceAllIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		program program
		// then is what the program becomes once it was escalated.
		then   program
		state  v1alpha1.DiagnosisState
		reason string
		// healthy is what the stack says of its services then.
		healthy string
	}{
		"recovered": {needs("192Mi"), nil, v1alpha1.StateRecovered, v1alpha1.ReasonRecovered, "1/1"},
		"escalated": {missingSetting, nil, v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson, "0/1"},
		// The pod still tells of its crashes: they are those of the incident that is over.
		"recovered by itself": {missingSetting, runs, v1alpha1.StateRecovered, v1alpha1.ReasonRecoveredWithoutRemedy, "1/1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			s := stack(ns, service("api"))
			create(t, s)
			d := deploy(t, ns, "api", c.program)
			o := start(t, ns, settings{})
			if c.then != nil {
				await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
				becomes(t, ns, "api", c.then)
			}
			got := await(t, ns, "api", c.state, c.reason)
			awaitServicesHealthy(t, s, c.healthy)
			settled := stillFor(t, o, idle)
			for _, object := range []client.Object{s, d, got, podOf(t, ns, "api")} {
				touch(t, object)
			}
			if again := stillFor(t, o, idle); again != settled {
				t.Errorf("%d writes although nothing had changed: %s", again-settled, o.wire.lastMade())
			}
			await(t, ns, "api", c.state, c.reason)
		})
	}
}

// stillFor waits until nothing was written for so long, and returns how many
// writes there were.
func stillFor(t *testing.T, o *operator, long time.Duration) int {
	t.Helper()
	last, since := o.wire.sent(), time.Now()
	until(t, func() bool {
		if n := o.wire.sent(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) >= long
	}, func() string { return "nothing is written any more" })
	return last
}

// touch makes the operator look at an object again.
func touch(t *testing.T, object client.Object) {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"example.com/touched":"once"}}}`))
	if err := k8s.Patch(t.Context(), object, patch); err != nil {
		t.Fatalf("touch %T %s: %v", object, object.GetName(), err)
	}
}

// A pod that is healthy now is no incident, however often it restarted long ago.
func TestOldRestartsAreNoIncident(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, mode(stack(ns, statefulService("postgres"), service("api")), v1alpha1.ModeSuggest))
	old := healthyWithOldRestarts(t, ns, "postgres")
	// The operator comes an hour later: the API server lets nobody backdate a pod.
	c := &shiftedClock{by: time.Hour}
	start(t, ns, settings{now: c.now})
	touch(t, old)
	// What loops beside it is seen, and so was the pod that came before.
	deploy(t, ns, "api", outOfMemory)
	await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	if all := diagnoses(t, ns, "postgres"); len(all) > 0 {
		t.Errorf("old restarts were taken for a loop:\n%s", tell(all))
	}
}

func statefulService(name string) v1alpha1.Service {
	s := service(name)
	s.Workload.Kind = v1alpha1.StatefulSet
	return s
}

// healthyWithOldRestarts makes a StatefulSet's pod that has just crashed 20
// times, and is up since.
func healthyWithOldRestarts(t *testing.T, namespace, name string) *corev1.Pod {
	t.Helper()
	labels := map[string]string{"set": name}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example.com/" + name}}}}
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       appsv1.StatefulSetSpec{ServiceName: name, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template},
	}
	create(t, set)
	yes := true
	pod := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: template.Spec}
	pod.Namespace, pod.Name = namespace, name+"-0"
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: name, UID: set.UID, Controller: &yes}}
	create(t, pod)
	ago := func(minutes int) metav1.Time {
		return metav1.NewTime(time.Now().Add(-time.Duration(minutes) * time.Minute))
	}
	ready := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: ago(1)}
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{ready}, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "main", Ready: true, RestartCount: 20,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: ago(1)}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 137, Reason: "OOMKilled", StartedAt: ago(2), FinishedAt: ago(1),
		}},
	}}}
	if err := k8s.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	return pod
}
