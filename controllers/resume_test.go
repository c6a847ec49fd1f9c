package controllers_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// endedAtThePatch runs an operator that records an attempt at an OOM loop, and
// ends before it has patched anything.
func endedAtThePatch(t *testing.T, namespace string) *appsv1.Deployment {
	t.Helper()
	w := &wire{}
	w.before = func(made write) {
		if made.method == http.MethodPatch && strings.Contains(made.path, "/deployments/") {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.killAt, w.cut = len(w.writes)+1, unsent
		}
	}
	o := start(t, namespace, settings{wire: w})
	d := deploy(t, namespace, "api", needs("192Mi"))
	until(t, func() bool {
		all := diagnoses(t, namespace, "api")
		return len(all) == 1 && len(all[0].Status.Attempts) == 1
	}, func() string { return "an attempt is recorded\n" + tell(diagnoses(t, namespace, "api")) })
	until(t, w.isDead, func() string { return "it is about to patch" })
	o.stop()
	attempted(t, &diagnoses(t, namespace, "api")[0], v1alpha1.AttemptRecorded)
	if limit(t, d) != "128Mi" {
		t.Fatalf("it was patched already: %s", limit(t, d))
	}
	return d
}

// What a person changed while the operator was away holds for attempts that it
// had recorded and not applied.
func TestPolicyThatChangedWhileAway(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, s *v1alpha1.BridgeStack, d *appsv1.Deployment)
		state  v1alpha1.DiagnosisState
		reason string
		says   string
	}{
		"the mode": {func(t *testing.T, s *v1alpha1.BridgeStack, _ *appsv1.Deployment) {
			edit(t, s, func(s *v1alpha1.BridgeStack) { s.Spec.Remediation.Mode = v1alpha1.ModeSuggest })
		}, v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "the mode is Suggest"},
		"the remedy's switch": {func(t *testing.T, s *v1alpha1.BridgeStack, _ *appsv1.Deployment) {
			edit(t, s, func(s *v1alpha1.BridgeStack) {
				s.Spec.Remediation.Remedies = []v1alpha1.RemedySwitch{{Name: v1alpha1.RemedyRaiseMemoryLimit}}
			})
		}, v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson, "switches RaiseMemoryLimit off"},
		"a pause": {func(t *testing.T, s *v1alpha1.BridgeStack, _ *appsv1.Deployment) {
			edit(t, s, func(s *v1alpha1.BridgeStack) { s.Spec.Paused = true })
		}, v1alpha1.StateWaiting, v1alpha1.ReasonPaused, "spec.paused"},
		"a pause of the rollout": {func(t *testing.T, _ *v1alpha1.BridgeStack, d *appsv1.Deployment) {
			edit(t, d, func(d *appsv1.Deployment) { d.Spec.Paused = true })
		}, v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "rollout is paused"},
		"the stack was deleted": {func(t *testing.T, s *v1alpha1.BridgeStack, _ *appsv1.Deployment) {
			if err := k8s.Delete(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}, v1alpha1.StateClosed, v1alpha1.ReasonWorkloadGone, "the stack is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			s := stack(ns, service("api"))
			create(t, s)
			d := endedAtThePatch(t, ns)
			c.change(t, s, d)
			o := start(t, ns, settings{})
			got := await(t, ns, "api", c.state, c.reason)
			attempted(t, got, v1alpha1.AttemptWithdrawn)
			if said := got.Status.Attempts[0].Message; !strings.Contains(said, c.says) || !strings.Contains(said, "nothing was written") {
				t.Errorf("the attempt does not say %q: %s", c.says, said)
			}
			if n := count(o.wire.made(), http.MethodPatch, ""); n != 0 || limit(t, d) != "128Mi" {
				t.Errorf("%d patches, limit %s", n, limit(t, d))
			}
		})
	}
}

// Nothing changed: the next operator goes on.
func TestRecordedAttemptIsGoneOnWith(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, stack(ns, service("api")))
	endedAtThePatch(t, ns)
	start(t, ns, settings{})
	attempted(t, await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered), v1alpha1.AttemptHelped)
}

// What is in force already is taken back where it does not help, whatever the
// mode has become.
func TestAppliedAttemptIsTakenBackInAnyMode(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := onceOnly(ns)
	create(t, s)
	d := deploy(t, ns, "api", slowly(needs("192Mi")))
	before := template(t, d)
	first := start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	first.stop()
	edit(t, s, func(s *v1alpha1.BridgeStack) { s.Spec.Remediation.Mode = v1alpha1.ModeSuggest })
	becomes(t, ns, "api", outOfMemory)
	start(t, ns, settings{})
	until(t, func() bool { return template(t, d) == before }, func() string { return "it is taken back\n" + tell(diagnoses(t, ns, "api")) })
}

// An operator that believes that its attempt is only recorded, while another
// one applied it and took it back since, does not apply it again.
func TestStaleRecordAfterARollback(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, onceOnly(ns))
	w := &wire{}
	recorded, frozen := w.shows(`"outcome":"Recorded"`), make(chan struct{})
	var once sync.Once
	w.before = func(made write) {
		if made.method == http.MethodPut && strings.Contains(string(made.body), `"outcome":"Applied"`) {
			once.Do(func() {
				<-recorded
				w.freeze()
				close(frozen)
			})
		}
	}
	d := deploy(t, ns, "api", outOfMemory)
	before := template(t, d)
	start(t, ns, settings{wire: w})
	t.Cleanup(w.thaw) // before it is stopped
	<-frozen
	other := start(t, ns, settings{})
	attempted(t, await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted), v1alpha1.AttemptRolledBack)
	held := w.heldBack()
	until(t, func() bool { return w.heldBack() >= held+5 }, func() string { return "the stale view is found out" })
	patches := count(w.made(), http.MethodPatch, "/deployments/") + count(other.wire.made(), http.MethodPatch, "/deployments/")
	if patches != 2 || template(t, d) != before {
		t.Errorf("%d patches of the Deployment, want one there and one back; the template is now %s", patches, template(t, d))
	}
}

// A workload that is labelled into a stack while it loops is noticed at once:
// its pods may sit in a back-off and change nothing for minutes.
func TestLabelledIntoAStackWhileItLoops(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := mode(stack(ns), v1alpha1.ModeSuggest)
	s.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"stack": "shop"}}
	create(t, s)
	into := func(d *appsv1.Deployment) { d.Labels = map[string]string{labelApp: d.Name, "stack": "shop"} }
	api := deploy(t, ns, "api", outOfMemory)
	start(t, ns, settings{})
	until(t, func() bool {
		return len(podsOf(t, ns, "api")) == 1 && podOf(t, ns, "api").Status.ContainerStatuses != nil
	}, func() string { return "api loops" })
	// The pod has been looked at by when one that came later is diagnosed.
	deploy(t, ns, "web", outOfMemory, into)
	await(t, ns, "web", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	if all := diagnoses(t, ns, "api"); len(all) > 0 {
		t.Fatalf("diagnosed before it was part of the stack:\n%s", tell(all))
	}
	edit(t, api, into)
	await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
}

// A stack whose deletion waits for its diagnoses touches nothing any more.
func TestStackThatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("api"))
	s.Finalizers = []string{"example.com/held"}
	create(t, s)
	d := endedAtThePatch(t, ns)
	if err := k8s.Delete(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	defer edit(t, s, func(s *v1alpha1.BridgeStack) { s.Finalizers = nil })
	o := start(t, ns, settings{})
	attempted(t, await(t, ns, "api", v1alpha1.StateClosed, v1alpha1.ReasonWorkloadGone), v1alpha1.AttemptWithdrawn)
	if n := count(o.wire.made(), http.MethodPatch, ""); n != 0 || limit(t, d) != "128Mi" {
		t.Errorf("%d patches, limit %s", n, limit(t, d))
	}
}
