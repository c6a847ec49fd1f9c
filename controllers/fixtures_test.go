package controllers_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// stack is a policy that repairs at once: Auto, with a short soak. Its timeout
// is long enough for a busy machine: no test waits for it.
func stack(namespace string, services ...v1alpha1.Service) *v1alpha1.BridgeStack {
	ceiling := resource.MustParse("1Gi")
	storm := int32(100)
	seconds := func(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Second} }
	return &v1alpha1.BridgeStack{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"},
		Spec: v1alpha1.BridgeStackSpec{
			Services: services,
			Remediation: v1alpha1.Remediation{
				Mode: v1alpha1.ModeAuto, Memory: v1alpha1.MemoryBounds{Ceiling: &ceiling},
				Budget: v1alpha1.Budget{StormPercent: &storm},
				Soak:   seconds(1), Timeout: seconds(60), Cooldown: seconds(1),
			},
		},
	}
}

// mode is the stack with another mode.
func mode(s *v1alpha1.BridgeStack, m v1alpha1.Mode) *v1alpha1.BridgeStack {
	s.Spec.Remediation.Mode = m
	return s
}

func service(name string, dependsOn ...string) v1alpha1.Service {
	s := v1alpha1.Service{Name: name, Workload: &v1alpha1.WorkloadReference{Kind: v1alpha1.Deployment, Name: name}}
	for _, d := range dependsOn {
		s.DependsOn = append(s.DependsOn, v1alpha1.Dependency{Service: d})
	}
	return s
}

// deploy makes a Deployment with a limit of 128Mi whose pods run a program.
func deploy(t *testing.T, namespace, name string, p program, change ...func(*appsv1.Deployment)) *appsv1.Deployment {
	t.Helper()
	becomes(t, namespace, name, p)
	one := int32(1)
	labels := map[string]string{labelApp: name}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "main", Image: "example.com/" + name + ":1",
					Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")}},
				}}},
			},
		},
	}
	for _, c := range change {
		c(d)
	}
	create(t, d)
	return d
}

// becomes gives the pods of an app another program.
func becomes(t *testing.T, namespace, app string, p program) {
	t.Helper()
	if err := sim.set(t.Context(), namespace, app, p); err != nil {
		t.Fatalf("giving %s another program: %v", app, err)
	}
}

// template is a Deployment's pod template as the API server has it, to the byte.
func template(t *testing.T, d *appsv1.Deployment) string {
	t.Helper()
	var live appsv1.Deployment
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(d), &live); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(live.Spec.Template)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// limit is a Deployment's memory limit.
func limit(t *testing.T, d *appsv1.Deployment) string {
	t.Helper()
	var live appsv1.Deployment
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(d), &live); err != nil {
		t.Fatal(err)
	}
	return live.Spec.Template.Spec.Containers[0].Resources.Limits.Memory().String()
}

// diagnoses of a service, ended ones too.
func diagnoses(t *testing.T, namespace, service string) []v1alpha1.BridgeDiagnosis {
	t.Helper()
	var list v1alpha1.BridgeDiagnosisList
	if err := k8s.List(t.Context(), &list, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelService: service}); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// await waits until the service's only diagnosis is in a state for a reason.
func await(t *testing.T, namespace, service string, state v1alpha1.DiagnosisState, reason string) *v1alpha1.BridgeDiagnosis {
	t.Helper()
	var all []v1alpha1.BridgeDiagnosis
	until(t, func() bool {
		if all = diagnoses(t, namespace, service); len(all) > 1 {
			t.Fatalf("%d diagnoses of %s, want one:\n%s", len(all), service, tell(all))
		}
		return len(all) == 1 && all[0].Status.State == state && reasonOf(&all[0]) == reason
	}, func() string { return fmt.Sprintf("%s is %s (%s)\n%s", service, state, reason, tell(all)) })
	return &all[0]
}

func reasonOf(d *v1alpha1.BridgeDiagnosis) string {
	if ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.Reason
	}
	return ""
}

func tell(all []v1alpha1.BridgeDiagnosis) string {
	out := ""
	for _, d := range all {
		out += fmt.Sprintf("  %s: %s (%s), cause %s: %s\n", d.Name, d.Status.State, reasonOf(&d), d.Status.Cause, d.Status.Message)
		for _, a := range d.Status.Attempts {
			out += fmt.Sprintf("    attempt %s: %s %s %s\n", a.ID, a.Proposal.Remedy, a.Outcome, a.Message)
		}
	}
	return out
}

// shows checks all of an object's conditions: those that are not named must not
// be there.
func shows(t *testing.T, conditions []metav1.Condition, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for _, c := range conditions {
		got[c.Type] = string(c.Status) + " " + c.Reason
		if c.Message == "" {
			t.Errorf("condition %s says nothing", c.Type)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions (-want +got)\n%s", diff)
	}
}

// outcomes of a diagnosis' attempts.
func outcomes(d *v1alpha1.BridgeDiagnosis) []v1alpha1.AttemptOutcome {
	var out []v1alpha1.AttemptOutcome
	for _, a := range d.Status.Attempts {
		out = append(out, a.Outcome)
	}
	return out
}

// attempted checks how the attempts ended.
func attempted(t *testing.T, d *v1alpha1.BridgeDiagnosis, want ...v1alpha1.AttemptOutcome) {
	t.Helper()
	if diff := cmp.Diff(want, outcomes(d)); diff != "" {
		t.Errorf("attempts (-want +got)\n%s%s", diff, tell([]v1alpha1.BridgeDiagnosis{*d}))
	}
}

func podsOf(t *testing.T, namespace, app string) []corev1.Pod {
	t.Helper()
	var list corev1.PodList
	if err := k8s.List(t.Context(), &list, client.InNamespace(namespace), client.MatchingLabels{labelApp: app}); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// stackNow is the stack as the API server has it.
func stackNow(t *testing.T, s *v1alpha1.BridgeStack) *v1alpha1.BridgeStack {
	t.Helper()
	var live v1alpha1.BridgeStack
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(s), &live); err != nil {
		t.Fatal(err)
	}
	return &live
}

// awaitServicesHealthy waits until a stack's status says how many of its services are healthy.
func awaitServicesHealthy(t *testing.T, s *v1alpha1.BridgeStack, want string) {
	t.Helper()
	until(t, func() bool { return stackNow(t, s).Status.ServicesHealthy == want }, func() string {
		return fmt.Sprintf("%s services are healthy: %+v", want, stackNow(t, s).Status.Services)
	})
}

// readyOf is a stack's condition Ready, if it speaks of the present policy.
func readyOf(t *testing.T, s *v1alpha1.BridgeStack) string {
	t.Helper()
	live := stackNow(t, s)
	ready := meta.FindStatusCondition(live.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || live.Status.ObservedGeneration != live.Generation {
		return "of an earlier generation"
	}
	return string(ready.Status) + " " + ready.Reason
}
