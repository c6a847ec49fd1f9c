//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestRaiseIsRefused: the API server lets no pod in with the operator's own raise. It is
// taken back long before its deadline, whichever kind of workload it is.
func TestRaiseIsRefused(t *testing.T) {
	t.Parallel()
	s := newNamespace(t, "raise-refused")
	s.refuseMoreThan(resource.MustParse("64Mi"))
	s.must(kubectl(s.namespace, "apply", "-k", "../../config/testdata/raise-refused"))
	for service, kind := range map[string]string{"web": "deployment", "store": "statefulset", "agent": "daemonset"} {
		t.Run(kind, func(t *testing.T) {
			s := &stackUnder{T: t, namespace: s.namespace}
			d := s.await(service, "Escalated after a rollback", func(d v1alpha1.BridgeDiagnosis) bool {
				return d.Status.State == v1alpha1.StateEscalated && len(d.Status.Attempts) > 0
			})
			for _, a := range d.Status.Attempts {
				if a.Outcome != v1alpha1.AttemptRolledBack || !strings.Contains(a.Message, "refuses to create the pod") || !a.EndedAt.Before(&a.Deadline) {
					t.Errorf("attempt %s: %s at %s of %s: %s", a.Proposal.Remedy, a.Outcome, a.EndedAt, a.Deadline, a.Message)
				}
			}
			if limit := s.must(kubectl(s.namespace, "get", kind, service, "-o", "jsonpath={.spec.template.spec.containers[0].resources.limits.memory}")); limit != "64Mi" {
				t.Errorf("the limit is %s", limit)
			}
			t.Log(timeline(d) + ": " + d.Status.Message)
		})
	}
}

// refuseMoreThan lets no container of the namespace have more memory, by a policy that
// nobody can tell beforehand.
func (s *stackUnder) refuseMoreThan(limit resource.Quantity) {
	s.Helper()
	meta := metav1.ObjectMeta{Name: s.namespace}
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create},
			Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}}}},
		Validations: []admissionv1.Validation{{
			Expression: "object.spec.containers.all(c, quantity(c.resources.limits['memory']).compareTo(quantity('" + limit.String() + "')) <= 0)",
			Reason:     new(metav1.StatusReasonForbidden),
		}},
	}}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: s.namespace, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.namespace}}},
	}}
	for _, o := range []client.Object{policy, binding} {
		s.Cleanup(func() {
			_, _ = kubectl("", "delete", "--wait=false", "validatingadmissionpolicies,validatingadmissionpolicybindings", s.namespace)
		})
		if err := cluster.Create(s.Context(), o); err != nil {
			s.Fatal(err)
		}
	}
	limit.Add(limit)
	large := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "large"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "large", Image: postgresImage, Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: limit}},
	}}}}
	for deadline := time.Now().Add(patience); !apierrors.IsForbidden(cluster.Create(s.Context(), large.DeepCopy(), client.DryRunAll)); time.Sleep(500 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatal("the policy is not in force")
		}
	}
}
