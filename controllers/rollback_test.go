package controllers_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// onceOnly is a stack that allows one attempt.
func onceOnly(namespace string) *v1alpha1.BridgeStack {
	s := stack(namespace, service("api"))
	one := int32(1)
	s.Spec.Remediation.MaxAttempts = &one
	return s
}

// stations are the states of a diagnosis in the order in which they were
// persisted, and how its last attempt stood.
func stations(t *testing.T, writes []write) []string {
	t.Helper()
	var out []string
	for _, w := range writes {
		if w.method != http.MethodPut || !strings.Contains(w.path, "/bridgediagnoses/") {
			continue
		}
		var d v1alpha1.BridgeDiagnosis
		if err := json.Unmarshal(w.body, &d); err != nil {
			t.Fatalf("a status that is no JSON: %v", err)
		}
		station := string(d.Status.State)
		if n := len(d.Status.Attempts); n > 0 {
			station += " " + string(d.Status.Attempts[n-1].Outcome)
		}
		out = append(out, station)
	}
	return slices.Compact(out)
}

// What did not help is taken back to the byte, then a person is called.
func TestRollbackRestoresTheTemplate(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, onceOnly(ns))
	d := deploy(t, ns, "api", outOfMemory)
	before := template(t, d)
	o := start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted)
	attempted(t, got, v1alpha1.AttemptRolledBack)
	if after := template(t, d); after != before {
		t.Errorf("the template is not what it was:\nbefore %s\nafter  %s", before, after)
	}
	shows(t, got.Status.Conditions, map[string]string{
		"Ready": "False AttemptsExhausted", "Stalled": "True AttemptsExhausted", "Diagnosed": "True CauseFound",
		"RemedyApplied": "False RolledBack", "Recovered": "False AttemptsExhausted", "Escalated": "True AttemptsExhausted",
	})
	seen := stations(t, o.wire.made())
	for _, want := range []string{"Applying Recorded", "Verifying Applied", "RollingBack RollingBack", "Waiting RolledBack", "Escalated RolledBack"} {
		i := slices.Index(seen, want)
		if i < 0 {
			t.Fatalf("%q was never persisted after what is before it: %q", want, stations(t, o.wire.made()))
		}
		seen = seen[i:]
	}
	if n := count(o.wire.made(), http.MethodPatch, "/deployments/"); n != 2 {
		t.Errorf("%d patches of the Deployment, want one there and one back", n)
	}
}

// Where the first raise does not suffice, the next one goes further, from the
// original limit.
func TestNextAttemptGoesFurther(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, stack(ns, service("api")))
	d := deploy(t, ns, "api", needs("250Mi"))
	start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	attempted(t, got, v1alpha1.AttemptRolledBack, v1alpha1.AttemptHelped)
	if limit(t, d) != "288Mi" {
		t.Errorf("limit %s, want 128Mi x 1.5 x 1.5", limit(t, d))
	}
}

// When the Deployment is patched, the attempt is persisted already.
func TestAttemptIsPersistedBeforeThePatch(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, stack(ns, service("api")))
	w := &wire{}
	var mu sync.Mutex
	var atPatch []v1alpha1.AttemptOutcome
	patches := 0
	w.before = func(made write) {
		if made.method != http.MethodPatch || !strings.Contains(made.path, "/deployments/") {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		patches++
		atPatch = outcomes(&diagnoses(t, ns, "api")[0])
	}
	deploy(t, ns, "api", needs("192Mi"))
	start(t, ns, settings{wire: w})
	await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	mu.Lock()
	defer mu.Unlock()
	if patches != 1 || !slices.Equal(atPatch, []v1alpha1.AttemptOutcome{v1alpha1.AttemptRecorded}) {
		t.Errorf("%d patches; at the patch the API server had the attempts %v, want one that is Recorded", patches, atPatch)
	}
}

// withSetting is what a person adds to the template.
func withSetting(d *appsv1.Deployment) {
	c := &d.Spec.Template.Spec.Containers[0]
	c.Env = append(c.Env, corev1.EnvVar{Name: "CACHE", Value: "small"})
}

// A person's edit between the record and the patch stands; nothing is patched.
func TestEditBeforeThePatchWins(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, onceOnly(ns))
	d := deploy(t, ns, "api", outOfMemory)
	w := &wire{}
	var once sync.Once
	w.before = func(made write) {
		if made.method == http.MethodPatch && strings.Contains(made.path, "/deployments/") {
			once.Do(func() { edit(t, d, withSetting) })
		}
	}
	start(t, ns, settings{wire: w})
	got := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted)
	attempted(t, got, v1alpha1.AttemptConflict)
	if n := count(w.made(), http.MethodPatch, "/deployments/"); n != 0 || limit(t, d) != "128Mi" || !strings.Contains(template(t, d), "CACHE") {
		t.Errorf("%d patches; the template is now %s", n, template(t, d))
	}
}

// A person's edit while a remedy is being verified stands: taking the remedy
// back would clobber it.
func TestEditBeforeTheRollbackWins(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, onceOnly(ns))
	d := deploy(t, ns, "api", slowly(needs("192Mi")))
	o := start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	edit(t, d, withSetting)
	edited := template(t, d)
	becomes(t, ns, "api", outOfMemory)
	got := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted)
	attempted(t, got, v1alpha1.AttemptConflict)
	if after := template(t, d); after != edited {
		t.Errorf("the person's template was changed:\nbefore %s\nafter  %s", edited, after)
	}
	if n := count(o.wire.made(), http.MethodPatch, "/deployments/"); n != 1 {
		t.Errorf("%d patches of the Deployment, want the remedy alone", n)
	}
}
