package incident

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var now = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)

// ended is a diagnosis that ended some time ago, open where that is negative.
func ended(name, service, container string, ago time.Duration, state v1alpha1.DiagnosisState) v1alpha1.BridgeDiagnosis {
	d := v1alpha1.BridgeDiagnosis{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.BridgeDiagnosisSpec{Service: service, Container: container, Workload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: service}},
	}
	d.Status.State = state
	switch state {
	case v1alpha1.StateRecovered:
		at := metav1.NewMicroTime(now.Add(-ago))
		d.Status.Times.Recovered = &at
	case v1alpha1.StateClosed:
		d.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-ago))}}
	default: // open
	}
	return d
}

func TestExpired(t *testing.T) {
	const day = 24 * time.Hour
	three, tenDays := int32(3), metav1.Duration{Duration: 10 * day}
	for name, c := range map[string]struct {
		options   v1alpha1.DiagnosisOptions
		diagnoses []v1alpha1.BridgeDiagnosis
		want      []string
	}{
		"all but the newest of each container, once their time is over": {
			options: v1alpha1.DiagnosisOptions{TTL: &tenDays},
			diagnoses: []v1alpha1.BridgeDiagnosis{
				ended("a-old", "a", "main", 12*day, v1alpha1.StateRecovered), ended("a-older", "a", "main", 13*day, v1alpha1.StateClosed), ended("a-sidecar", "a", "sidecar", 40*day, v1alpha1.StateRecovered),
				ended("b-young", "b", "main", 9*day, v1alpha1.StateClosed), ended("b-newer", "b", "main", 2*day, v1alpha1.StateRecovered),
			},
			want: []string{"a-older"},
		},
		"the oldest of a service beyond the limit": {
			options: v1alpha1.DiagnosisOptions{HistoryLimit: &three},
			diagnoses: []v1alpha1.BridgeDiagnosis{
				ended("a-1", "a", "main", 5*day, v1alpha1.StateRecovered), ended("a-2", "a", "main", 4*day, v1alpha1.StateRecovered), ended("a-3", "a", "main", 3*day, v1alpha1.StateRecovered),
				ended("a-4", "a", "main", 2*day, v1alpha1.StateRecovered), ended("a-5", "a", "main", day, v1alpha1.StateRecovered), ended("b-1", "b", "main", 5*day, v1alpha1.StateRecovered),
			},
			want: []string{"a-2", "a-1"},
		},
		"none that is open, however old": {
			options:   v1alpha1.DiagnosisOptions{HistoryLimit: &three},
			diagnoses: []v1alpha1.BridgeDiagnosis{ended("a-1", "a", "main", 0, v1alpha1.StateEscalated), ended("a-2", "a", "main", 0, v1alpha1.StateWaiting)},
		},
		"none that the budget of the last hour counts": {
			options: v1alpha1.DiagnosisOptions{HistoryLimit: new(int32)},
			diagnoses: []v1alpha1.BridgeDiagnosis{
				ended("a-1", "a", "main", 59*time.Minute, v1alpha1.StateRecovered), ended("a-2", "a", "main", 61*time.Minute, v1alpha1.StateRecovered),
			},
			want: []string{"a-2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range RetentionOf(c.options).Expired(c.diagnoses, now) {
				got = append(got, d.Name)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// However many there were, no more are kept than the limit and the last hour's.
func TestHistoryIsBounded(t *testing.T) {
	var all []v1alpha1.BridgeDiagnosis
	for i := range 2000 {
		all = append(all, ended(fmt.Sprintf("a-%04d", i), "a", "main", time.Duration(i)*5*time.Minute, v1alpha1.StateRecovered))
	}
	left := len(all) - len(RetentionOf(v1alpha1.DiagnosisOptions{}).Expired(all, now))
	if left != DefaultHistoryLimit {
		t.Errorf("%d are kept, want %d", left, DefaultHistoryLimit)
	}
}
