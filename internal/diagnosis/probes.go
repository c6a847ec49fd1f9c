package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// causeOfProbe is the cause that a probe's clear no shows.
func causeOfProbe(p evidence.Probe, d evidence.Dependency) (v1alpha1.Cause, bool) {
	last := p.Last()
	if last.Outcome == v1alpha1.ProbeUnknown && last.Name == evidence.StageResolve && last.Code == evidence.CodeResolverFailed {
		return v1alpha1.CauseDNSUnavailable, true
	}
	if last.Outcome != v1alpha1.ProbeFailed {
		return "", false
	}
	return server.Of(p.Protocol).CauseOf(last, d)
}
