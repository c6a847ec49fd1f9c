package main

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/text"
)

// commands are what a person can type to look for themselves.
type commands struct {
	kubectl, namespace string
}

func (c commands) line(format string, values ...any) string {
	return fmt.Sprintf("    %s -n %s %s\n", c.kubectl, c.namespace, fmt.Sprintf(format, values...))
}

// reportOf says of each diagnosis how it went.
func reportOf(in incidents, c commands) string {
	var out strings.Builder
	for _, e := range in.expected {
		for _, d := range in.of(e.service) {
			out.WriteString("\n" + reportOfOne(d, c))
		}
	}
	out.WriteString("\n  All of it:\n" + c.line("get bridgestacks,bridgediagnoses,pods"))
	return out.String()
}

func reportOfOne(d v1alpha1.BridgeDiagnosis, c commands) string {
	var out strings.Builder
	s := d.Status
	fmt.Fprintf(&out, "%s: %s (%s), %s\n", d.Spec.Service, s.Cause, s.Confidence, s.State)
	fmt.Fprintf(&out, "  %s\n", stations(s.Times))
	for _, item := range s.Evidence[:min(3, len(s.Evidence))] {
		fmt.Fprintf(&out, "  %s: %s\n", item.Source, text.Clip(text.OneLine(item.Text), lineLength))
	}
	for _, a := range s.Attempts {
		out.WriteString(attempt(a))
	}
	if s.State == v1alpha1.StateEscalated {
		fmt.Fprintf(&out, "  Left to a person: %s\n", text.Clip(text.OneLine(s.Message), 3*lineLength))
	}
	out.WriteString("  See for yourself:\n")
	out.WriteString(c.line("get bridgediagnosis %s -o yaml", d.Name))
	out.WriteString(c.line("get %s %s -o yaml", strings.ToLower(string(d.Spec.Workload.Kind)), d.Spec.Workload.Name))
	out.WriteString(c.line("events --for %s/%s", strings.ToLower(string(d.Spec.Workload.Kind)), d.Spec.Workload.Name))
	return out.String()
}

// attempt is a remedy with its change as a diff.
func attempt(a v1alpha1.Attempt) string {
	var out strings.Builder
	fmt.Fprintf(&out, "  %s on %s: %s %s\n", a.Proposal.Remedy, a.Proposal.Target, a.Outcome, text.Clip(text.OneLine(a.Message), lineLength))
	for _, change := range a.Proposal.Changes {
		if before, present := change.BeforeText(); present {
			fmt.Fprintf(&out, "    - %s: %s\n", change.Path, before)
		}
		if after, present := change.AfterText(); present {
			fmt.Fprintf(&out, "    + %s: %s\n", change.Path, after)
		}
	}
	if len(a.Proposal.Changes) == 0 && a.Proposal.Because != "" {
		fmt.Fprintf(&out, "    %s\n", text.Clip(text.OneLine(a.Proposal.Because), lineLength))
	}
	return out.String()
}

// stations of an incident, in seconds since its loop was visible.
func stations(t v1alpha1.IncidentTimes) string {
	if t.Visible == nil {
		return "loop not seen yet"
	}
	var out strings.Builder
	out.WriteString("loop visible")
	for _, s := range []struct {
		name string
		at   *metav1.MicroTime
	}{
		{"diagnosed", t.Diagnosed}, {"patched", t.Patched}, {"up", t.Up}, {"recovered", t.Recovered}, {"escalated", t.Escalated},
	} {
		if s.at != nil {
			fmt.Fprintf(&out, " -> %s %.2fs", s.name, s.at.Sub(t.Visible.Time).Seconds())
		}
	}
	return out.String()
}

// lineLength of what is quoted, in bytes.
const lineLength = 160
