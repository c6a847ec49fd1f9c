package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/verify"
)

// byHealth is true of incidents that a health endpoint showed: that the
// container runs says nothing of them.
func (in *incident) byHealth() bool {
	return in.after.Annotations[v1alpha1.AnnotationDetectedBy] == detect.ReasonHealth
}

// unhealthyFor is when to look again at an endpoint that has not been well for
// the whole soak, 0 where it has or no endpoint is at issue.
func (r *BridgeDiagnosisReconciler) unhealthyFor(in *incident) time.Duration {
	if !in.byHealth() || in.service.Endpoint == nil || in.service.Endpoint.HTTP == nil {
		return 0
	}
	seen, known := r.endpoints.of(client.ObjectKeyFromObject(in.owner), in.service.Name)
	if !known || seen.since.IsZero() {
		return detect.HealthPeriod(settings(in.policy(), time.Time{}))
	}
	return max(0, in.soak()-r.Now().Sub(seen.since))
}

// withHealth is the verdict on an attempt at what a health endpoint showed: to
// be up is not enough.
func (r *BridgeDiagnosisReconciler) withHealth(in *incident, v verify.Verdict) verify.Verdict {
	left := r.unhealthyFor(in)
	switch {
	case v.Outcome != verify.Helped || left == 0:
		return v
	case r.Now().After(in.attempt().Deadline.Time):
		return verify.Verdict{Outcome: verify.Failed, Because: "the container is up, and its health endpoint was not well by the deadline"}
	}
	return verify.Verdict{Outcome: verify.Waiting, Because: "up; the health endpoint has not been well for the soak", RecheckAfter: left}
}

// showHealth adds to the evidence what the endpoint that showed the incident
// says of itself.
func (r *BridgeDiagnosisReconciler) showHealth(_ context.Context, in *incident) (bool, error) {
	if !in.byHealth() {
		return false, nil
	}
	seen, known := r.endpoints.of(client.ObjectKeyFromObject(in.owner), in.service.Name)
	if !known { // the first answer is due
		in.recheck = time.Second
		return true, nil
	}
	s := &in.after.Status
	s.Evidence = append(s.Evidence[:min(len(s.Evidence), maxEvidence-1)], v1alpha1.EvidenceItem{
		Source: v1alpha1.SourceProbe, Text: in.redact(redact.Clean(healthText(seen.last), maxEvidenceText)),
	})
	answer := probeResult(seen.last)
	answer.Message = in.redact(answer.Message)
	s.Probes = append(s.Probes, answer)
	if s.Loop != nil {
		s.Loop.Reason = detect.ReasonHealth
	}
	return false, nil
}

// healthText is what an endpoint answered, in a line.
func healthText(p evidence.Probe) string {
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
