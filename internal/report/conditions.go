package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
)

// waitsForPerson are the states that only a person, or the container itself, ends.
var waitsForPerson = map[v1alpha1.DiagnosisState]bool{
	v1alpha1.StateEscalated:        true,
	v1alpha1.StateSuggested:        true,
	v1alpha1.StateAwaitingApproval: true,
	v1alpha1.StateAwaitingMerge:    true,
}

// ReadyReason is why a diagnosis is as it is, by its own condition.
func ReadyReason(d *v1alpha1.BridgeDiagnosis) string {
	if c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Reason
	}
	return v1alpha1.ReasonLoopDetected
}

// SetDiagnosisConditions computes all conditions of a diagnosis from the rest
// of its status and the reason of its present state.
func SetDiagnosisConditions(d *v1alpha1.BridgeDiagnosis, reason string) {
	s := &d.Status
	c := conditions{&s.Conditions, d.Generation}
	final := s.State.Final()
	c.set(v1alpha1.ConditionReady, final, reason, s.Message)
	c.whileTrue(v1alpha1.ConditionStalled, waitsForPerson[s.State], reason, s.Message)
	c.whileTrue(v1alpha1.ConditionReconciling, !final && !waitsForPerson[s.State] && s.State != v1alpha1.StateObserved, reason, s.Message)
	if s.Cause != "" {
		known := s.Cause != v1alpha1.CauseUnknown
		why := v1alpha1.ReasonCauseFound
		if !known {
			why = v1alpha1.ReasonCauseUnknown
		}
		c.set(v1alpha1.ConditionDiagnosed, known, why, string(s.Cause)+" ("+string(s.Confidence)+")")
	}
	if n := len(s.Attempts); n > 0 {
		last := s.Attempts[n-1]
		inForce := last.Outcome == v1alpha1.AttemptApplied || last.Outcome == v1alpha1.AttemptHelped
		c.set(v1alpha1.ConditionRemedyApplied, inForce, attemptReason(last.Outcome), cmp.Or(last.Message, string(last.Proposal.Remedy)))
	}
	c.set(v1alpha1.ConditionRecovered, s.State == v1alpha1.StateRecovered, reason, s.Message)
	if s.Times.Escalated != nil {
		c.set(v1alpha1.ConditionEscalated, !final, reason, s.Message)
	}
	s.ObservedGeneration = d.Generation
}

func attemptReason(outcome v1alpha1.AttemptOutcome) string {
	switch outcome {
	case v1alpha1.AttemptRecorded:
		return v1alpha1.ReasonRemedyRecorded
	case v1alpha1.AttemptApplied:
		return v1alpha1.ReasonVerifying
	case v1alpha1.AttemptHelped:
		return v1alpha1.ReasonRemedyApplied
	case v1alpha1.AttemptRolledBack, v1alpha1.AttemptRollingBack:
		return v1alpha1.ReasonRolledBack
	case v1alpha1.AttemptConflict:
		return v1alpha1.ReasonRemedyConflict
	case v1alpha1.AttemptReverted:
		return v1alpha1.ReasonRemedyReverted
	case v1alpha1.AttemptWithdrawn, v1alpha1.AttemptFailed:
	}
	return v1alpha1.ReasonRemedyFailed
}

// conditions writes into a list of conditions for one generation.
type conditions struct {
	list       *[]metav1.Condition
	generation int64
}

func (c conditions) set(kind string, holds bool, reason, message string) {
	status := metav1.ConditionFalse
	if holds {
		status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(c.list, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: c.generation,
	})
}

// whileTrue keeps a condition only while it is true, as kstatus wants it.
func (c conditions) whileTrue(kind string, holds bool, reason, message string) {
	if holds {
		c.set(kind, true, reason, message)
		return
	}
	meta.RemoveStatusCondition(c.list, kind)
}

// SetStackConditions computes all conditions of a stack.
func SetStackConditions(s *v1alpha1.BridgeStack, stalled []stack.Problem, healthy int) {
	c := conditions{&s.Status.Conditions, s.Generation}
	switch {
	case len(stalled) > 0:
		c.set(v1alpha1.ConditionReady, false, stalled[0].Reason, problemText(stalled))
		c.whileTrue(v1alpha1.ConditionStalled, true, stalled[0].Reason, problemText(stalled))
	case s.Spec.Paused:
		c.set(v1alpha1.ConditionReady, true, v1alpha1.ReasonPaused, "incidents are diagnosed; nothing is touched while spec.paused is true")
		c.whileTrue(v1alpha1.ConditionStalled, false, "", "")
	default:
		c.set(v1alpha1.ConditionReady, true, v1alpha1.ReasonReconciled, "every field of the policy is resolved and followed")
		c.whileTrue(v1alpha1.ConditionStalled, false, "", "")
	}
	c.compose(s, stalled)
	if healthy == len(s.Status.Services) && healthy > 0 {
		c.set(v1alpha1.ConditionHealthy, true, v1alpha1.ReasonAllServicesHealthy, healthyText(s.Status.Services))
	} else {
		c.set(v1alpha1.ConditionHealthy, false, v1alpha1.ReasonServicesUnhealthy, unhealthyText(s.Status.Services))
	}
	s.Status.ObservedGeneration = s.Generation
}

// compose says whether the compose project was understood, where there is one.
func (c conditions) compose(s *v1alpha1.BridgeStack, stalled []stack.Problem) {
	if s.Spec.Compose == nil {
		meta.RemoveStatusCondition(c.list, v1alpha1.ConditionComposeLoaded)
		return
	}
	wrong := slices.DeleteFunc(slices.Clone(stalled), func(p stack.Problem) bool { return !strings.HasPrefix(p.Field, "spec.compose") })
	if s.Status.Compose == nil || len(wrong) > 0 {
		reason := v1alpha1.ReasonComposeInvalid
		if len(wrong) > 0 {
			reason = wrong[0].Reason
		}
		c.set(v1alpha1.ConditionComposeLoaded, false, reason, problemText(wrong))
		return
	}
	c.set(v1alpha1.ConditionComposeLoaded, true, v1alpha1.ReasonComposeLoaded, composeText(*s.Status.Compose))
}

func composeText(c v1alpha1.ComposeStatus) string {
	text := fmt.Sprintf("services known of project %s: %d", c.Project, c.Services)
	if n := len(c.Ignored); n > 0 {
		text += fmt.Sprintf("; attributes without a meaning here: %d", n)
	}
	if c.DriftTotal > 0 {
		text += fmt.Sprintf("; differences from the cluster: %d", c.DriftTotal)
	}
	return text
}
