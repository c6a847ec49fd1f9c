package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/text"
)

// GitOps is where a change of a workload stands beside GitOps.
type GitOps struct {
	// Owner that takes drift back by itself, empty where there is none.
	Owner string
	// Set are the fields of the change that are set in the owner's Git: it would
	// take them back. What is absent there survives.
	Set []string
	// Because says how it is known that they are set.
	Because string
	// Hold is how a person keeps the owner from one object, empty where there is
	// no such way to tell of.
	Hold string
	// Repository says that the policy names one to commit to.
	Repository bool
	// Holdable says that the owner can be kept from one object.
	Holdable bool
	// TTL is how long the policy lets it be, 0 where it does not.
	TTL time.Duration
}

// Under adds what the policy and earlier attempts say of holding an object. What was
// patched under a hold is no longer on record as the owner's: it still counts as set
// in Git.
func (g GitOps) Under(hold *v1alpha1.GitOpsHold, attempts []v1alpha1.Attempt, changes []v1alpha1.FieldChange) GitOps {
	if hold != nil {
		g.TTL = hold.TTL.Duration
	}
	for _, a := range attempts {
		if g.Owner == "" || a.HeldUntil == nil || a.AppliedAt == nil || len(g.Set) > 0 {
			continue
		}
		for _, c := range changes {
			if slices.ContainsFunc(a.Proposal.Changes, func(held v1alpha1.FieldChange) bool { return held.Path == c.Path }) {
				g.Set, g.Because = append(g.Set, c.Path), "it was when its manager was kept from it"
			}
		}
	}
	return g
}

// takesBack says why the owner would take the change back, empty where it would not.
func (g GitOps) takesBack() string {
	if g.Owner == "" || len(g.Set) == 0 {
		return ""
	}
	return fmt.Sprintf("%s owns the workload and would take the change back: %s is set in Git (%s)", g.Owner, strings.Join(g.Set, ", "), g.Because)
}

// ownedByGitOps keeps from fighting a controller that would take the change
// back. Of what only pods are touched by, nothing drifts.
func ownedByGitOps(in Input) *Decision {
	because := in.GitOps.takesBack()
	if because == "" || in.Action.Template == nil {
		return nil
	}
	hold := in.holdFor() > 0
	switch {
	case in.GitOps.Repository && (!hold || !in.committed()):
		return inRepository(in, because)
	case hold:
		return nil
	}
	d := suggested(in, because+"; make it in Git")
	d.Message += asDiff(in.Proposal.Changes)
	if in.GitOps.Hold != "" {
		d.Message += "\n" + text.AsSentence(in.GitOps.Hold)
	}
	return d
}

// holdFor is how long the owner is kept from the object for the change, 0 where
// it is not: a change that was in force under a hold before is for Git alone.
func (in Input) holdFor() time.Duration {
	if in.GitOps.takesBack() == "" || !in.GitOps.Holdable || in.Action.Template == nil {
		return 0
	}
	for _, d := range append(slices.Clip(in.Others), in.Diagnosis) {
		held := func(a v1alpha1.Attempt) bool {
			return a.HeldUntil != nil && a.Proposal.ID == in.Proposal.ID && counts(a)
		}
		if d.Spec.Workload == in.Diagnosis.Spec.Workload && slices.ContainsFunc(d.Status.Attempts, held) {
			return 0
		}
	}
	return in.GitOps.TTL
}

// committed says that the proposal is on a branch of the owner's repository.
func (in Input) committed() bool {
	c := in.Diagnosis.Status.Commit
	return c != nil && c.Proposal == in.Proposal.ID
}

// inRepository has the proposal committed once, and awaits the merge.
func inRepository(in Input, because string) *Decision {
	if d := unapproved(in); d != nil {
		return d
	}
	c := in.Diagnosis.Status.Commit
	if !in.committed() {
		if d := bounded(in); d != nil {
			return d
		}
		d := suggested(in, because)
		d.Commit = true
		d.Message += asDiff(in.Proposal.Changes)
		return d
	}
	where := "branch " + c.Branch + " has it"
	if c.Commit != "" {
		where = fmt.Sprintf("it is committed to branch %s (%.12s): merge it", c.Branch, c.Commit)
	}
	return &Decision{State: v1alpha1.StateAwaitingMerge, Reason: v1alpha1.ReasonAwaitingMerge, RecheckAfter: time.Minute,
		Message: fmt.Sprintf("%s. %s, %s; %s, and %s applies it%s", in.says(), in.Proposal.Remedy, in.Proposal.Because, where, in.GitOps.Owner, asDiff(in.Proposal.Changes))}
}

// merged gives a change that came into force through Git the time that any
// remedy has to help, before the next one is thought of.
func merged(in Input) *Decision {
	c := in.Diagnosis.Status.Commit
	if c == nil || c.InForceAt == nil {
		return nil
	}
	left := c.InForceAt.Add(in.Policy.Timeout).Sub(in.Now)
	if left <= 0 {
		return nil
	}
	return &Decision{State: v1alpha1.StateVerifying, Reason: v1alpha1.ReasonVerifying, RecheckAfter: min(left, recheck),
		Message: fmt.Sprintf("the change of branch %s is in force: it counts once the container has stayed up", c.Branch)}
}

// asDiff is the exact change in the words of a diff.
func asDiff(changes []v1alpha1.FieldChange) string {
	var b strings.Builder
	for _, c := range changes {
		b.WriteString("\n" + c.Path)
		if before, present := c.BeforeText(); present {
			b.WriteString("\n- " + before)
		}
		if after, present := c.AfterText(); present {
			b.WriteString("\n+ " + after)
		}
	}
	return b.String()
}

// reverted ends an incident's remedies once a GitOps controller took one back:
// it stands for what Git says.
func reverted(in Input, a v1alpha1.Attempt) *Decision {
	return &Decision{State: v1alpha1.StateEscalated, Reason: v1alpha1.ReasonRemedyReverted, RecheckAfter: time.Minute,
		Message: fmt.Sprintf("%s. %s was taken back and is not tried again: %s", in.says(), a.Proposal.Remedy, a.Message)}
}
