package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plugin/page"
)

func rollbackCommand() *cobra.Command {
	return onDiagnosis(&cobra.Command{
		Use:   "rollback DIAGNOSIS",
		Short: "Have the operator take a remedy back that is in force",
		Long: `Asks the operator, by spec.takeBack, to take the attempt back that it is verifying: it restores the pod template to the
byte, unless someone else edited it since, and tries nothing more for this incident but what you approve.

Of a remedy that helped, the incident is over and the operator no longer watches over it: the command that takes it back is
printed, and nothing is done.`,
		Example: `  kubectl bridge rollback hook-receiver-bfccfd
  kubectl bridge rollback hook-receiver-bfccfd --dry-run=server`,
	}, rollback)
}

func rollback(ctx context.Context, s steered) error {
	a := inForce(s.d)
	switch {
	case a == nil:
		return s.byHand()
	case a.Outcome == v1alpha1.AttemptRollingBack:
		fmt.Fprintf(s.out, "%s of %s is being taken back already\n", a.Proposal.Remedy, s.name())
		return nil
	case undo(*a) == "" && a.Outcome != v1alpha1.AttemptRecorded:
		return fmt.Errorf("there is no way back from %s on %s: it changed no setting; `%s` keeps the operator from doing more", a.Proposal.Remedy, a.Proposal.Target, fmt.Sprintf("kubectl bridge pause -n %s %s", s.d.Namespace, s.d.Spec.Stack))
	}
	fmt.Fprintf(s.out, "to be taken back on %s, as nobody else edited it since:\n", a.Proposal.Target)
	fmt.Fprint(s.out, page.Proposed(reversed(a.Proposal), styleOf(s.out, false)))
	me, err := s.me(ctx)
	if err != nil {
		return err
	}
	return s.sets(ctx, map[string]any{"takeBack": a.ID, "takenBackBy": me}, fmt.Sprintf("asked for: spec.takeBack is %s; `%s` shows what comes of it", a.ID, page.Command("explain", *s.d)))
}

// reversed is the way back.
func reversed(p v1alpha1.Proposal) v1alpha1.Proposal {
	p.Because, p.Changes = "", append([]v1alpha1.FieldChange{}, p.Changes...)
	for i, c := range p.Changes {
		p.Changes[i] = c.Reversed()
	}
	return p
}

// byHand tells how a remedy is taken back whose incident is over.
func (s steered) byHand() error {
	var last *v1alpha1.Attempt
	for i, a := range s.d.Status.Attempts {
		if a.Outcome == v1alpha1.AttemptHelped && undo(a) != "" {
			last = &s.d.Status.Attempts[i]
		}
	}
	if last == nil {
		return fmt.Errorf("%s: no remedy is in force that could be taken back", s.stands())
	}
	w := last.Action.PatchTemplate.Workload
	patch, err := onWorkload(undo(*last))
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s: %s helped, and the operator no longer watches over it. Nothing was done. This takes it back:\n\n", s.stands(), last.Proposal.Remedy)
	fmt.Fprintf(s.out, "  kubectl -n %s patch %s %s --type=json -p '%s'\n", s.d.Namespace, strings.ToLower(string(w.Kind)), w.Name, strings.ReplaceAll(patch, "'", `'\''`))
	return nil
}

// undo is the JSON patch of the pod template that takes an attempt back, empty
// where there is no way back.
func undo(a v1alpha1.Attempt) string {
	if a.Action.PatchTemplate == nil {
		return ""
	}
	return a.Action.PatchTemplate.Undo
}

// onWorkload is a JSON patch of a pod template as one of its workload.
func onWorkload(undo string) (string, error) {
	var operations []map[string]any
	if err := json.Unmarshal([]byte(undo), &operations); err != nil {
		return "", fmt.Errorf("reading the attempt's way back: %w", err)
	}
	for _, o := range operations {
		for _, pointer := range []string{"path", "from"} {
			if text, ok := o[pointer].(string); ok {
				o[pointer] = "/spec/template" + text
			}
		}
	}
	out, err := json.Marshal(operations)
	return string(out), err
}
