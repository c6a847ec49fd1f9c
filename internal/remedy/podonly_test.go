package remedy

import (
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
)

// TestWhatOnlyThePodMeetsIsLeftToAPerson: each of these is repaired where the
// dependency is not well for anybody; where only the pod cannot reach it,
// nothing that a remedy changes would help.
func TestWhatOnlyThePodMeetsIsLeftToAPerson(t *testing.T) {
	for name, c := range map[string]struct {
		cause     v1alpha1.Cause
		change    func(*Input)
		otherwise v1alpha1.RemedyName
	}{
		"an address that is not the declared one": {v1alpha1.CausePostgresUnreachable, func(*Input) {}, v1alpha1.RemedySetEnv},
		"a back-off beside a server that answers": {v1alpha1.CausePostgresUnreachable, func(in *Input) {
			in.Case.Probes = []evidence.Probe{probed("postgres", v1alpha1.AsConfigured, v1alpha1.ProbePassed, evidence.StageQuery)}
			in.BackingOff = []Pod{{Name: "api-1", UID: "1"}}
		}, v1alpha1.RemedyRecreatePod},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(c.cause, diagnosis.Subject{Dependency: "postgres"})
			c.change(&in)
			if p, _ := shown(t, in); p.Remedy != c.otherwise {
				t.Fatalf("without the pod's own view: %s, want %s", p.Remedy, c.otherwise)
			}
			in.Finding.PodOnly = true
			p, _ := shown(t, in)
			if p.Remedy != v1alpha1.RemedyEscalate || len(p.Changes) > 0 || !strings.Contains(p.Because, "NetworkPolicies") {
				t.Errorf("%s %v: %s", p.Remedy, p.Changes, p.Because)
			}
		})
	}
}
