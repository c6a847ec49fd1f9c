package controllers_test

import (
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
)

// soon is a stack whose services may be down for a second.
func soon(s *v1alpha1.BridgeStack) *v1alpha1.BridgeStack {
	s.Spec.Detection.UnavailableGrace = &metav1.Duration{Duration: time.Second}
	return s
}

// Pods that the API server refuses to create are one incident, though there is none to
// look at: a person is called with the next command, and it is over once they are ready.
func TestPodsThatAreNotCreated(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	standard := func(level string) {
		edit(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, func(n *corev1.Namespace) {
			n.Labels["pod-security.kubernetes.io/enforce"] = level
		})
	}
	standard("restricted")
	create(t, soon(stack(ns, service("api"))))
	deploy(t, ns, "api", runs)
	var sets appsv1.ReplicaSetList
	until(t, func() bool {
		return k8s.List(t.Context(), &sets, client.InNamespace(ns)) == nil && len(sets.Items) == 1
	}, func() string { return "a ReplicaSet is there" })
	create(t, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: ns, GenerateName: "refused-"},
		InvolvedObject: corev1.ObjectReference{Kind: "ReplicaSet", APIVersion: "apps/v1", Namespace: ns, Name: sets.Items[0].Name, UID: sets.Items[0].UID},
		Type:           corev1.EventTypeWarning, Reason: "FailedCreate", LastTimestamp: metav1.Now(),
		Message: `Error creating: pods "api-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true)`,
	})
	start(t, ns, settings{})

	got := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	if got.Spec.Symptom != v1alpha1.SymptomNotAvailable || got.Status.Cause != v1alpha1.CausePodsNotCreated || got.Status.Confidence != v1alpha1.ConfidenceHigh {
		t.Errorf("%s: %s (%s): %s", got.Spec.Symptom, got.Status.Cause, got.Status.Confidence, got.Status.Message)
	}
	if want := "kubectl label --list namespace " + ns; got.Status.Command != want {
		t.Errorf("command %q, want %q", got.Status.Command, want)
	}
	if got.Status.Loop == nil || got.Status.Loop.Reason != detect.ReasonNotAvailable || got.Status.Loop.Restarts != 0 {
		t.Errorf("loop %+v", got.Status.Loop)
	}
	standard("privileged")
	await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecoveredWithoutRemedy)
}

// The operator's own raise with which the API server lets no pod in is taken back long
// before the attempt's deadline.
func TestRaiseThatIsRefusedIsTakenBack(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := onceOnly(ns)
	s.Spec.Remediation.Timeout = &metav1.Duration{Duration: 10 * time.Minute}
	create(t, s)
	refuseLargePods(t, ns)
	d := deploy(t, ns, "api", outOfMemory, func(d *appsv1.Deployment) {
		d.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxUnavailable: new(intstr.FromInt32(0)), MaxSurge: new(intstr.FromInt32(1))}
	})
	start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted)
	attempted(t, got, v1alpha1.AttemptRolledBack)
	if said := got.Status.Attempts[0].Message; !strings.Contains(said, "refuses to create the pod") {
		t.Errorf("it was taken back because %q", said)
	}
	if limit(t, d) != "128Mi" {
		t.Errorf("the limit is %s", limit(t, d))
	}
}

// refuseLargePods lets no container of a namespace have more than 128Mi, by a policy
// that nobody can tell beforehand.
func refuseLargePods(t *testing.T, ns string) {
	t.Helper()
	name := ns + "-small"
	create(t, &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				},
			}}},
			Validations: []admissionv1.Validation{{
				Expression: "object.spec.containers.all(c, quantity(c.resources.limits['memory']).compareTo(quantity('128Mi')) <= 0)",
				Reason:     new(metav1.StatusReasonForbidden),
			}},
		},
	})
	create(t, &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}}},
		},
	})
	until(t, func() bool {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "large"}}
		pod.Spec.Containers = []corev1.Container{{Name: "main", Image: "example.com/large:1", Resources: corev1.ResourceRequirements{
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("192Mi")},
		}}}
		return apierrors.IsForbidden(k8s.Create(t.Context(), pod, client.DryRunAll))
	}, func() string { return "the policy is in force" })
}
