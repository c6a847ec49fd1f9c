package controllers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
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

// Local reviews are asked within the namespace, and need no right beyond it.
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=localsubjectaccessreviews,verbs=create

// accountProblem is for a stack that acts and has to name a ServiceAccount.
func (o *Operator) accountProblem(s *v1alpha1.BridgeStack) []stack.Problem {
	mode := s.Spec.Remediation.Mode
	if !o.Accounts.Required || o.account(s) != "" || mode != v1alpha1.ModeAuto && mode != v1alpha1.ModeApprove {
		return nil
	}
	return []stack.Problem{{Reason: v1alpha1.ReasonServiceAccountRequired, Field: "spec.serviceAccountName",
		Message: "in this cluster, a stack whose mode is " + string(mode) + " must name the ServiceAccount that is allowed what its remedies write"}}
}

func (o *Operator) account(s *v1alpha1.BridgeStack) string {
	return cmp.Or(s.Spec.ServiceAccountName, o.Accounts.Default)
}

// denied asks, right before a write, whether the stack's ServiceAccount is
// allowed exactly it; empty is allowed.
func (o *Operator) denied(ctx context.Context, s *v1alpha1.BridgeStack, rights []plan.Right) (string, error) {
	account := o.account(s)
	if account == "" {
		if o.Accounts.Required && len(rights) > 0 {
			return "this cluster's admin wants the stack to name a ServiceAccount that is allowed it (spec.serviceAccountName)", nil
		}
		return "", nil
	}
	for _, right := range rights {
		review := reviewOf(s.Namespace, account, right)
		if err := o.Cached.Create(ctx, review); err != nil {
			return "", fmt.Errorf("asking whether ServiceAccount %s/%s may %s: %w", s.Namespace, account, right, err)
		}
		if !review.Status.Allowed {
			return fmt.Sprintf("ServiceAccount %s may not %s. To allow it: %s", account, right, right.Grant(s.Namespace, account)), nil
		}
	}
	return "", nil
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

// rights that an action needs; none for what is no object of the cluster.
func (in *incident) rights(action remedy.Action) []plan.Right {
	if action.Template == nil && action.Job == "" {
		return plan.EvictionRights(action.Pods)
	}
	if action.Job != "" {
		return plan.JobRights()
	}
	if action.On != nil {
		return plan.TemplateRights(action.On.DiagnosedWorkload)
	}
	return plan.TemplateRights(in.after.Spec.Workload)
}

// recordedRights are those that the attempt needs.
func (in *incident) recordedRights() []plan.Right {
	if in.attempt().Patch != "" {
		return plan.TemplateRights(in.patched())
	}
	return in.rights(recordedAction(in.attempt()))
}

// refused ends the round where the stack's ServiceAccount is not allowed what
// the remedy would write: a person can make the change, or grant the right.
func (r *BridgeDiagnosisReconciler) refused(ctx context.Context, in *incident, action remedy.Action) (bool, error) {
	because, err := r.denied(ctx, in.owner, in.rights(action))
	if err != nil || because == "" {
		return err != nil, err
	}
	in.become(v1alpha1.StateSuggested, v1alpha1.ReasonNotPermitted, fmt.Sprintf("%s Suggested: %s; not applied: %s", in.finding.Message, action.Remedy, because))
	in.recheck = time.Minute
	return true, nil
}

// keepsInForce calls a person where a remedy that did not help must not be taken
// back.
func (r *BridgeDiagnosisReconciler) keepsInForce(ctx context.Context, in *incident) (bool, error) {
	because, err := r.denied(ctx, in.owner, in.recordedRights())
	if err != nil || because == "" {
		return err != nil, err
	}
	in.escalate(v1alpha1.ReasonNotPermitted, fmt.Sprintf("%s and is still in force, since it must not be taken back: %s", in.judgement(), because), r.Now())
	in.recheck = time.Minute
	return true, nil
}

// mayWake reports whether pods in back-off may be evicted. They come up by
// themselves when it is over.
func (r *BridgeDiagnosisReconciler) mayWake(ctx context.Context, in *incident, pods []remedy.Pod) bool {
	because, err := r.denied(ctx, in.owner, plan.EvictionRights(pods))
	if err != nil || because != "" {
		ctrl.LoggerFrom(ctx).Info("pods in back-off are left to themselves", "because", because, "error", fmt.Sprint(err))
	}
	return err == nil && because == ""
}
