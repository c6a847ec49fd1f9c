package bridgediagnosis

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/view"
	"github.com/bridgestack/operator/internal/workload"
)

const canary = "ca9f3a0d1e7b"

// late is an attempt at a Deployment, past its deadline, whose patch is
// answered by the test.
func late(t *testing.T, patch func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error) (*Reconciler, *round) {
	t.Helper()
	scheme := clientgoscheme.Scheme
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "api:1"}}}}
	after := template.DeepCopy()
	after.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "POSTGRES_HOST", Value: "postgres"}}
	now := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	named := v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "api", UID: "1"}
	action, err := attempt.ActionOf(remedy.Action{Template: after}, attempt.Target{Workload: named, Template: &template})
	if err != nil {
		t.Fatal(err)
	}
	diagnosis := &v1alpha1.BridgeDiagnosis{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1"},
		Spec:       v1alpha1.BridgeDiagnosisSpec{Stack: "shop", Service: "api", Container: "main", Workload: named},
		Status: v1alpha1.BridgeDiagnosisStatus{Attempts: []v1alpha1.Attempt{{
			ID: "a-1", Outcome: v1alpha1.AttemptRecorded, Proposal: v1alpha1.Proposal{ID: "a", Remedy: v1alpha1.RemedySetEnv},
			Action: action, Deadline: metav1.NewTime(now.Add(-time.Second)),
		}}},
	}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api", UID: "1"}, Spec: appsv1.DeploymentSpec{Template: template}}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(diagnosis, d).WithInterceptorFuncs(interceptor.Funcs{Patch: patch}).Build()
	var read v1alpha1.BridgeDiagnosis
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(diagnosis), &read); err != nil {
		t.Fatal(err)
	}
	running := workloadOf(t, d)
	r := &Reconciler{Client: c, APIReader: c, Applier: &apply.Applier{Live: c, Writer: c}, Clock: clocktesting.NewFakePassiveClock(now)}
	policy := stack.PolicyOf(v1alpha1.BridgeStackSpec{Remediation: v1alpha1.Remediation{Mode: v1alpha1.ModeAuto}})
	return r, &round{
		owner: &v1alpha1.BridgeStack{}, stack: stack.Stack{Policy: policy}, service: declaring("POSTGRES_HOST", "postgres"), now: now,
		before: &read, after: read.DeepCopy(), workload: running, redactor: redact.New(evidence.NewSecret(canary)),
	}
}

func workloadOf(t *testing.T, o client.Object) workload.Workload {
	t.Helper()
	w, ok := workload.Of(o)
	if !ok {
		t.Fatalf("%T is no workload", o)
	}
	return w
}

// An answer that was lost at the deadline does not mean that nothing was written.
func TestLostAnswerAtTheDeadline(t *testing.T) {
	timedOut := errors.New("context deadline exceeded")
	for name, c := range map[string]struct {
		reaches bool
		outcome v1alpha1.AttemptOutcome
		state   v1alpha1.DiagnosisState
	}{
		"it reached the API server": {true, v1alpha1.AttemptApplied, v1alpha1.StateVerifying},
		"it did not":                {false, v1alpha1.AttemptFailed, v1alpha1.StateWaiting},
	} {
		t.Run(name, func(t *testing.T) {
			r, in := late(t, func(ctx context.Context, live client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
				if c.reaches {
					if err := live.Patch(ctx, o, p, options...); err != nil {
						t.Fatal(err)
					}
				}
				return timedOut
			})
			if err := advance(t, r, in); err != nil {
				t.Fatal(err)
			}
			if a := view.LastAttempt(in.after); a.Outcome != c.outcome || in.after.Status.State != c.state {
				t.Errorf("the attempt is %s, the state %s: %s", a.Outcome, in.after.Status.State, in.after.Status.Message)
			}
		})
	}
}

// What cannot be read back is not said to be undone: it is looked at again.
func TestUnreadableAtTheDeadline(t *testing.T) {
	r, in := late(t, func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
		return errors.New("timed out")
	})
	r.Applier.Live = interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return errors.New("no route to the API server")
	}})
	if err := advance(t, r, in); err == nil || view.LastAttempt(in.after).Outcome != v1alpha1.AttemptRecorded {
		t.Errorf("the attempt is %s: %v", view.LastAttempt(in.after).Outcome, err)
	}
}

// Whatever a server says goes past the pod's redactor before anyone reads it.
func TestServersWordsAreRedacted(t *testing.T) {
	r, in := late(t, func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
		return errors.New("login with " + canary + " failed")
	})
	if err := advance(t, r, in); err != nil {
		t.Fatal(err)
	}
	if said := view.LastAttempt(in.after).Message + in.after.Status.Message; strings.Contains(said, canary) || !strings.Contains(said, "login with") {
		t.Errorf("the status says %s", said)
	}
	view.LastAttempt(in.after).Outcome, view.LastAttempt(in.after).Deadline = v1alpha1.AttemptRecorded, metav1.NewTime(r.Clock.Now().Add(time.Minute))
	if err := advance(t, r, in); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("the operator's log says %v", err)
	}
}

func advance(t *testing.T, r *Reconciler, in *round) error {
	t.Helper()
	_, err := r.advanceAttempt(t.Context(), in)
	return err
}

// declaring is the service api with a declared variable.
func declaring(name, value string) stack.Service {
	return stack.Service{Service: v1alpha1.Service{Name: "api", Env: []v1alpha1.DeclaredEnv{{Name: name, Value: &value}}}}
}
