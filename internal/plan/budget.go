package plan

import (
	"fmt"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// storm touches nothing while more services loop, each for a reason of its
// own, than the policy allows: then something larger is the matter.
func storm(in Input) *Decision {
	if in.Services == 0 {
		return nil
	}
	troubled := map[string]bool{in.Diagnosis.Spec.Service: true}
	for _, o := range in.Others {
		if !o.Status.State.Final() && o.Status.Root == nil {
			troubled[o.Spec.Service] = true
		}
	}
	// One service alone is never a storm, however small the stack.
	if len(troubled) < 2 || 100*len(troubled) <= int(in.Policy.StormPercent)*in.Services {
		return nil
	}
	return waiting(v1alpha1.ReasonStorm, recheck, in,
		fmt.Sprintf("%d of %d services loop at once, more than the %d %% that the policy lets be touched", len(troubled), in.Services, in.Policy.StormPercent))
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
