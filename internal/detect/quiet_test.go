package detect

import (
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/workload"
)

// Pods that were only wanting need not prove that they do not end again; all others do.
func TestSoakWithoutRemedy(t *testing.T) {
	restarted := &v1alpha1.LoopObservation{Reason: ReasonRestarts}
	for name, c := range map[string]struct {
		symptom v1alpha1.Symptom
		status  v1alpha1.BridgeDiagnosisStatus
		soak    time.Duration
		want    time.Duration
	}{
		"only wanting":                   {v1alpha1.SymptomNotAvailable, v1alpha1.BridgeDiagnosisStatus{}, time.Minute, readyFor},
		"only wanting, in a short soak":  {v1alpha1.SymptomNotAvailable, v1alpha1.BridgeDiagnosisStatus{}, time.Second, time.Second},
		"wanting, then restarting":       {v1alpha1.SymptomNotAvailable, v1alpha1.BridgeDiagnosisStatus{Loop: restarted}, time.Minute, time.Minute},
		"wanting, and something changed": {v1alpha1.SymptomNotAvailable, v1alpha1.BridgeDiagnosisStatus{Attempts: make([]v1alpha1.Attempt, 1)}, time.Minute, time.Minute},
		"a loop":                         {v1alpha1.SymptomRestartLoop, v1alpha1.BridgeDiagnosisStatus{}, time.Minute, time.Minute},
	} {
		if got := SoakWithoutRemedy(c.symptom, c.status, c.soak); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// What an operator that was just started sees for the first time may be old.
func TestMissingSince(t *testing.T) {
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ seen, refused, want time.Time }{
		"none is missing, and one was refused": {refused: noon},
		"nothing says since when":              {seen: noon, want: noon},
		"refused before it was seen":           {seen: noon, refused: noon.Add(-time.Hour), want: noon.Add(-time.Hour)},
		"refused only later":                   {seen: noon, refused: noon.Add(time.Minute), want: noon},
	} {
		if got := MissingSince(c.seen, c.refused); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestLacksPods(t *testing.T) {
	up := evidence.WorkloadPod{Container: evidence.Container{RunningSince: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)}}
	for name, c := range map[string]struct {
		n     workload.Replicas
		worst evidence.WorkloadPod
		found bool
		want  bool
	}{
		"all are there":                          {n: workload.Replicas{Desired: 2, Total: 2}, worst: up, found: true},
		"one is not there, the other is well":    {n: workload.Replicas{Desired: 2, Total: 1}, worst: up, found: true, want: true},
		"one is not there, the other is not up":  {n: workload.Replicas{Desired: 2, Total: 1}, found: true},
		"none is there":                          {n: workload.Replicas{Desired: 2}, want: true},
		"none is wanted, and none is looked for": {n: workload.Replicas{}},
	} {
		if got := LacksPods(c.n, c.worst, c.found); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
