package attempt

import (
	"fmt"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// outcomes in the order of a life.
var outcomes = []v1alpha1.AttemptOutcome{
	v1alpha1.AttemptRecorded, v1alpha1.AttemptApplied, v1alpha1.AttemptRollingBack,
	v1alpha1.AttemptHelped, v1alpha1.AttemptRolledBack, v1alpha1.AttemptWithdrawn,
	v1alpha1.AttemptConflict, v1alpha1.AttemptReverted, v1alpha1.AttemptFailed,
}

// Diagram is the table as a Mermaid state diagram: each arrow is labelled with the
// observations that lead along it.
func Diagram() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n    [*] --> Recorded: the attempt is persisted\n")
	for _, from := range outcomes {
		for _, to := range outcomes {
			if why := arrows(from, to); len(why) > 0 {
				fmt.Fprintf(&b, "    %s --> %s: %s\n", from, to, strings.Join(why, ", "))
			}
		}
		if !from.InForce() {
			fmt.Fprintf(&b, "    %s --> [*]\n", from)
		}
	}
	return b.String()
}

// arrows are the observations that lead from one outcome to another.
func arrows(from, to v1alpha1.AttemptOutcome) []string {
	var out []string
	for _, seen := range Observations {
		c, legal := table[from][seen]
		switch {
		case !legal:
		case c.to == to:
			out = append(out, string(seen))
		case c.irreversibly == to:
			out = append(out, string(seen)+" (no way back)")
		}
	}
	return out
}

// MarkdownTable is the table with every legal pair: what is done, and how the
// attempt stands then.
func MarkdownTable() string {
	var b strings.Builder
	b.WriteString("| Outcome | What is seen | What is done | Outcome then | Reason |\n|---|---|---|---|---|\n")
	for _, from := range outcomes {
		for _, seen := range Observations {
			c, legal := table[from][seen]
			if !legal {
				continue
			}
			then := string(c.to)
			if c.irreversibly != "" {
				then += "; " + string(c.irreversibly) + " where there is no way back"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", from, seen, c.do, then, c.why)
		}
	}
	return b.String()
}
