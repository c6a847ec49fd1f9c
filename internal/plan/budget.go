package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
)

// storm touches nothing while more services loop, each for a reason of its
// own, than the policy allows: then something larger is the matter. A root may
// still be found at first; where none is, a person has to look.
func storm(in Input) *Decision {
	n := 1 + len(alsoLooping(in, func(v1alpha1.BridgeDiagnosis) bool { return true }))
	// One service alone is never a storm, however small the stack.
	if in.Services == 0 || n < 2 || 100*n <= int(in.Policy.StormPercent)*in.Services {
		return nil
	}
	because := fmt.Sprintf("%d of %d services are in trouble at once, more than the %d %% that the policy lets be touched", n, in.Services, in.Policy.StormPercent)
	if visible := in.Diagnosis.Status.Times.Visible; visible == nil || in.Now.Sub(visible.Time) < evidenceGrace {
		return waiting(v1alpha1.ReasonStorm, recheck, in, because)
	}
	return &Decision{State: v1alpha1.StateEscalated, Reason: v1alpha1.ReasonStorm, RecheckAfter: recheck,
		Message: fmt.Sprintf("%s. %s, and they have no root in common: nothing is touched", in.says(), because)}
}

// stormWindow is within what time loops begin that count as one storm.
const stormWindow = 30 * time.Minute

// alsoLooping are the other services that began to loop together with this one,
// or just now, and are no symptom of another one, by name, as far as they count.
// What has been left to a person for days is no part of what happens now.
func alsoLooping(in Input, counts func(v1alpha1.BridgeDiagnosis) bool) []string {
	unhealthy := map[string]bool{}
	own := begun(in.Diagnosis)
	for _, o := range in.Others {
		at := begun(o)
		together := at.Sub(own).Abs() <= stormWindow || in.Now.Sub(at) <= stormWindow
		if !o.Status.State.Final() && o.Status.Root == nil && o.Spec.Service != in.Diagnosis.Spec.Service && together && counts(o) {
			unhealthy[o.Spec.Service] = true
		}
	}
	return slices.Sorted(maps.Keys(unhealthy))
}

// begun is when a loop was first seen.
func begun(d v1alpha1.BridgeDiagnosis) time.Time {
	switch {
	case d.Status.Times.Visible != nil:
		return d.Status.Times.Visible.Time
	case d.Spec.DetectedAt != nil:
		return d.Spec.DetectedAt.Time
	}
	return d.CreationTimestamp.Time
}

// beside is what a person who is called must know of the rest of the stack:
// services that are in trouble at the same time and have no root in common.
func beside(in Input) []v1alpha1.EvidenceItem {
	// One that is not diagnosed yet may turn out to be a symptom.
	others := alsoLooping(in, func(o v1alpha1.BridgeDiagnosis) bool { return o.Status.Cause != "" })
	if len(others) == 0 || in.Diagnosis.Status.Root != nil {
		return nil
	}
	all := append(others, in.Diagnosis.Spec.Service)
	slices.Sort(all)
	return []v1alpha1.EvidenceItem{{Source: v1alpha1.SourceDependency,
		Text: fmt.Sprintf("%d services are in trouble at once and have no root in common: %s", len(all), strings.Join(all, ", "))}}
}

// budgetSpent bounds remedies at once and per hour, over the whole stack.
func budgetSpent(in Input) *Decision {
	atOnce, lastHour, oldest := spent(append([]v1alpha1.BridgeDiagnosis{in.Diagnosis}, in.Others...), in.Now)
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

// BudgetLeft is how many more remedies the policy allows within the hour that
// ends now, after those of a stack's diagnoses.
func BudgetLeft(policy stack.Policy, diagnoses []v1alpha1.BridgeDiagnosis, now time.Time) int {
	_, lastHour, _ := spent(diagnoses, now)
	return max(0, int(policy.RemediesPerHour)-lastHour)
}

// spent counts the remedies that are in force, and those of the last hour with
// the time of the oldest of them. A change that was committed is a remedy, too.
func spent(diagnoses []v1alpha1.BridgeDiagnosis, now time.Time) (atOnce, lastHour int, oldest time.Time) {
	oldest = now
	within := func(at time.Time) {
		if now.Sub(at) >= time.Hour {
			return
		}
		lastHour++
		if at.Before(oldest) {
			oldest = at
		}
	}
	for _, d := range diagnoses {
		if c := d.Status.Commit; c != nil && c.Commit != "" {
			within(c.PushedAt.Time)
		}
		for _, a := range d.Status.Attempts {
			if a.Outcome.InForce() && !d.Status.State.Final() {
				atOnce++
			}
			if counts(a) {
				within(a.RecordedAt.Time)
			}
		}
	}
	return atOnce, lastHour, oldest
}
