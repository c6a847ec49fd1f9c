package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// storm touches nothing while more services loop, each for a reason of its
// own, than the policy allows: then something larger is the matter. A root may
// still be found at first; where none is, a person has to look.
func storm(in Input) *Decision {
	others := alsoLooping(in)
	n := len(others) + 1
	// One service alone is never a storm, however small the stack.
	if in.Services == 0 || n < 2 || 100*n <= int(in.Policy.StormPercent)*in.Services {
		return nil
	}
	because := fmt.Sprintf("%d of %d services loop at once, more than the %d %% that the policy lets be touched", n, in.Services, in.Policy.StormPercent)
	if visible := in.Diagnosis.Status.Times.Visible; visible == nil || in.Now.Sub(visible.Time) < evidenceGrace {
		return waiting(v1alpha1.ReasonStorm, recheck, in, because)
	}
	return &Decision{State: v1alpha1.StateEscalated, Reason: v1alpha1.ReasonStorm, RecheckAfter: recheck,
		Message: fmt.Sprintf("%s. %s, and they have no root in common: nothing is touched", in.says(), because)}
}

// alsoLooping are the other services that loop now and are no symptom of
// another one, by name.
func alsoLooping(in Input) []string {
	troubled := map[string]bool{}
	for _, o := range in.Others {
		if !o.Status.State.Final() && o.Status.Root == nil && o.Spec.Service != in.Diagnosis.Spec.Service {
			troubled[o.Spec.Service] = true
		}
	}
	return slices.Sorted(maps.Keys(troubled))
}

// beside is what a person who is called must know of the rest of the stack:
// services that loop at the same time and have no root in common.
func beside(in Input) []v1alpha1.EvidenceItem {
	others := alsoLooping(in)
	if len(others) == 0 || in.Diagnosis.Status.Root != nil {
		return nil
	}
	all := append(others, in.Diagnosis.Spec.Service)
	slices.Sort(all)
	return []v1alpha1.EvidenceItem{{Source: v1alpha1.SourceDependency,
		Text: fmt.Sprintf("%d services loop at once and have no root in common: %s", len(all), strings.Join(all, ", "))}}
}

// budgetSpent bounds remedies at once and per hour, over the whole stack.
func budgetSpent(in Input) *Decision {
	atOnce, lastHour := 0, 0
	oldest := in.Now
	for _, d := range append([]v1alpha1.BridgeDiagnosis{in.Diagnosis}, in.Others...) {
		for _, a := range d.Status.Attempts {
			if a.Outcome.InForce() && !d.Status.State.Final() {
				atOnce++
			}
			if counts(a) && in.Now.Sub(a.RecordedAt.Time) < time.Hour {
				lastHour++
				if a.RecordedAt.Time.Before(oldest) {
					oldest = a.RecordedAt.Time
				}
			}
		}
	}
	switch {
	case atOnce >= int(in.Policy.Concurrent):
		return waiting(v1alpha1.ReasonBudgetSpent, recheck/2, in,
			fmt.Sprintf("%d remedies are being verified, the policy allows %d at once", atOnce, in.Policy.Concurrent))
	case lastHour >= int(in.Policy.RemediesPerHour):
		return waiting(v1alpha1.ReasonBudgetSpent, max(recheck, oldest.Add(time.Hour).Sub(in.Now)), in,
			fmt.Sprintf("%d remedies within an hour, the policy allows %d", lastHour, in.Policy.RemediesPerHour))
	}
	return nil
}
