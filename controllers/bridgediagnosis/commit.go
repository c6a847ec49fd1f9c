package bridgediagnosis

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/gitcommit"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/gitrepo"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/report"
)

// commitPause is how long to wait after a commit that could not be made: a
// repository is not asked at each crash.
const commitPause = time.Minute

// commit has the proposal made in the owner's Git repository, on a branch of the
// diagnosis: by workers of their own, as a repository may hang. pending is true until
// that is done. What keeps it from that is said beside the suggestion. Only what was
// proved is committed: who merges it takes it for right. A view that is not the API
// server's commits nothing: it may not know of a commit that is in force already.
func (r *Reconciler) commit(ctx context.Context, in *round, d plan.Decision, action remedy.Action, proposal v1alpha1.Proposal, failure string) (_ plan.Decision, pending bool, err error) {
	d.RecheckAfter = commitPause
	if failure == "" {
		failure = r.prove(ctx, in, action)
	}
	if failure != "" {
		d.Message += "\nNot committed: " + failure
		return d, false, nil
	}
	if err := r.fresh(ctx, in); err != nil {
		return d, false, err
	}
	key := client.ObjectKeyFromObject(in.after)
	r.Commits.Submit(gitcommit.Job{
		Key: key, UID: in.after.UID, ID: proposal.ID, Pause: commitPause,
		Run: r.commitOf(ctx, in, proposal),
		Done: func(ctx context.Context) {
			announced := &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
			select {
			case r.committed <- event.GenericEvent{Object: announced}:
			case <-ctx.Done():
			}
		},
	})
	return d, true, nil
}

// takeCommit records what was committed since the last round, whatever is decided now.
// It returns why the proposal could not be committed lately, empty where it could.
func (r *Reconciler) takeCommit(in *round, proposal v1alpha1.Proposal) (failure string) {
	result, ok := r.Commits.Take(client.ObjectKeyFromObject(in.after), in.after.UID)
	if !ok {
		return ""
	}
	if made, ok := result.Value.(*v1alpha1.GitCommit); ok {
		in.after.Status.Commit = made
	}
	if result.Err == nil || result.ID != proposal.ID {
		return ""
	}
	return in.redact(result.Err.Error())
}

// seeMerged records when what was committed came into force in the cluster.
func (in *round) seeMerged(now time.Time) {
	if gitops.Merged(in.after.Status, in.workload.Template()) {
		in.after.Status.Commit.InForceAt = new(metav1.NewTime(now))
	}
}

// commitOf is the commit of a proposal, on copies of what this round sees.
func (r *Reconciler) commitOf(ctx context.Context, in *round, proposal v1alpha1.Proposal) func(context.Context) (any, error) {
	log := ctrl.LoggerFrom(ctx).WithValues("stack", in.after.Spec.Stack, "service", in.after.Spec.Service, "remedy", proposal.Remedy, "proposal", proposal.ID)
	branch := "bridgestack/" + in.after.Name
	change := gitrepo.Change{Branches: []string{branch, branch + "-" + proposal.ID}, Message: in.redact(report.CommitMessage(in.after, in.finding.Message, proposal))}
	owner, d, w := in.owner.DeepCopy(), in.after.DeepCopy(), in.workload // each round reads one of its own
	changes := proposal.DeepCopy().Changes
	redacted := in.redacted
	push := func(changed []gitrepo.File) ([]gitrepo.File, error) { return changed, nil }
	return func(ctx context.Context) (any, error) {
		made, err := r.Committer.Commit(ctx, owner, d, w, changes, change, push)
		if errors.Is(err, gitops.ErrMade) {
			made, err = gitrepo.Commit{Branch: gitcommit.BaseOf(owner.Spec.GitOps.Repository)}, nil
		}
		if err = redacted(err); err != nil {
			log.Info("failed to commit a remedy", "error", err.Error())
			return nil, err
		}
		log.Info("committed a remedy", "branch", made.Branch, "commit", made.Hash)
		return &v1alpha1.GitCommit{Proposal: proposal.ID, Branch: made.Branch, Commit: made.Hash, Files: made.Files, Changes: changes, PushedAt: metav1.NewTime(r.Clock.Now())}, nil
	}
}
