package main

import (
	"cmp"
	"fmt"
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// incidents are the diagnoses of the stack, oldest first, which of its services
// run, and what must become of them.
type incidents struct {
	expected  []expectation
	diagnoses []v1alpha1.BridgeDiagnosis
	available map[string]bool
}

// of a service, oldest first: one fault may hide another.
func (in incidents) of(service string) []v1alpha1.BridgeDiagnosis {
	out := slices.DeleteFunc(slices.Clone(in.diagnoses), func(d v1alpha1.BridgeDiagnosis) bool { return d.Spec.Service != service })
	slices.SortStableFunc(out, func(a, b v1alpha1.BridgeDiagnosis) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// missing says what has not come yet; nothing is missing at the end.
func (in incidents) missing() []string {
	var out []string
	for _, e := range in.expected {
		diagnoses := in.of(e.service)
		if len(diagnoses) == 0 {
			out = append(out, e.service+" has no diagnosis")
			continue
		}
		switch newest := diagnoses[len(diagnoses)-1]; {
		case newest.Status.State != e.state:
			out = append(out, fmt.Sprintf("%s is %s and not %s: %s", e.service,
				cmp.Or(string(newest.Status.State), "not diagnosed yet"), e.state, newest.Status.Message))
		case e.takenBack && !takenBack(newest):
			out = append(out, e.service+" is left to a person, and nothing was tried and taken back")
		case e.state == v1alpha1.StateRecovered && !in.available[e.service]:
			out = append(out, e.service+" has recovered but is not ready")
		}
	}
	return out
}

// wrong says what must never be: a patch where only a person can help.
func (in incidents) wrong() error {
	for _, e := range in.expected {
		if e.state != v1alpha1.StateEscalated || e.takenBack {
			continue
		}
		for _, d := range in.of(e.service) {
			for _, a := range d.Status.Attempts {
				if a.Proposal.Remedy != v1alpha1.RemedyEscalate {
					return fmt.Errorf("%s was to be left to a person, but %s was tried on it", e.service, a.Proposal.Remedy)
				}
			}
		}
	}
	return nil
}

func takenBack(d v1alpha1.BridgeDiagnosis) bool {
	return slices.ContainsFunc(d.Status.Attempts, func(a v1alpha1.Attempt) bool { return a.Outcome == v1alpha1.AttemptRolledBack })
}
