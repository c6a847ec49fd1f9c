package bridgediagnosis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/gitcommit"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/gitrepo"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/text"
)

// commitPause is how long to wait after a commit that could not be made: a
// repository is not asked at each crash.
const commitPause = time.Minute

// commit makes the proposal in the owner's Git repository, on a branch of the
// diagnosis, and decides anew. What keeps it from that is said beside the suggestion.
func (r *Reconciler) commit(ctx context.Context, in *round, d plan.Decision, action remedy.Action, proposal v1alpha1.Proposal) (plan.Decision, error) {
	d.RecheckAfter = commitPause
	failed, recent := r.uncommitted.Load(in.after.UID)
	if f, ok := failed.(uncommitted); recent && ok && f.proposal == proposal.ID && r.Clock.Now().Before(f.until) {
		d.Message += f.because
		return d, nil
	}
	made, err := r.commitNow(ctx, in, action, proposal)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("a remedy could not be committed", "because", err.Error())
		f := uncommitted{proposal.ID, "\nNot committed: " + err.Error(), r.Clock.Now().Add(commitPause)}
		r.uncommitted.Store(in.after.UID, f)
		d.Message += f.because
		return d, nil
	}
	r.uncommitted.Delete(in.after.UID)
	in.after.Status.Commit = made
	return r.decide(ctx, in, r.Client, action, proposal)
}

// seeMerged records when what was committed came into force in the cluster.
func (in *round) seeMerged(now time.Time) {
	c := in.after.Status.Commit
	if c == nil || c.InForceAt != nil || in.patchedLive() || !hold(gitops.Fields(in.workload.Template(), c.Changes), in.workload.Template()) {
		return
	}
	at := metav1.NewTime(now)
	c.InForceAt = &at
}

// patchedLive is true where the change was also written under a hold: that it is
// in force says nothing of Git then.
func (in *round) patchedLive() bool {
	return slices.ContainsFunc(in.after.Status.Attempts, func(a v1alpha1.Attempt) bool { return a.HeldUntil != nil })
}

// uncommitted is why a proposal is not in Git, and until when not to try again.
type uncommitted struct {
	proposal, because string
	until             time.Time
}

// commitNow commits a proposal that was proved: who merges it takes it for right.
func (r *Reconciler) commitNow(ctx context.Context, in *round, action remedy.Action, proposal v1alpha1.Proposal) (*v1alpha1.GitCommit, error) {
	if failed := r.prove(ctx, in, action); failed != "" {
		return nil, errors.New(failed)
	}
	branch := "bridgestack/" + in.after.Name
	change := gitrepo.Change{Branches: []string{branch, branch + "-" + proposal.ID}, Message: in.commitMessage(proposal)}
	push := func(changed []gitrepo.File) ([]gitrepo.File, error) { return changed, nil }
	made, err := r.Committer.Commit(ctx, in.owner, in.after, in.workload, proposal.Changes, change, push)
	if errors.Is(err, gitops.ErrMade) {
		made, err = gitrepo.Commit{Branch: gitcommit.BaseOf(in.owner.Spec.GitOps.Repository)}, nil
	}
	if err != nil {
		return nil, in.redacted(err)
	}
	return &v1alpha1.GitCommit{Proposal: proposal.ID, Branch: made.Branch, Commit: made.Hash, Files: made.Files, Changes: proposal.Changes, PushedAt: metav1.NewTime(r.Clock.Now())}, nil
}

// mostCited is how many pieces of evidence a commit's message cites, each with
// at most so many bytes.
const (
	mostCited    = 5
	maxCitedText = 240
)

// commitMessage is the remedy with its cause and evidence, from what the status
// says, which holds no secret.
func (in *round) commitMessage(proposal v1alpha1.Proposal) string {
	s := &in.after.Status
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s: %s\n\n", proposal.Remedy, in.after.Spec.Service, s.Cause)
	fmt.Fprintf(&b, "%s. %s: %s.\n", text.AsClause(in.finding.Message), proposal.Remedy, text.AsClause(proposal.Because))
	for _, c := range proposal.Changes {
		b.WriteString("\n" + c.String())
	}
	fmt.Fprintf(&b, "\n\nEvidence (confidence %s):\n", s.Confidence)
	for _, e := range s.Evidence[:min(len(s.Evidence), mostCited)] {
		fmt.Fprintf(&b, "- %s: %s\n", e.Source, text.Clip(text.OneLine(e.Text), maxCitedText))
	}
	fmt.Fprintf(&b, "\nDiagnosis: %s/%s\nProposal: %s\n", in.after.Namespace, in.after.Name, proposal.ID)
	return in.redact(b.String())
}
