package plan

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
)

// A node, a registry or a webhook that is at fault for many services is told of once.
func TestWhatLiesBesideIsToldOnce(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	of := func(name string, age time.Duration, state v1alpha1.DiagnosisState, cause v1alpha1.Cause, beside string) v1alpha1.BridgeDiagnosis {
		d := v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(now.Add(-age))}}
		d.Spec.Service = "of-" + name
		d.Status.State, d.Status.Cause, d.Status.Beside = state, cause, beside
		d.Status.Times.Visible = &metav1.MicroTime{Time: now.Add(-age)}
		return d
	}
	const node, lost = "Node/a", v1alpha1.CauseNodeLost
	for name, test := range map[string]struct {
		others []v1alpha1.BridgeDiagnosis
		age    time.Duration
		beside string
		state  v1alpha1.DiagnosisState
		root   string
	}{
		"the first tells":                     {[]v1alpha1.BridgeDiagnosis{of("later", time.Second, v1alpha1.StateWaiting, lost, node)}, time.Minute, node, "", ""},
		"the others wait":                     {[]v1alpha1.BridgeDiagnosis{of("first", time.Minute, v1alpha1.StateEscalated, lost, node)}, time.Second, node, v1alpha1.StateWaiting, "first"},
		"of two at once, by name":             {[]v1alpha1.BridgeDiagnosis{of("a", time.Second, v1alpha1.StateEscalated, lost, node)}, time.Second, node, v1alpha1.StateWaiting, "a"},
		"until the first is over":             {[]v1alpha1.BridgeDiagnosis{of("first", time.Minute, v1alpha1.StateRecovered, lost, node)}, time.Second, node, "", ""},
		"another node is another matter":      {[]v1alpha1.BridgeDiagnosis{of("first", time.Minute, v1alpha1.StateEscalated, lost, "Node/b")}, time.Second, node, "", ""},
		"what is of the pod alone":            {[]v1alpha1.BridgeDiagnosis{of("first", time.Minute, v1alpha1.StateEscalated, lost, node)}, time.Second, "", "", ""},
		"an earlier one is not diagnosed yet": {[]v1alpha1.BridgeDiagnosis{of("first", 2*time.Second, v1alpha1.StateDiagnosing, "", "")}, time.Second, node, v1alpha1.StateDiagnosing, ""},
		"and is not for long":                 {[]v1alpha1.BridgeDiagnosis{of("first", 2*time.Minute, v1alpha1.StateWaiting, "", "")}, time.Minute, node, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Now: now, Others: test.others, Diagnosis: of("m", test.age, v1alpha1.StateDiagnosing, "", ""), Finding: diagnosis.Finding{Message: "It does not answer."}}
			in.Finding.Subject.Beside = test.beside
			var got Decision
			if d := toldBeside(in); d != nil {
				got = *d
			}
			root := ""
			if got.Root != nil {
				root = got.Root.Diagnosis
			}
			if got.State != test.state || root != test.root {
				t.Errorf("%s with root %q, want %s with %q: %s", got.State, root, test.state, test.root, got.Message)
			}
		})
	}
}
