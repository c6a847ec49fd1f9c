package controllers_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// An OOM loop is repaired, and each station can be told from the status alone.
func TestAutoRaisesTheLimitAndRecovers(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, stack(ns, service("api")))
	d := deploy(t, ns, "api", needs("192Mi"))
	o := start(t, ns, settings{})

	got := await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	attempted(t, got, v1alpha1.AttemptHelped)
	shows(t, got.Status.Conditions, map[string]string{
		"Ready": "True Recovered", "Diagnosed": "True CauseFound", "RemedyApplied": "True RemedyApplied", "Recovered": "True Recovered",
	})
	if got.Status.Cause != v1alpha1.CauseOOMKilled || limit(t, d) != "192Mi" {
		t.Errorf("cause %s, limit %s", got.Status.Cause, limit(t, d))
	}
	change := []v1alpha1.FieldChange{{Kind: v1alpha1.ChangeField, Operation: v1alpha1.OperationReplace, Path: "containers[main].resources.limits.memory", Before: "128Mi", After: "192Mi"}}
	if diff := cmp.Diff(change, got.Status.Attempts[0].Proposal.Changes); diff != "" {
		t.Errorf("the attempt's change (-want +got)\n%s", diff)
	}
	if n := count(o.wire.made(), http.MethodPatch, "/deployments/"); n != 1 {
		t.Errorf("%d patches of the Deployment", n)
	}
	inOrder(t, got.Status.Times)
	until(t, func() bool { return slices.Contains(eventsOn(t, ns, "api"), v1alpha1.ReasonRecovered) },
		func() string {
			return "the workload's events tell of the recovery: " + strings.Join(eventsOn(t, ns, "api"), ", ")
		})
}

// inOrder checks that every station of a repaired incident has its time.
func inOrder(t *testing.T, times v1alpha1.IncidentTimes) {
	t.Helper()
	if times.Visible == nil || times.Diagnosed == nil || times.Patched == nil || times.Up == nil || times.Recovered == nil {
		t.Fatalf("a station has no time: %+v", times)
	}
	for _, pair := range [][2]time.Time{{times.Visible.Time, times.Diagnosed.Time}, {times.Diagnosed.Time, times.Patched.Time}, {times.Up.Time, times.Recovered.Time}} {
		if pair[1].Before(pair[0]) {
			t.Errorf("the stations are not in order: %+v", times)
		}
	}
}

// eventsOn are the reasons of the events on a Deployment.
func eventsOn(t *testing.T, namespace, name string) []string {
	t.Helper()
	var list eventsv1.EventList
	if err := k8s.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list.Items {
		if e.Regarding.Kind == "Deployment" && e.Regarding.Name == name {
			out = append(out, e.Reason)
		}
	}
	return out
}

// The modes below Auto touch nothing; a loop that ends by itself is over in any.
func TestModesThatOnlyTell(t *testing.T) {
	for m, c := range map[v1alpha1.Mode]struct {
		state      v1alpha1.DiagnosisState
		reason     string
		conditions map[string]string
		proposes   bool
	}{
		v1alpha1.ModeObserve: {v1alpha1.StateObserved, v1alpha1.ReasonObserving, map[string]string{
			"Ready": "False Observing", "Diagnosed": "True CauseFound", "Recovered": "False Observing",
		}, false},
		v1alpha1.ModeSuggest: {v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, map[string]string{
			"Ready": "False RemedySuggested", "Stalled": "True RemedySuggested", "Diagnosed": "True CauseFound", "Recovered": "False RemedySuggested",
		}, true},
	} {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			create(t, mode(stack(ns, service("api")), m))
			d := deploy(t, ns, "api", outOfMemory)
			before := template(t, d)
			o := start(t, ns, settings{})
			got := await(t, ns, "api", c.state, c.reason)
			shows(t, got.Status.Conditions, c.conditions)
			if (got.Status.Proposal != nil) != c.proposes {
				t.Errorf("proposal: %v", got.Status.Proposal)
			}
			becomes(t, ns, "api", runs)
			got = await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecoveredWithoutRemedy)
			shows(t, got.Status.Conditions, map[string]string{
				"Ready": "True RecoveredWithoutRemedy", "Diagnosed": "True CauseFound", "Recovered": "True RecoveredWithoutRemedy",
			})
			attempted(t, got)
			if n := count(o.wire.made(), http.MethodPatch, ""); n != 0 || template(t, d) != before {
				t.Errorf("%d patches; the template is now %s", n, template(t, d))
			}
		})
	}
}

func TestApproval(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, mode(stack(ns, service("api")), v1alpha1.ModeApprove))
	d := deploy(t, ns, "api", needs("192Mi"))
	start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateAwaitingApproval, v1alpha1.ReasonAwaitingApproval)
	shows(t, got.Status.Conditions, map[string]string{
		"Ready": "False AwaitingApproval", "Stalled": "True AwaitingApproval", "Diagnosed": "True CauseFound", "Recovered": "False AwaitingApproval",
	})
	id := got.Status.Proposal.ID
	if !strings.Contains(got.Status.Message, id) {
		t.Errorf("the message does not say how to approve %s: %s", id, got.Status.Message)
	}

	// Another id approves nothing.
	edit(t, got, func(d *v1alpha1.BridgeDiagnosis) { d.Spec.Approved = "another" })
	until(t, func() bool {
		got = &diagnoses(t, ns, "api")[0]
		return got.Status.ObservedGeneration == got.Generation
	}, func() string { return "the approval of another id was looked at" })
	if got.Status.State != v1alpha1.StateAwaitingApproval || limit(t, d) != "128Mi" {
		t.Fatalf("approved by another id:\n%s", tell([]v1alpha1.BridgeDiagnosis{*got}))
	}

	// The new pod takes its time, so that the verification can be seen.
	becomes(t, ns, "api", slowly(needs("192Mi")))
	edit(t, got, func(d *v1alpha1.BridgeDiagnosis) { d.Spec.Approved, d.Spec.ApprovedBy = id, "somebody" })
	got = await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	shows(t, got.Status.Conditions, map[string]string{
		"Ready": "False Verifying", "Reconciling": "True Verifying", "Diagnosed": "True CauseFound",
		"RemedyApplied": "True Verifying", "Recovered": "False Verifying",
	})
	if by := got.Status.Attempts[0].ApprovedBy; by != "somebody" {
		t.Errorf("the attempt says that %q approved it", by)
	}
	becomes(t, ns, "api", needs("192Mi"))
	attempted(t, await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered), v1alpha1.AttemptHelped)
}

func TestClosedWithItsWorkload(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, mode(stack(ns, service("api"), service("web")), v1alpha1.ModeSuggest))
	api := deploy(t, ns, "api", outOfMemory)
	deploy(t, ns, "web", outOfMemory)
	start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	await(t, ns, "web", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)

	if err := k8s.Delete(t.Context(), api); err != nil {
		t.Fatal(err)
	}
	got := await(t, ns, "api", v1alpha1.StateClosed, v1alpha1.ReasonWorkloadGone)
	shows(t, got.Status.Conditions, map[string]string{"Ready": "True WorkloadGone", "Diagnosed": "True CauseFound", "Recovered": "False WorkloadGone"})

	// Out of the stack is out of its reach.
	edit(t, stack(ns), func(s *v1alpha1.BridgeStack) {
		s.Spec.Services = slices.DeleteFunc(s.Spec.Services, func(s v1alpha1.Service) bool { return s.Name == "web" })
	})
	await(t, ns, "web", v1alpha1.StateClosed, v1alpha1.ReasonWorkloadGone)
}

// A cause that only a person can cure is escalated at once, and over when the
// container stays up.
func TestEscalatesWhatNeedsAPerson(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, stack(ns, service("api")))
	deploy(t, ns, "api", missingSetting)
	o := start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	shows(t, got.Status.Conditions, map[string]string{
		"Ready": "False NeedsPerson", "Stalled": "True NeedsPerson", "Diagnosed": "True CauseFound", "Recovered": "False NeedsPerson", "Escalated": "True NeedsPerson",
	})
	if !strings.Contains(got.Status.Message, "STRIPE_KEY") || got.Status.Times.Escalated == nil {
		t.Errorf("message %q, escalated at %v", got.Status.Message, got.Status.Times.Escalated)
	}
	becomes(t, ns, "api", runs)
	got = await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecoveredWithoutRemedy)
	shows(t, got.Status.Conditions, map[string]string{
		"Ready": "True RecoveredWithoutRemedy", "Diagnosed": "True CauseFound", "Recovered": "True RecoveredWithoutRemedy", "Escalated": "False RecoveredWithoutRemedy",
	})
	if n := count(o.wire.made(), http.MethodPatch, ""); n != 0 {
		t.Errorf("%d patches", n)
	}
}

// Where nothing shows the cause, evidence is awaited for a minute, then a
// person is called.
func TestUnknownCauseAwaitsEvidenceFirst(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, stack(ns, service("api")))
	deploy(t, ns, "api", ends(3, "Error", ""))
	c := &shiftedClock{}
	start(t, ns, settings{now: c.now})
	got := await(t, ns, "api", v1alpha1.StateDiagnosing, v1alpha1.ReasonCauseUnknown)
	shows(t, got.Status.Conditions, map[string]string{
		"Ready": "False CauseUnknown", "Reconciling": "True CauseUnknown", "Diagnosed": "False CauseUnknown", "Recovered": "False CauseUnknown",
	})
	c.shift(2 * time.Minute)
	got = await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonCauseUnknown)
	if got.Status.Cause != v1alpha1.CauseUnknown || len(got.Status.Attempts) > 0 {
		t.Errorf("a cause was made up, or something was tried:\n%s", tell([]v1alpha1.BridgeDiagnosis{*got}))
	}
}

// shiftedClock is the time, or later.
type shiftedClock struct {
	mu sync.Mutex
	by time.Duration
}

func (c *shiftedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.by)
}

func (c *shiftedClock) shift(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by += by
}

// While a new pod has not run yet, the diagnosis is of what was seen before.
func TestCauseStaysWhileANewPodStarts(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, mode(stack(ns, service("api")), v1alpha1.ModeSuggest))
	d := deploy(t, ns, "api", outOfMemory)
	start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	becomes(t, ns, "api", func(*corev1.Pod) run { return run{} })
	edit(t, d, withSetting) // a new pod, which is being created for ever
	until(t, func() bool {
		return len(podsOf(t, ns, "api")) == 1 && podsOf(t, ns, "api")[0].Status.Phase == corev1.PodPending
	},
		func() string { return "the new pod is being created" })
	for range 20 {
		if got := diagnoses(t, ns, "api")[0]; got.Status.Cause != v1alpha1.CauseOOMKilled {
			t.Fatalf("the cause is now %s", got.Status.Cause)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// What a container's env names is probed, though the stack declares no such
// dependency.
func TestUndeclaredDependencyIsProbed(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, stack(ns, service("api")))
	const nobody = "127.0.0.1:1"
	deploy(t, ns, "api", ends(1, "Error", "FATAL kafka: client has run out of available brokers: dial tcp "+nobody+": connect: connection refused\n"), env("KAFKA_BOOTSTRAP_SERVERS", nobody))
	start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	if got.Status.Cause != v1alpha1.CauseKafkaUnreachable || got.Status.Confidence != v1alpha1.ConfidenceHigh || len(got.Status.Probes) != 1 {
		t.Errorf("%s (%s), probes %+v", got.Status.Cause, got.Status.Confidence, got.Status.Probes)
	}
	attempted(t, got)
}
