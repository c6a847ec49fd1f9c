package controllers

import (
	"context"
	"errors"
	"fmt"
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
)

// commitPause is how long to wait after a commit that could not be made: a
// repository is not asked at each crash.
const commitPause = time.Minute

// commit makes the proposal in the owner's Git repository, on a branch of the
// diagnosis. What keeps it from that is said beside the suggestion.
func (r *BridgeDiagnosisReconciler) commit(ctx context.Context, in *incident, d plan.Decision, action remedy.Action, proposal v1alpha1.Proposal) error {
	in.follow(d, r.Now())
	in.recheck = commitPause
	failed, recent := r.uncommitted.Load(in.after.UID)
	if f, ok := failed.(uncommitted); recent && ok && f.proposal == proposal.ID && r.Now().Before(f.until) {
		in.become(d.State, d.Reason, d.Message+f.because)
		return nil
	}
	made, err := r.commitNow(ctx, in, proposal)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("a remedy could not be committed", "because", err.Error())
		f := uncommitted{proposal.ID, "\nNot committed: " + err.Error(), r.Now().Add(commitPause)}
		r.uncommitted.Store(in.after.UID, f)
		in.become(d.State, d.Reason, d.Message+f.because)
		return nil
	}
	r.uncommitted.Delete(in.after.UID)
	in.after.Status.Commit = made
	decision, err := r.decide(ctx, in, r.Cached, action, proposal)
	if err != nil {
		return err
	}
	in.follow(decision, r.Now())
	return nil
}

// seeMerged records when what was committed came into force in the cluster.
func (in *incident) seeMerged(now time.Time) {
	c := in.after.Status.Commit
	if c == nil || c.InForceAt != nil || !hold(gitops.Fields(in.template(), c.Changes), in.workload) {
		return
	}
	at := metav1.NewTime(now)
	c.InForceAt = &at
}

// uncommitted is why a proposal is not in Git, and until when not to try again.
type uncommitted struct {
	proposal, because string
	until             time.Time
}

func (r *BridgeDiagnosisReconciler) commitNow(ctx context.Context, in *incident, proposal v1alpha1.Proposal) (*v1alpha1.GitCommit, error) {
	wanted := in.owner.Spec.GitOps.Repository
	repository, err := r.repository(ctx, in.after.Namespace, wanted)
	if err != nil {
		return nil, err
	}
	scope, err := r.scope(ctx, in.after.Namespace)
	if err != nil {
		return nil, err
	}
	w := in.after.Spec.Workload
	target := gitops.Target{Kind: string(w.Kind), Namespace: in.after.Namespace, Name: w.Name, Template: in.template(), Values: valuesOf(wanted, in.after.Spec.Service)}
	fields := gitops.Fields(in.template(), proposal.Changes)
	branch := "bridgestack/" + in.after.Name
	made, err := r.Git.Commit(ctx, scope, repository, gitrepo.Change{
		Under: wanted.Path, Branches: []string{branch, branch + "-" + proposal.ID},
		Message: in.commitMessage(proposal),
		Rewrite: func(files []gitrepo.File) ([]gitrepo.File, error) { return rewrite(files, target, fields) },
	})
	if errors.Is(err, gitops.ErrMade) {
		made, err = gitrepo.Commit{Branch: repository.Branch}, nil
	}
	if err != nil {
		secrets := redact.New(evidence.NewSecret(repository.Password))
		return nil, redactedError{secrets.Text(in.redact(err.Error())), err}
	}
	return &v1alpha1.GitCommit{Proposal: proposal.ID, Branch: made.Branch, Commit: made.Hash, Files: made.Files, Changes: proposal.Changes, PushedAt: metav1.NewTime(r.Now())}, nil
}

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
func (r *BridgeDiagnosisReconciler) repository(ctx context.Context, namespace string, wanted *v1alpha1.GitRepository) (gitrepo.Repository, error) {
	out := gitrepo.Repository{URL: wanted.URL, Branch: wanted.Branch}
	if out.Branch == "" {
		out.Branch = "main"
	}
	if wanted.SecretRef == nil {
		return out, nil
	}
	var secret corev1.Secret
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: wanted.SecretRef.Name}, &secret)
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

// mostCited is how many pieces of evidence a commit's message cites.
const mostCited = 5

// commitMessage is the remedy with its cause and evidence, from what the status
// says, which holds no secret.
func (in *incident) commitMessage(proposal v1alpha1.Proposal) string {
	s := &in.after.Status
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s: %s\n\n", proposal.Remedy, in.after.Spec.Service, s.Cause)
	fmt.Fprintf(&b, "%s. %s.\n", strings.TrimRight(in.finding.Message, ". "), strings.TrimRight(proposal.Because, ". "))
	for _, c := range proposal.Changes {
		fmt.Fprintf(&b, "\n%s: %s -> %s", c.Path, c.Before, c.After)
	}
	fmt.Fprintf(&b, "\n\nEvidence (confidence %s):\n", s.Confidence)
	for _, e := range s.Evidence[:min(len(s.Evidence), mostCited)] {
		fmt.Fprintf(&b, "- %s: %s\n", e.Source, oneLine(e.Text))
	}
	fmt.Fprintf(&b, "\nDiagnosis: %s/%s\nProposal: %s\n", in.after.Namespace, in.after.Name, proposal.ID)
	return in.redact(b.String())
}

func oneLine(text string) string {
	const most = 240
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
