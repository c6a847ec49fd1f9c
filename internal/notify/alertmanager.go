package notify

import (
	"fmt"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/text"
)

// expiry is when an Alertmanager takes an alert for resolved that it was not told
// of again: a few refreshes may fail.
const expiry = 4 * Refresh

// mostAnnotation is the longest annotation, in bytes.
const mostAnnotation = 4096

// alert as POST /api/v2/alerts takes it.
type alert struct {
	// Labels are the alert's identity: only what never changes of an incident is
	// in them, or else a new alert would begin and the old one stay.
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

func alertsOf(m Message, now time.Time) []alert {
	a := alert{
		Labels: map[string]string{
			"alertname": "BridgeStackIncident", "severity": "critical",
			"namespace": m.Namespace, "stack": m.Stack, "service": m.Service,
			"workload": m.Workload, "container": m.Container, "diagnosis": m.Diagnosis,
		},
		Annotations: map[string]string{
			"summary":     fmt.Sprintf("%s of %s/%s needs a person: %s", m.Service, m.Namespace, m.Stack, m.Cause),
			"description": text.Clip(m.Message, mostAnnotation),
			"cause":       string(m.Cause), "confidence": string(m.Confidence),
			"evidence": text.Clip(facts(m.Evidence), mostAnnotation),
		},
		StartsAt: now, EndsAt: now.Add(expiry),
	}
	if m.Times.Escalated != nil {
		a.StartsAt = m.Times.Escalated.Time
	}
	if m.Event == v1alpha1.NotificationResolved && m.Times.Resolved != nil {
		a.EndsAt = m.Times.Resolved.Time
	}
	return []alert{a}
}

func facts(evidence []v1alpha1.EvidenceItem) string {
	var lines []string
	for _, e := range evidence[:min(len(evidence), mostFacts)] {
		lines = append(lines, string(e.Source)+": "+e.Text)
	}
	return strings.Join(lines, "\n")
}
