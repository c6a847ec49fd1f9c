package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/gitrepo"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/text"
)

// commitPause is how long to wait after a commit that could not be made: a
// repository is not asked at each crash.
const commitPause = time.Minute

// commit makes the proposal in the owner's Git repository, on a branch of the
// diagnosis, and decides anew. What keeps it from that is said beside the suggestion.
func (r *BridgeDiagnosisReconciler) commit(ctx context.Context, in *incident, d plan.Decision, action remedy.Action, proposal v1alpha1.Proposal) (plan.Decision, error) {
	d.RecheckAfter = commitPause
	failed, recent := r.uncommitted.Load(in.after.UID)
	if f, ok := failed.(uncommitted); recent && ok && f.proposal == proposal.ID && r.Now().Before(f.until) {
		d.Message += f.because
		return d, nil
	}
	made, err := r.commitNow(ctx, in, action, proposal)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("a remedy could not be committed", "because", err.Error())
		f := uncommitted{proposal.ID, "\nNot committed: " + err.Error(), r.Now().Add(commitPause)}
		r.uncommitted.Store(in.after.UID, f)
		d.Message += f.because
		return d, nil
	}
	r.uncommitted.Delete(in.after.UID)
	in.after.Status.Commit = made
	return r.decide(ctx, in, r.Cached, action, proposal)
}

// seeMerged records when what was committed came into force in the cluster.
func (in *incident) seeMerged(now time.Time) {
	c := in.after.Status.Commit
	if c == nil || c.InForceAt != nil || in.patchedLive() || !hold(gitops.Fields(in.template(), c.Changes), in.workload) {
		return
	}
	at := metav1.NewTime(now)
	c.InForceAt = &at
}

// patchedLive is true where the change was also written under a hold: that it is
// in force says nothing of Git then.
func (in *incident) patchedLive() bool {
	return slices.ContainsFunc(in.after.Status.Attempts, func(a v1alpha1.Attempt) bool { return a.HeldUntil != nil })
}

// uncommitted is why a proposal is not in Git, and until when not to try again.
type uncommitted struct {
	proposal, because string
	until             time.Time
}

// commitNow commits a proposal that was proved: who merges it takes it for right.
func (r *BridgeDiagnosisReconciler) commitNow(ctx context.Context, in *incident, action remedy.Action, proposal v1alpha1.Proposal) (*v1alpha1.GitCommit, error) {
	if failed := r.prove(ctx, in, action); failed != "" {
		return nil, errors.New(failed)
	}
	branch := "bridgestack/" + in.after.Name
	change := gitrepo.Change{Branches: []string{branch, branch + "-" + proposal.ID}, Message: in.commitMessage(proposal)}
	push := func(changed []gitrepo.File) ([]gitrepo.File, error) { return changed, nil }
	made, err := r.inGit(ctx, in.owner, in.after, in.template(), proposal.Changes, change, push)
	if errors.Is(err, gitops.ErrMade) {
		made, err = gitrepo.Commit{Branch: baseOf(in.owner.Spec.GitOps.Repository)}, nil
	}
	if err != nil {
		return nil, redactedError{in.redact(err.Error()), err}
	}
	return &v1alpha1.GitCommit{Proposal: proposal.ID, Branch: made.Branch, Commit: made.Hash, Files: made.Files, Changes: proposal.Changes, PushedAt: metav1.NewTime(r.Now())}, nil
}

// inGit makes changes of a workload in the repository of its stack, and has them
// committed unless then says otherwise. Where they are on the branch already, it
// returns gitops.ErrMade.
func (o *Operator) inGit(ctx context.Context, owner *v1alpha1.BridgeStack, d *v1alpha1.BridgeDiagnosis, template *corev1.PodTemplateSpec, changes []v1alpha1.FieldChange,
	change gitrepo.Change, then func(changed []gitrepo.File) ([]gitrepo.File, error)) (gitrepo.Commit, error) {
	wanted, w := owner.Spec.GitOps.Repository, d.Spec.Workload
	repository, err := o.repository(ctx, d.Namespace, wanted)
	if err != nil {
		return gitrepo.Commit{}, err
	}
	scope, err := o.scope(ctx, d.Namespace)
	if err != nil {
		return gitrepo.Commit{}, err
	}
	target := gitops.Target{Kind: string(w.Kind), Namespace: d.Namespace, Name: w.Name, Template: template, Values: valuesOf(wanted, d.Spec.Service)}
	change.Under = wanted.Path
	change.Rewrite = func(files []gitrepo.File) ([]gitrepo.File, error) {
		changed, err := rewrite(files, target, gitops.Fields(template, changes))
		if err != nil {
			return nil, err
		}
		return then(changed)
	}
	made, err := o.Git.Commit(ctx, scope, repository, change)
	if err != nil {
		secrets := redact.New(evidence.NewSecret(repository.Password))
		err = redactedError{secrets.Text(err.Error()), err}
	}
	return made, err
}

// baseOf is the branch that the GitOps controller follows.
func baseOf(r *v1alpha1.GitRepository) string { return cmp.Or(r.Branch, "main") }

// rewrite is gitops.Rewrite, on a repository's files.
func rewrite(files []gitrepo.File, target gitops.Target, fields []gitops.Field) ([]gitrepo.File, error) {
	texts := make([]gitops.File, 0, len(files))
	for _, f := range files {
		texts = append(texts, gitops.File(f))
	}
	changed, err := gitops.Rewrite(texts, target, fields)
	out := make([]gitrepo.File, 0, len(changed))
	for _, f := range changed {
		out = append(out, gitrepo.File(f))
	}
	return out, err
}

// repository is what the stack names, with the credentials from its Secret,
// which is read live and never kept.
func (o *Operator) repository(ctx context.Context, namespace string, wanted *v1alpha1.GitRepository) (gitrepo.Repository, error) {
	out := gitrepo.Repository{URL: wanted.URL, Branch: baseOf(wanted)}
	if wanted.SecretRef == nil {
		return out, nil
	}
	var secret corev1.Secret
	err := o.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: wanted.SecretRef.Name}, &secret)
	if apierrors.IsNotFound(err) {
		return out, fmt.Errorf("spec.gitOps.repository.secretRef: Secret %q does not exist in this namespace", wanted.SecretRef.Name)
	}
	if err != nil {
		return out, fmt.Errorf("reading the Secret of spec.gitOps.repository: %w", err)
	}
	out.Username, out.Password, out.CA = string(secret.Data["username"]), string(secret.Data["password"]), secret.Data["ca.crt"]
	return out, nil
}

func valuesOf(r *v1alpha1.GitRepository, service string) []gitops.Value {
	var out []gitops.Value
	for _, v := range r.Values {
		if v.Service == service {
			out = append(out, gitops.Value{Field: v.Field, File: v.File, Keys: v.Keys})
		}
	}
	return out
}

// mostCited is how many pieces of evidence a commit's message cites, each with
// at most so many bytes.
const (
	mostCited    = 5
	maxCitedText = 240
)

// commitMessage is the remedy with its cause and evidence, from what the status
// says, which holds no secret.
func (in *incident) commitMessage(proposal v1alpha1.Proposal) string {
	s := &in.after.Status
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s: %s\n\n", proposal.Remedy, in.after.Spec.Service, s.Cause)
	fmt.Fprintf(&b, "%s. %s: %s.\n", text.AsClause(in.finding.Message), proposal.Remedy, text.AsClause(proposal.Because))
	for _, c := range proposal.Changes {
		fmt.Fprintf(&b, "\n%s: %s -> %s", c.Path, c.Before, c.After)
	}
	fmt.Fprintf(&b, "\n\nEvidence (confidence %s):\n", s.Confidence)
	for _, e := range s.Evidence[:min(len(s.Evidence), mostCited)] {
		fmt.Fprintf(&b, "- %s: %s\n", e.Source, text.Clip(text.OneLine(e.Text), maxCitedText))
	}
	fmt.Fprintf(&b, "\nDiagnosis: %s/%s\nProposal: %s\n", in.after.Namespace, in.after.Name, proposal.ID)
	return in.redact(b.String())
}
