package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// maxProbeMessage bounds the message of a probe, in bytes.
const maxProbeMessage = 1024

// ProbeResultOf is a probe as a status shows it.
func ProbeResultOf(p evidence.Probe) v1alpha1.ProbeResult {
	last := p.Last()
	return v1alpha1.ProbeResult{
		Service: p.Service, Viewpoint: p.Viewpoint, Target: p.Target.String(), Outcome: p.Outcome(),
		Stage: string(last.Name), Code: last.Code, Message: redact.Clean(last.Message, maxProbeMessage), Milliseconds: p.Took().Milliseconds(),
	}
}

// HealthText is what a health endpoint answered, in a line.
func HealthText(p evidence.Probe) string {
	last := p.Last()
	text := fmt.Sprintf("health endpoint %s: %s", p.Target, p.Outcome())
	if last.Outcome != v1alpha1.ProbePassed {
		text += fmt.Sprintf(" at stage %s, %s", last.Name, last.Code)
	}
	if p.HTTP == nil {
		return text
	}
	text += fmt.Sprintf(", HTTP %d", p.HTTP.Status)
	if p.HTTP.Health != "" {
		text += ", status " + p.HTTP.Health
	}
	if states := sortedStates(p.HTTP.Infrastructure); len(states) > 0 {
		text += ", infrastructure_health: " + strings.Join(states, ", ")
	}
	return text
}

// sortedStates are the members of infrastructure_health as a person reads them.
func sortedStates(states map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(states)) {
		out = append(out, name+" "+states[name])
	}
	return out
}
