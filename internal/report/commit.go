package report

import (
	"fmt"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/text"
)

// mostCited is how many pieces of evidence a commit's message cites, each with
// at most so many bytes.
const (
	mostCited    = 5
	maxCitedText = 240
)

// CommitMessage is a remedy with its cause and evidence, from what the status says. The
// finding's own message is not in there: the caller keeps secrets out of the whole.
func CommitMessage(d *v1alpha1.BridgeDiagnosis, finding string, proposal v1alpha1.Proposal) string {
	s := &d.Status
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s: %s\n\n", proposal.Remedy, d.Spec.Service, s.Cause)
	fmt.Fprintf(&b, "%s. %s: %s.\n", text.AsClause(finding), proposal.Remedy, text.AsClause(proposal.Because))
	for _, c := range proposal.Changes {
		b.WriteString("\n" + c.String())
	}
	fmt.Fprintf(&b, "\n\nEvidence (confidence %s):\n", s.Confidence)
	for _, e := range s.Evidence[:min(len(s.Evidence), mostCited)] {
		fmt.Fprintf(&b, "- %s: %s\n", e.Source, text.Clip(text.OneLine(e.Text), maxCitedText))
	}
	fmt.Fprintf(&b, "\nDiagnosis: %s/%s\nProposal: %s\n", d.Namespace, d.Name, proposal.ID)
	return b.String()
}
