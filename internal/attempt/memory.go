package attempt

import (
	"cmp"
	"slices"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const (
	// RememberedFor is how long a change that was tried is not made again.
	RememberedFor = 24 * time.Hour
	// MaxRemembered is how many of them a stack's status holds.
	MaxRemembered = 64
)

// remembered are the reasons of attempts whose change is not to be made again:
// it was in force and did not help, or is not wanted, or may have been made and
// must not be made twice. Those that were moot, or were never written, are not.
var remembered = []v1alpha1.AttemptReason{
	v1alpha1.AttemptNotHelped, v1alpha1.AttemptStartFailed, v1alpha1.AttemptTakenBackByPerson,
	v1alpha1.AttemptOverwritten, v1alpha1.AttemptRevertedByGitOps, v1alpha1.AttemptMaybeWritten,
	v1alpha1.AttemptStackDeleted, // of a diagnosis that a person deleted; of a stack, the memory goes with it
}

// Remember adds the attempts of a stack's diagnoses to what its status holds of
// changes that were tried, so that they are known when a diagnosis is gone. The
// newest come first; those that are too old, or too many, are forgotten.
func Remember(known []v1alpha1.TriedChange, diagnoses []v1alpha1.BridgeDiagnosis, now time.Time) []v1alpha1.TriedChange {
	var all []v1alpha1.TriedChange
	for i := range diagnoses {
		all = append(all, TriedBy(&diagnoses[i])...)
	}
	all = append(all, known...)
	all = slices.DeleteFunc(all, func(t v1alpha1.TriedChange) bool { return now.Sub(t.EndedAt.Time) >= RememberedFor })
	slices.SortStableFunc(all, func(a, b v1alpha1.TriedChange) int {
		return cmp.Or(b.EndedAt.Time.Compare(a.EndedAt.Time), cmp.Compare(a.Diagnosis, b.Diagnosis), cmp.Compare(a.Attempt, b.Attempt))
	})
	all = slices.CompactFunc(all, func(a, b v1alpha1.TriedChange) bool {
		return a.Diagnosis == b.Diagnosis && a.Attempt == b.Attempt
	})
	return all[:min(len(all), MaxRemembered)]
}

// TriedBy are the changes that were tried for a diagnosis and are not to be made
// again. Evictions act on the pods of the moment and may be repeated.
func TriedBy(d *v1alpha1.BridgeDiagnosis) []v1alpha1.TriedChange {
	var out []v1alpha1.TriedChange
	for _, a := range d.Status.Attempts {
		if a.EndedAt == nil || a.Action.Type == v1alpha1.ActionEvictPods || !slices.Contains(remembered, a.Reason) {
			continue
		}
		out = append(out, v1alpha1.TriedChange{
			Diagnosis: d.Name, Attempt: a.ID, Workload: d.Spec.Workload, Container: d.Spec.Container,
			Remedy: a.Proposal.Remedy, Proposal: a.Proposal.ID, Finding: a.Finding,
			Outcome: a.Outcome, Reason: a.Reason, EndedAt: *a.EndedAt,
		})
	}
	return out
}

// SameTrouble says that two findings are the same trouble seen from different
// sides, as far as a remedy is concerned.
type SameTrouble func(remedy v1alpha1.RemedyName, a, b v1alpha1.FindingIdentity) bool

// TriedBefore is the change among those that were tried which a proposal would
// make again for the same trouble, nil where there is none. What a person had taken
// back is not made again for any.
func TriedBefore(tried []v1alpha1.TriedChange, w v1alpha1.DiagnosedWorkload, p v1alpha1.Proposal, finding v1alpha1.FindingIdentity, same SameTrouble) *v1alpha1.TriedChange {
	for i := range tried {
		t := &tried[i]
		if t.Workload != w || t.Proposal != p.ID {
			continue
		}
		if byPerson(t.Reason) || t.Finding == finding || same(t.Remedy, t.Finding, finding) {
			return t
		}
	}
	return nil
}

// byPerson says that a person ended an attempt: they had it taken back, or deleted
// the diagnosis.
func byPerson(why v1alpha1.AttemptReason) bool {
	return why == v1alpha1.AttemptTakenBackByPerson || why == v1alpha1.AttemptStackDeleted
}

// UnderWayOn is the open diagnosis, other than d, whose attempt is in force on a
// workload; empty where none is. Only one attempt at a time may change a workload
// or its pods, whoever's incident it is for: the later one could not be judged, and
// the earlier one not be taken back.
func UnderWayOn(w v1alpha1.DiagnosedWorkload, d *v1alpha1.BridgeDiagnosis, others []v1alpha1.BridgeDiagnosis) string {
	for i := range others {
		o := &others[i]
		if o.UID == d.UID && o.Name == d.Name || o.Namespace != d.Namespace {
			continue
		}
		if slices.ContainsFunc(o.Status.Attempts, func(a v1alpha1.Attempt) bool { return a.Outcome.InForce() && touches(a, o.Spec.Workload, w) }) {
			return o.Name
		}
	}
	return ""
}

// touches says that an attempt changes a workload's template or pods: its own
// pods may have to be evicted whatever it changes.
func touches(a v1alpha1.Attempt, own, w v1alpha1.DiagnosedWorkload) bool {
	return own == w || ChangesTemplateOf(a.Action, w)
}
