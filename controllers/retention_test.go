package controllers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Diagnoses whose incidents are over are deleted beyond the policy's limit, the
// oldest first.
func TestEndedDiagnosesAreDeleted(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("web"))
	two := int32(2)
	s.Spec.Diagnosis.HistoryLimit = &two
	create(t, s)
	for i, hours := range []time.Duration{5, 4, 3, 2} {
		d := &v1alpha1.BridgeDiagnosis{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: fmt.Sprintf("web-%d", i), Labels: map[string]string{v1alpha1.LabelStack: s.Name, v1alpha1.LabelService: "web"}},
			Spec:       v1alpha1.BridgeDiagnosisSpec{Stack: s.Name, Service: "web", Container: "main", Workload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "web", UID: "1"}},
		}
		create(t, d)
		at := metav1.NewMicroTime(time.Now().Add(-hours * time.Hour))
		d.Status.State, d.Status.Times.Recovered = v1alpha1.StateRecovered, &at
		if err := k8s.Status().Update(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	deploy(t, ns, "web", runs)
	start(t, ns, settings{})
	names := func() []string {
		var out []string
		for _, d := range diagnoses(t, ns, "web") {
			out = append(out, d.Name)
		}
		slices.Sort(out)
		return out
	}
	until(t, func() bool { return len(names()) <= int(two) }, func() string { return fmt.Sprintf("two are left of %v", names()) })
	if diff := cmp.Diff([]string{"web-2", "web-3"}, names()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Who deletes a diagnosis of a pod that does not change any more gets a new one.
func TestDeletedDiagnosisIsOpenedAnew(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := mode(stack(ns, service("api")), v1alpha1.ModeSuggest)
	s.Spec.Detection.StartGrace = &metav1.Duration{Duration: time.Second}
	create(t, s)
	deploy(t, ns, "api", func(*corev1.Pod) run { return run{cannotStart: "CreateContainerConfigError"} })
	start(t, ns, settings{})
	var first *v1alpha1.BridgeDiagnosis
	opened := func(other func(*v1alpha1.BridgeDiagnosis) bool) func() bool {
		return func() bool {
			all := diagnoses(t, ns, "api")
			if len(all) == 1 && all[0].Status.Cause != "" && other(&all[0]) {
				first = &all[0]
				return true
			}
			return false
		}
	}
	until(t, opened(func(*v1alpha1.BridgeDiagnosis) bool { return true }), func() string { return "a diagnosis is opened\n" + tell(diagnoses(t, ns, "api")) })
	uid := first.UID
	if err := k8s.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	until(t, opened(func(d *v1alpha1.BridgeDiagnosis) bool { return d.UID != uid }), func() string { return "a new one is opened\n" + tell(diagnoses(t, ns, "api")) })
}

// Two stacks that claim one workload are both told: only the older one watches it.
func TestTwoStacksClaimOneWorkload(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	older := mode(stack(ns, service("api")), v1alpha1.ModeObserve)
	create(t, older)
	younger := stack(ns, service("api"), service("web"))
	younger.Name = "younger" // made in the same second, perhaps: then the name decides
	create(t, younger)
	deploy(t, ns, "api", outOfMemory)
	deploy(t, ns, "web", runs)
	start(t, ns, settings{})
	both := func(want string) func() bool {
		return func() bool { return readyOf(t, older) == want && readyOf(t, younger) == want }
	}
	says := func() string {
		return "both stacks are told: " + message(t, older, v1alpha1.ConditionReady) + "\n" + message(t, younger, v1alpha1.ConditionReady)
	}
	until(t, both("False "+v1alpha1.ReasonWorkloadClaimedTwice), says)
	d := await(t, ns, "api", v1alpha1.StateObserved, v1alpha1.ReasonObserving)
	if d.Spec.Stack != older.Name {
		t.Errorf("the incident is of stack %s", d.Spec.Stack)
	}
	edit(t, older, func(s *v1alpha1.BridgeStack) { s.Spec.Services = []v1alpha1.Service{service("other")} })
	until(t, func() bool { return readyOf(t, younger) == "True Reconciled" }, says)
}
