package incident

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const (
	// DefaultHistoryLimit of spec.diagnosis.historyLimit.
	DefaultHistoryLimit = 20
	// DefaultTTL of spec.diagnosis.ttl.
	DefaultTTL = 30 * 24 * time.Hour
	// keptLeast is how long a diagnosis is kept in any case: the attempts of the last
	// hour count in the stack's budget, and receivers may still have to be told.
	keptLeast = time.Hour
)

// Retention is how long diagnoses are kept whose incident is over.
type Retention struct {
	// HistoryLimit of each service.
	HistoryLimit int
	TTL          time.Duration
}

// RetentionOf a policy, with the defaults filled in.
func RetentionOf(o v1alpha1.DiagnosisOptions) Retention {
	r := Retention{HistoryLimit: DefaultHistoryLimit, TTL: DefaultTTL}
	if o.HistoryLimit != nil {
		r.HistoryLimit = int(*o.HistoryLimit)
	}
	if o.TTL != nil {
		r.TTL = o.TTL.Duration
	}
	return r
}

// EndedAt is when an incident was over; false where it is not.
func EndedAt(d *v1alpha1.BridgeDiagnosis) (time.Time, bool) {
	if !d.Status.State.Final() {
		return time.Time{}, false
	}
	if at := d.Status.Times.Recovered; at != nil {
		return at.Time, true
	}
	if ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady); ready != nil && ready.Status == metav1.ConditionTrue {
		return ready.LastTransitionTime.Time, true
	}
	return d.CreationTimestamp.Time, true
}

// Expired are the diagnoses of a stack that are to be deleted.
func (r Retention) Expired(diagnoses []v1alpha1.BridgeDiagnosis, now time.Time) []*v1alpha1.BridgeDiagnosis {
	type subject struct {
		workload  v1alpha1.DiagnosedWorkload
		container string
	}
	var ended []*v1alpha1.BridgeDiagnosis
	at := map[*v1alpha1.BridgeDiagnosis]time.Time{}
	for i := range diagnoses {
		d := &diagnoses[i]
		if t, over := EndedAt(d); over {
			ended, at[d] = append(ended, d), t
		}
	}
	slices.SortStableFunc(ended, func(a, b *v1alpha1.BridgeDiagnosis) int {
		return cmp.Or(at[b].Compare(at[a]), cmp.Compare(a.Name, b.Name))
	})
	newer, known := map[string]int{}, map[subject]bool{}
	var out []*v1alpha1.BridgeDiagnosis
	for _, d := range ended {
		of := subject{d.Spec.Workload, d.Spec.Container}
		of.workload.UID = "" // one that was made anew is the same to whoever looks for the last incident
		age := now.Sub(at[d])
		tooMany, tooOld := newer[d.Spec.Service] >= r.HistoryLimit, known[of] && age >= r.TTL
		newer[d.Spec.Service]++
		known[of] = true
		if (tooMany || tooOld) && age >= keptLeast && d.DeletionTimestamp.IsZero() {
			out = append(out, d)
		}
	}
	return out
}
