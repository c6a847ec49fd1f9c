// Package permission asks whether the ServiceAccount in whose stead the operator
// acts for a stack is allowed what a remedy writes.
package permission

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/internal/stack"
)

// Accounts says in whose stead the operator acts, in a cluster of many tenants.
type Accounts struct {
	// Default is the name of the ServiceAccount, in the stack's namespace, for
	// stacks that name none. Empty: they are bounded by the operator's own rights.
	Default string
	// Required refuses to act for a stack that names none where there is no Default.
	Required bool
}

// Of is the ServiceAccount of a stack, empty where it has none.
func (a Accounts) Of(s *v1alpha1.BridgeStack) string {
	return cmp.Or(s.Spec.ServiceAccountName, a.Default)
}

// Problems of a stack that acts and has to name a ServiceAccount.
func (a Accounts) Problems(s *v1alpha1.BridgeStack) []stack.Problem {
	mode := s.Spec.Remediation.Mode
	if !a.Required || a.Of(s) != "" || mode != v1alpha1.ModeAuto && mode != v1alpha1.ModeApprove {
		return nil
	}
	return []stack.Problem{{Reason: v1alpha1.ReasonServiceAccountRequired, Field: "spec.serviceAccountName",
		Message: "in this cluster, a stack whose mode is " + string(mode) + " must name the ServiceAccount that is allowed what its remedies write"}}
}

// Local reviews are asked within the namespace, and need no right beyond it.
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=localsubjectaccessreviews,verbs=create

// Reviewer asks the API server.
type Reviewer struct {
	Accounts Accounts
	Client   client.Client
}

// Denied says, right before a write, which of the rights the stack's ServiceAccount
// lacks; empty where it is allowed all of them.
func (r Reviewer) Denied(ctx context.Context, s *v1alpha1.BridgeStack, rights []plan.Right) (string, error) {
	account := r.Accounts.Of(s)
	if account == "" {
		// Whatever the rights are: what a Kafka cluster is asked needs none of the API server's.
		if r.Accounts.Required {
			return "this cluster's admin wants the stack to name a ServiceAccount that is allowed it (spec.serviceAccountName)", nil
		}
		return "", nil
	}
	for _, right := range rights {
		review := reviewOf(s.Namespace, account, right)
		if err := r.Client.Create(ctx, review); err != nil {
			return "", fmt.Errorf("asking whether ServiceAccount %s/%s may %s: %w", s.Namespace, account, right, err)
		}
		if !review.Status.Allowed {
			return fmt.Sprintf("ServiceAccount %s may not %s. To allow it: %s", account, right, right.Grant(s.Namespace, account)), nil
		}
	}
	return "", nil
}

// MayReadSecrets asks whether the credentials that the stack's author spells out for
// its dependencies may be taken on his word: the stack's ServiceAccount may get the
// namespace's Secrets. Without an account nobody answers for him.
func (r Reviewer) MayReadSecrets(ctx context.Context, s *v1alpha1.BridgeStack, dependencies []v1alpha1.Dependency) (bool, error) {
	spelled := slices.ContainsFunc(dependencies, func(d v1alpha1.Dependency) bool {
		names := server.ConnectionEnvOf(d)
		return names.User != "" || names.Password != "" || names.URL != ""
	})
	if !spelled || r.Accounts.Of(s) == "" {
		return false, nil
	}
	denied, err := r.Denied(ctx, s, []plan.Right{plan.SecretsRight()})
	return denied == "", err
}

// MayReadSecret says why a Secret may not be sent for a stack, to a receiver or a Git
// server: its ServiceAccount may not get it, or it has none and is to have one. Empty
// where it may.
func (r Reviewer) MayReadSecret(ctx context.Context, s *v1alpha1.BridgeStack, name string) (denied string, err error) {
	return r.Denied(ctx, s, []plan.Right{plan.SecretRight(name)})
}

func reviewOf(namespace, account string, r plan.Right) *authorizationv1.LocalSubjectAccessReview {
	return &authorizationv1.LocalSubjectAccessReview{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace},
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:   "system:serviceaccount:" + namespace + ":" + account,
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: r.Verb, Group: r.Group, Resource: r.Resource, Subresource: r.Subresource, Name: r.Name,
			},
		},
	}
}
