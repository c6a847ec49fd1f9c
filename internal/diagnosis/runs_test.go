package diagnosis

import (
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

func TestRuns(t *testing.T) {
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	failed := func(reason string) evidence.Run {
		return evidence.Run{Known: true, Object: "Job/load", Failed: true, Reason: reason, Message: "Job was said to be so", Ended: noon}
	}
	proved := evidence.Proved{Cause: v1alpha1.CausePostgresAuthFailed, Confidence: v1alpha1.ConfidenceHigh, Message: "Postgres refuses the login.",
		Evidence: []v1alpha1.EvidenceItem{{Source: v1alpha1.SourceLog, Text: "28P01"}}}
	pod := evidence.Pod{Name: "load-x", Phase: "Failed"}
	ended := evidence.Container{Name: "load", Terminated: &evidence.Termination{ExitCode: 127, Reason: "Error"}}
	log := evidence.Log{Current: []byte("sh: 1: lod: not found\n")}
	again := failed("DeadlineExceeded")
	again.Active = true
	for name, c := range map[string]struct {
		evidence   evidence.Case
		cause      v1alpha1.Cause
		confidence v1alpha1.Confidence
		cites      string
	}{
		"too long":                         {evidence.Case{Run: failed("DeadlineExceeded")}, v1alpha1.CauseDeadlineExceeded, v1alpha1.ConfidenceHigh, "Job/load: failed: DeadlineExceeded: Job was said to be so"},
		"too long, whatever the log says":  {evidence.Case{Run: failed("DeadlineExceeded"), Pod: pod, Container: ended, Log: log}, v1alpha1.CauseDeadlineExceeded, v1alpha1.ConfidenceHigh, "DeadlineExceeded"},
		"too long, and under way again":    {evidence.Case{Run: again, Pod: pod, Container: ended, Log: log}, v1alpha1.CauseCommandNotFound, v1alpha1.ConfidenceHigh, "not found"},
		"its pod is there":                 {evidence.Case{Run: failed("BackoffLimitExceeded"), Pod: pod, Container: ended, Log: log}, v1alpha1.CauseCommandNotFound, v1alpha1.ConfidenceHigh, "BackoffLimitExceeded"},
		"its pods are gone":                {evidence.Case{Run: failed("BackoffLimitExceeded")}, v1alpha1.CauseUnknown, v1alpha1.ConfidenceLow, "BackoffLimitExceeded"},
		"its pods are gone, and were seen": {evidence.Case{Run: failed("BackoffLimitExceeded"), Proved: proved}, v1alpha1.CausePostgresAuthFailed, v1alpha1.ConfidenceHigh, "28P01"},
		"what the owner says of itself, cited": {evidence.Case{Pod: pod, Container: ended, Log: log, Owner: evidence.Owner{Object: "Cluster/pg", Conditions: []evidence.Condition{
			{Type: "Ready", Status: "False", Reason: "ClusterIsNotReady", Message: "1 of 3 instances are ready", Since: noon}}}}, v1alpha1.CauseCommandNotFound, v1alpha1.ConfidenceHigh,
			"Cluster/pg: Ready=False ClusterIsNotReady: 1 of 3 instances are ready"},
	} {
		t.Run(name, func(t *testing.T) {
			f := Diagnose(c.evidence)
			var cited []string
			for _, i := range f.Evidence {
				cited = append(cited, i.Text)
			}
			if f.Cause != c.cause || f.Confidence != c.confidence || !strings.Contains(strings.Join(cited, "\n"), c.cites) {
				t.Errorf("got %s (%s): %s\n%s", f.Cause, f.Confidence, f.Message, strings.Join(cited, "\n"))
			}
		})
	}
}
