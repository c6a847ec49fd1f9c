package main

import (
	"cmp"
	"fmt"
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// expected is what must become of each service that has a fault, in the order
// in which it is shown. Every one but the last is repaired.
var expected = []struct {
	service string
	state   v1alpha1.DiagnosisState
}{
	{"hook-receiver", v1alpha1.StateRecovered},
	{"workflow-coordinator", v1alpha1.StateRecovered},
	{"model-metrics", v1alpha1.StateRecovered},
	{"metadata-stamping", v1alpha1.StateRecovered},
	{"event-publisher", v1alpha1.StateEscalated}, // a wrong password is for a person
}

// incidents are the diagnoses of the stack, oldest first, and which of its
// services run.
type incidents struct {
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
	for _, e := range expected {
		diagnoses := in.of(e.service)
		if len(diagnoses) == 0 {
			out = append(out, e.service+" has no diagnosis")
			continue
		}
		switch newest := diagnoses[len(diagnoses)-1]; {
		case newest.Status.State != e.state:
			out = append(out, fmt.Sprintf("%s is %s and not %s: %s", e.service,
				cmp.Or(string(newest.Status.State), "not diagnosed yet"), e.state, newest.Status.Message))
		case e.state == v1alpha1.StateRecovered && !in.available[e.service]:
			out = append(out, e.service+" has recovered but is not ready")
		}
	}
	return out
}

// wrong says what must never be: a patch where only a person can help.
func (in incidents) wrong() error {
	for _, e := range expected {
		if e.state != v1alpha1.StateEscalated {
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
