package controllers_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// underWay is a stack whose remedy is in force and is not verified for minutes.
func underWay(t *testing.T, namespace string, onDelete v1alpha1.OnDelete, s settings) (*v1alpha1.BridgeStack, *appsv1.Deployment, *operator) {
	t.Helper()
	owner := stack(namespace, service("api"))
	owner.Spec.Remediation.OnDelete = onDelete
	owner.Spec.Remediation.Soak = &metav1.Duration{Duration: 10 * time.Minute}
	owner.Spec.Remediation.Timeout = &metav1.Duration{Duration: 20 * time.Minute}
	create(t, owner)
	d := deploy(t, namespace, "api", needs("150Mi"))
	o := start(t, namespace, s)
	await(t, namespace, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	if now := limit(t, d); now != "192Mi" {
		t.Fatalf("the limit is %s", now)
	}
	return owner, d, o
}

// remove deletes an object as a person does; the garbage collector deletes
// diagnoses after their stack, which no test here has.
func remove(t *testing.T, o client.Object) {
	t.Helper()
	if err := k8s.Delete(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func gone(t *testing.T, o client.Object) {
	t.Helper()
	uid := o.GetUID() // a diagnosis of what still loops is followed by the next one
	until(t, func() bool {
		return apierrors.IsNotFound(k8s.Get(t.Context(), client.ObjectKeyFromObject(o), o)) || o.GetUID() != uid
	}, func() string { return o.GetName() + " is gone, it has " + strings.Join(o.GetFinalizers(), ", ") })
}

// What a policy says becomes of a remedy that is under way when its stack goes.
func TestStackIsDeletedInMidRemedy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		onDelete v1alpha1.OnDelete
		edited   bool
		// first is what is deleted first.
		diagnosisFirst bool
		limit          string
		outcome        v1alpha1.AttemptOutcome
		says           string
	}{
		"left by default":                   {limit: "192Mi", outcome: v1alpha1.AttemptConflict, says: "what was written stays"},
		"left":                              {onDelete: v1alpha1.OnDeleteLeave, limit: "192Mi", outcome: v1alpha1.AttemptConflict, says: "what was written stays"},
		"taken back":                        {onDelete: v1alpha1.OnDeleteTakeBack, limit: "128Mi", outcome: v1alpha1.AttemptRolledBack, says: "spec.remediation.onDelete"},
		"taken back, the diagnosis first":   {onDelete: v1alpha1.OnDeleteTakeBack, diagnosisFirst: true, limit: "128Mi"},
		"left, the diagnosis first":         {diagnosisFirst: true, limit: "192Mi"},
		"a person's edit since stands":      {onDelete: v1alpha1.OnDeleteTakeBack, edited: true, limit: "200Mi", outcome: v1alpha1.AttemptConflict, says: "changed by someone else"},
		"a person's edit, the other way up": {onDelete: v1alpha1.OnDeleteTakeBack, edited: true, diagnosisFirst: true, limit: "200Mi"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			owner, d, _ := underWay(t, ns, c.onDelete, settings{})
			// Before the edit: once the operator sees that, the attempt is over and the
			// diagnosis is kept no longer.
			diagnosis := &diagnoses(t, ns, "api")[0]
			if kept := slices.Contains(diagnosis.Finalizers, v1alpha1.FinalizerTakeBack); kept != (c.onDelete == v1alpha1.OnDeleteTakeBack) {
				t.Errorf("finalizers are %v", diagnosis.Finalizers)
			}
			if c.edited {
				edit(t, d, func(d *appsv1.Deployment) {
					d.Spec.Template.Spec.Containers[0].Resources.Limits[corev1.ResourceMemory] = resource.MustParse("200Mi")
				})
			}
			if !c.diagnosisFirst {
				remove(t, owner)
				gone(t, owner) // it is never held up
				got := await(t, ns, "api", v1alpha1.StateClosed, v1alpha1.ReasonWorkloadGone)
				attempted(t, got, c.outcome)
				if message := got.Status.Attempts[0].Message; !strings.Contains(message, c.says) {
					t.Errorf("%q is missing in: %s", c.says, message)
				}
			}
			remove(t, diagnosis)
			gone(t, diagnosis)
			if now := limit(t, d); now != c.limit {
				t.Errorf("the limit is %s, want %s", now, c.limit)
			}
		})
	}
}

// A diagnosis is kept for no longer than its remedy is under way.
func TestEndedRemedyKeepsNoDiagnosis(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("api"))
	s.Spec.Remediation.OnDelete = v1alpha1.OnDeleteTakeBack
	create(t, s)
	d := deploy(t, ns, "api", needs("150Mi"))
	start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	until(t, func() bool { return len(diagnoses(t, ns, "api")[0].Finalizers) == 0 }, func() string { return "it has no finalizer" })
	remove(t, s)
	gone(t, s)
	if now := limit(t, d); now != "192Mi" {
		t.Errorf("a remedy that helped was taken back: %s", now)
	}
}

// What cannot be taken back does not keep a diagnosis for ever, and never its stack.
func TestStuckTakeBackEnds(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	var later atomic.Int64
	owner, d, _ := underWay(t, ns, v1alpha1.OnDeleteTakeBack, settings{now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
	// A webhook that is down, as they are while a cluster is being taken apart.
	url, none, fail := "https://127.0.0.1:1/", admissionv1.SideEffectClassNone, admissionv1.Fail
	webhook := &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: ns},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "down.example.com", ClientConfig: admissionv1.WebhookClientConfig{URL: &url}, SideEffects: &none, FailurePolicy: &fail, AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Update},
				Rule:       admissionv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
			}},
		}},
	}
	create(t, webhook)
	t.Cleanup(func() { _ = k8s.Delete(t.Context(), webhook) })
	until(t, func() bool { // the API server takes it in within a second or so
		tried := d.DeepCopy()
		tried.Annotations = map[string]string{"example.com/try": "1"}
		return k8s.Patch(t.Context(), tried, client.MergeFrom(d), client.DryRunAll) != nil
	}, func() string { return "the webhook refuses" })
	diagnosis := &diagnoses(t, ns, "api")[0]
	remove(t, diagnosis)
	remove(t, owner)
	gone(t, owner)
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(diagnosis), diagnosis); err != nil {
		t.Fatalf("it was let go before its time: %v", err)
	}
	later.Store(int64(10 * time.Minute))
	gone(t, diagnosis)
	if now := limit(t, d); now != "192Mi" {
		t.Errorf("the limit is %s", now)
	}
}

// Without an operator the stack goes, and the diagnosis once a person lets it.
func TestStackGoesWithoutAnOperator(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	owner, d, o := underWay(t, ns, v1alpha1.OnDeleteTakeBack, settings{})
	o.stop()
	remove(t, owner)
	gone(t, owner)
	diagnosis := &diagnoses(t, ns, "api")[0]
	remove(t, diagnosis)
	// One that comes back does what was left to do.
	back := start(t, ns, settings{})
	gone(t, diagnosis)
	if now := limit(t, d); now != "128Mi" {
		t.Errorf("the limit is %s", now)
	}
	if n := count(back.wire.made(), http.MethodPatch, "/deployments/"); n != 1 {
		t.Errorf("the Deployment was patched %d times, want once", n)
	}
}
