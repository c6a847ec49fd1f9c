package bridgediagnosis

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/report"
	"github.com/bridgestack/operator/internal/verify"
	"github.com/bridgestack/operator/internal/view"
)

// unhealthyFor is when to look again at an endpoint that has not been well for
// the whole soak, 0 where it has or no endpoint is at issue.
func (r *Reconciler) unhealthyFor(in *round) time.Duration {
	if !in.view().ByHealth() || in.service.Endpoint == nil || in.service.Endpoint.HTTP == nil {
		return 0
	}
	return r.health(in).Left(in.view().Soak(), detect.HealthPeriod(in.policy().Detection()), r.Clock.Now())
}

// health is what is known of the service's health endpoint.
func (r *Reconciler) health(in *round) verify.Health {
	seen, known := r.Health.Get(client.ObjectKeyFromObject(in.owner), in.service.Name)
	return verify.Health{Known: known, HealthySince: seen.HealthySince, AskedSince: seen.AskedSince}
}

// awaitedAnswer is how often it is looked whether an endpoint has answered.
const awaitedAnswer = 5 * time.Second

// awaitHealth waits for the first answer of the endpoint that showed the incident, as
// after a restart of the operator: not where nobody asks for it, because the endpoint
// is no longer in the policy or the container does not stay up long enough, and not
// for longer than a person may wait to be called.
func (r *Reconciler) awaitHealth(_ context.Context, in *round) (bool, error) {
	if !in.view().ByHealth() || in.service.Endpoint == nil || in.service.Endpoint.HTTP == nil {
		return false, nil
	}
	var open time.Duration
	if visible := in.after.Status.Times.Visible; visible != nil {
		open = in.now.Sub(visible.Time)
	}
	_, worst, found := in.worst()
	if r.health(in).Known || !found || !detect.AwaitsAnswer(worst, in.policy().Detection(), open, in.policy().EscalateAfter, in.now) {
		return false, nil
	}
	in.recheck = awaitedAnswer
	return true, nil
}

// withHealth is the verdict on an attempt at what a health endpoint showed: to
// be up is not enough.
func (r *Reconciler) withHealth(in *round, v verify.Verdict) verify.Verdict {
	if left := r.unhealthyFor(in); left > 0 {
		return verify.WithHealth(v, r.health(in), left, view.LastAttempt(in.after).Deadline.Time, r.Clock.Now())
	}
	return v
}

// showHealth adds to the evidence what the endpoint that showed the incident
// says of itself.
func (r *Reconciler) showHealth(_ context.Context, in *round) (bool, error) {
	if !in.view().ByHealth() {
		return false, nil
	}
	seen, known := r.Health.Get(client.ObjectKeyFromObject(in.owner), in.service.Name)
	if !known { // what the container shows of itself has to do
		return false, nil
	}
	s := &in.after.Status
	s.Evidence = append(s.Evidence[:min(len(s.Evidence), maxEvidence-1)], v1alpha1.EvidenceItem{
		Source: v1alpha1.SourceProbe, Text: redact.Clean(in.redact(report.HealthText(seen.Last)), maxEvidenceText),
	})
	answer := report.ProbeResultOf(seen.Last)
	s.Probes = append(s.Probes, answer)
	if s.Loop != nil {
		s.Loop.Reason = detect.ReasonHealth
	}
	return false, nil
}
