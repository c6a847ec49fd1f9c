package remedy

import (
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
)

// escalate calls a person, with the advice for the cause and what was refused.
func escalate(in Input, refused []Refusal) Action {
	var parts []string
	if text := diagnosis.Advice(in.Finding.Cause); text != "" {
		parts = append(parts, text)
	}
	for _, r := range refused {
		parts = append(parts, "not "+string(r.Remedy)+": "+r.Because)
	}
	if len(parts) == 0 {
		parts = append(parts, "no automatic remedy is known for "+string(in.Finding.Cause))
	}
	return Action{Remedy: v1alpha1.RemedyEscalate, Because: strings.Join(parts, "; "), Target: in.workload()}
}
