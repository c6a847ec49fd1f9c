package incident

import (
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

// What was told once is not told again when a person resumes what they suspended.
func TestLastOver(t *testing.T) {
	of := func(d v1alpha1.BridgeDiagnosis, uid string) v1alpha1.BridgeDiagnosis {
		d.Spec.Workload.UID = "u"
		if uid != "" {
			d.Spec.Workload.UID = "another"
		}
		return d
	}
	ref := workload.Ref{Kind: v1alpha1.Deployment, Name: "api", UID: "u"}
	for name, c := range map[string]struct {
		known []v1alpha1.BridgeDiagnosis
		want  time.Time
	}{
		"none":                              {},
		"one is open":                       {[]v1alpha1.BridgeDiagnosis{of(ended("a", "api", "main", 0, v1alpha1.StateEscalated), "")}, time.Time{}},
		"one recovered":                     {[]v1alpha1.BridgeDiagnosis{of(ended("a", "api", "main", time.Hour, v1alpha1.StateRecovered), "")}, now.Add(-time.Hour)},
		"one was suspended since":           {[]v1alpha1.BridgeDiagnosis{of(ended("a", "api", "main", time.Hour, v1alpha1.StateRecovered), ""), of(ended("b", "api", "main", time.Minute, v1alpha1.StateClosed), "")}, now.Add(-time.Minute)},
		"one was of another workload":       {[]v1alpha1.BridgeDiagnosis{of(ended("a", "web", "main", time.Hour, v1alpha1.StateRecovered), "")}, time.Time{}},
		"one was of an earlier of its name": {[]v1alpha1.BridgeDiagnosis{of(ended("a", "api", "main", time.Minute, v1alpha1.StateClosed), "gone")}, time.Time{}},
	} {
		if got := LastOver(c.known, ref); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
