package view

import (
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Of pods that are wanting one that its kubelet turned away tells why, while its
// successor has not begun; one that has begun tells for itself.
func TestWorstOfPodsThatAreWanting(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	pod := func(name, phase, reason string, c evidence.Container) evidence.WorkloadPod {
		return evidence.WorkloadPod{HasContainer: true, Newest: true, Container: c, Pod: evidence.Pod{Name: name, Phase: phase, Reason: reason, Created: now.Add(-time.Minute)}}
	}
	away, evicted := pod("away", "Failed", "OutOfcpu", evidence.Container{}), pod("evicted", "Failed", "Evicted", evidence.Container{})
	next, begun := pod("next", "Pending", "", evidence.Container{}), pod("begun", "Running", "", evidence.Container{RunningSince: now.Add(-time.Minute)})
	for name, test := range map[string]struct {
		symptom v1alpha1.Symptom
		pods    []evidence.WorkloadPod
		want    string
	}{
		"turned away":                     {v1alpha1.SymptomNotAvailable, []evidence.WorkloadPod{away}, "away"},
		"and its successor has not begun": {v1alpha1.SymptomNotAvailable, []evidence.WorkloadPod{next, away}, "away"},
		"and its successor has":           {v1alpha1.SymptomNotAvailable, []evidence.WorkloadPod{begun, away}, "begun"},
		"one was evicted before":          {v1alpha1.SymptomNotAvailable, []evidence.WorkloadPod{next, evicted}, "next"},
		"only one that was evicted":       {v1alpha1.SymptomNotAvailable, []evidence.WorkloadPod{evicted}, ""},
		"it is about the eviction":        {v1alpha1.SymptomRestartLoop, []evidence.WorkloadPod{evicted}, "evicted"},
	} {
		v := Incident{Diagnosis: &v1alpha1.BridgeDiagnosis{Spec: v1alpha1.BridgeDiagnosisSpec{Symptom: test.symptom}}, Pods: test.pods, Now: now}
		got := ""
		if i := v.Worst(); i >= 0 {
			got = test.pods[i].Pod.Name
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
