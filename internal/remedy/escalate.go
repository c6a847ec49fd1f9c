package remedy

import (
	"cmp"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
)

// escalate calls a person, with the advice for the cause and what was refused.
func escalate(in Input, refused []Refusal) Action {
	parts := []string{cmp.Or(diagnosis.Advice(in.Finding.Cause), diagnosis.Advice(v1alpha1.CauseUnknown))}
	for _, r := range refused {
		parts = append(parts, "not "+string(r.Remedy)+": "+r.Because)
	}
	return Action{Remedy: v1alpha1.RemedyEscalate, Because: strings.Join(parts, "; "), Target: in.workload()}
}
