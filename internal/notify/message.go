package notify

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/incident"
)

// Version of the document that webhooks receive. Members may be added without a
// new one.
const Version = "1"

// Message is what is told of an incident, and the document that webhooks
// receive. All of it is in the diagnosis' status, which is redacted.
type Message struct {
	// Version of the document.
	Version string `json:"version"`
	// ID is the same each time that the same event of the same incident is sent.
	ID string `json:"id"`
	// Event is Escalated or Resolved.
	Event     v1alpha1.NotificationEvent `json:"event"`
	Namespace string                     `json:"namespace"`
	Stack     string                     `json:"stack"`
	Service   string                     `json:"service"`
	// Workload as Kind/name.
	Workload  string `json:"workload"`
	Container string `json:"container"`
	// Diagnosis is the name of the BridgeDiagnosis.
	Diagnosis  string                  `json:"diagnosis"`
	State      v1alpha1.DiagnosisState `json:"state"`
	Cause      v1alpha1.Cause          `json:"cause,omitempty"`
	Confidence v1alpha1.Confidence     `json:"confidence,omitempty"`
	Message    string                  `json:"message"`
	Evidence   []v1alpha1.EvidenceItem `json:"evidence,omitempty"`
	Attempts   []Attempt               `json:"attempts,omitempty"`
	Times      Times                   `json:"times"`
}

// Attempt is a try at a remedy.
type Attempt struct {
	ID         string                  `json:"id"`
	Remedy     v1alpha1.RemedyName     `json:"remedy"`
	Target     string                  `json:"target"`
	Outcome    v1alpha1.AttemptOutcome `json:"outcome"`
	Message    string                  `json:"message,omitempty"`
	RecordedAt metav1.Time             `json:"recordedAt"`
	EndedAt    *metav1.Time            `json:"endedAt,omitempty"`
}

// Times are the stations of the incident, in RFC 3339.
type Times struct {
	// Visible is when the incident was first seen.
	Visible *metav1.MicroTime `json:"visible,omitempty"`
	// Escalated is when a person was called.
	Escalated *metav1.MicroTime `json:"escalated,omitempty"`
	// Resolved is when the incident was over, absent in the event Escalated.
	Resolved *metav1.MicroTime `json:"resolved,omitempty"`
}

// MessageOf tells an event of a diagnosis.
func MessageOf(d *v1alpha1.BridgeDiagnosis, event v1alpha1.NotificationEvent, now time.Time) Message {
	s := d.Status
	m := Message{
		Version: Version, ID: string(d.UID) + "." + string(event), Event: event,
		Namespace: d.Namespace, Stack: d.Spec.Stack, Service: d.Spec.Service,
		Workload: string(d.Spec.Workload.Kind) + "/" + d.Spec.Workload.Name, Container: d.Spec.Container,
		Diagnosis: d.Name, State: s.State, Cause: s.Cause, Confidence: s.Confidence, Message: s.Message, Evidence: s.Evidence,
		Times: Times{Visible: s.Times.Visible, Escalated: s.Times.Escalated},
	}
	for _, a := range s.Attempts {
		m.Attempts = append(m.Attempts, Attempt{ID: a.ID, Remedy: a.Proposal.Remedy, Target: a.Proposal.Target,
			Outcome: a.Outcome, Message: a.Message, RecordedAt: a.RecordedAt, EndedAt: a.EndedAt})
	}
	if event == v1alpha1.NotificationResolved {
		m.Times.Resolved = resolvedAt(d, now)
	}
	return m
}

// resolvedAt is when the incident was over, and never before a person was called.
func resolvedAt(d *v1alpha1.BridgeDiagnosis, now time.Time) *metav1.MicroTime {
	at, over := incident.EndedAt(d)
	if !over {
		at = now
	}
	if escalated := d.Status.Times.Escalated; escalated != nil && at.Before(escalated.Time) {
		at = escalated.Time
	}
	return &metav1.MicroTime{Time: at}
}
