// Package gitcommit makes changes of a workload where its manifests are: in the Git
// repository that its stack names.
package gitcommit

import (
	"cmp"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/gitrepo"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/workload"
)

// Committer reads a stack's repository with the credentials of its Secret.
type Committer struct {
	APIReader client.Reader
	// MayRead says why a stack's author may not have a Secret sent, empty where he may.
	MayRead  func(ctx context.Context, s *v1alpha1.BridgeStack, secret string) (denied string, err error)
	Resolver *resolve.Resolver
	Git      *gitrepo.Client
}

// Commit makes changes of a workload in the repository of its stack, and has them
// committed unless then says otherwise. Where they are on the branch already, it
// returns gitops.ErrMade.
func (c *Committer) Commit(ctx context.Context, owner *v1alpha1.BridgeStack, d *v1alpha1.BridgeDiagnosis, live workload.Workload, changes []v1alpha1.FieldChange,
	change gitrepo.Change, then func(changed []gitrepo.File) ([]gitrepo.File, error)) (gitrepo.Commit, error) {
	wanted, w := owner.Spec.GitOps.Repository, d.Spec.Workload
	repository, err := c.repository(ctx, owner)
	if err != nil {
		return gitrepo.Commit{}, err
	}
	scope, err := c.Resolver.Scope(ctx, client.ObjectKeyFromObject(owner))
	if err != nil {
		return gitrepo.Commit{}, err
	}
	template := live.Template()
	target := gitops.Target{Kind: string(w.Kind), Namespace: d.Namespace, Name: w.Name, Owner: gitops.OwnerOf(gitops.ObjectOf(live)), Template: template, Values: valuesOf(wanted, d.Spec.Service)}
	change.Under = wanted.Path
	change.Rewrite = func(files []gitrepo.File) ([]gitrepo.File, error) {
		changed, err := rewrite(files, target, gitops.Fields(template, changes))
		if err != nil {
			return nil, err
		}
		return then(changed)
	}
	made, err := c.Git.Commit(ctx, scope, repository, change)
	if err != nil {
		err = redact.New(evidence.NewSecret(repository.Password)).Error(err)
	}
	return made, err
}

// BaseOf is the branch that the GitOps controller follows.
func BaseOf(r *v1alpha1.GitRepository) string { return cmp.Or(r.Branch, "main") }

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
func (c *Committer) repository(ctx context.Context, owner *v1alpha1.BridgeStack) (gitrepo.Repository, error) {
	wanted := owner.Spec.GitOps.Repository
	out := gitrepo.Repository{URL: wanted.URL, Branch: BaseOf(wanted)}
	if wanted.SecretRef == nil {
		return out, nil
	}
	denied, err := c.MayRead(ctx, owner, wanted.SecretRef.Name)
	if err != nil {
		return out, err
	}
	if denied != "" {
		return out, fmt.Errorf("spec.gitOps.repository.secretRef: %s", denied)
	}
	var secret corev1.Secret
	err = c.APIReader.Get(ctx, client.ObjectKey{Namespace: owner.Namespace, Name: wanted.SecretRef.Name}, &secret)
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
