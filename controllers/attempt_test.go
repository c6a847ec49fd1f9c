package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// endedBecause is the reason of a diagnosis' only attempt.
func endedBecause(d *v1alpha1.BridgeDiagnosis) v1alpha1.AttemptReason {
	if len(d.Status.Attempts) != 1 {
		return ""
	}
	return d.Status.Attempts[0].Reason
}

// A pipeline deploys its own value while a remedy is being verified: the remedy did
// not help, whatever comes of it, and the pipeline's value stands.
func TestOverwrittenInTheSoakDidNotHelp(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	_, d, o := underWay(t, ns, v1alpha1.OnDeleteLeave, settings{})
	becomes(t, ns, "api", runs)
	edit(t, d, func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Resources.Limits[corev1.ResourceMemory] = resource.MustParse("128Mi")
	})
	var all []v1alpha1.BridgeDiagnosis
	until(t, func() bool {
		all = diagnoses(t, ns, "api")
		return len(all) == 1 && endedBecause(&all[0]) == v1alpha1.AttemptOverwritten
	}, func() string { return "the attempt is over\n" + tell(all) })
	attempted(t, &all[0], v1alpha1.AttemptConflict)
	if n := count(o.wire.made(), http.MethodPatch, "/deployments/"); n != 1 || limit(t, d) != "128Mi" {
		t.Errorf("%d patches of the Deployment, limit %s", n, limit(t, d))
	}
}

// Scaled to zero, an incident is over: nothing runs that could loop.
func TestScaledToZeroEndsTheIncident(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, mode(stack(ns, service("api")), v1alpha1.ModeSuggest))
	d := deploy(t, ns, "api", outOfMemory)
	start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	edit(t, d, func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(0)) })
	got := await(t, ns, "api", v1alpha1.StateClosed, v1alpha1.ReasonScaledToZero)
	if !strings.Contains(got.Status.Message, "scaled to zero") {
		t.Errorf("it says %q", got.Status.Message)
	}
}

// The container that loops is renamed, or taken out: what was wrong is no more.
func TestRenamedContainerEndsTheIncident(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, mode(stack(ns, service("api")), v1alpha1.ModeSuggest))
	d := deploy(t, ns, "api", outOfMemory)
	start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	becomes(t, ns, "api", runs)
	edit(t, d, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Name = "server" })
	got := await(t, ns, "api", v1alpha1.StateClosed, v1alpha1.ReasonContainerGone)
	if !strings.Contains(got.Status.Message, `"main"`) {
		t.Errorf("it says %q", got.Status.Message)
	}
}

// Scaled to zero before it was shown to help, a remedy is taken back.
func TestRemedyIsTakenBackWhenScaledToZero(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	_, d, _ := underWay(t, ns, v1alpha1.OnDeleteLeave, settings{})
	edit(t, d, func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(0)) })
	got := await(t, ns, "api", v1alpha1.StateClosed, v1alpha1.ReasonScaledToZero)
	attempted(t, got, v1alpha1.AttemptRolledBack)
	if endedBecause(got) != v1alpha1.AttemptScaledToZero || limit(t, d) != "128Mi" {
		t.Errorf("because of %s, limit %s", endedBecause(got), limit(t, d))
	}
}

// What was tried and did not help is remembered when its diagnosis is gone.
func TestTriedIsRememberedWithoutItsDiagnosis(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := onceOnly(ns)
	create(t, s)
	deploy(t, ns, "api", outOfMemory)
	o := start(t, ns, settings{})
	first := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted)
	attempted(t, first, v1alpha1.AttemptRolledBack)
	until(t, func() bool { return len(stackNow(t, s).Status.Tried) == 1 }, func() string { return "the stack remembers it" })
	remove(t, first)
	var all []v1alpha1.BridgeDiagnosis
	until(t, func() bool {
		all = diagnoses(t, ns, "api")
		return len(all) == 1 && all[0].UID != first.UID && all[0].Status.State == v1alpha1.StateEscalated
	}, func() string { return "the next one is escalated\n" + tell(all) })
	attempted(t, &all[0])
	if said := all[0].Status.Message; !strings.Contains(said, "tried already, for "+first.Name) {
		t.Errorf("it says %q", said)
	}
	if n := count(o.wire.made(), http.MethodPatch, "/deployments/"); n != 2 {
		t.Errorf("%d patches of the Deployment, want one there and one back", n)
	}
}

// A person is called in time also while a remedy waits to be taken back.
func TestPersonIsCalledWhileTakingBackWaits(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("api"))
	create(t, s)
	clock := &shiftedClock{}
	start(t, ns, settings{now: clock.now})
	deploy(t, ns, "api", slowly(needs("150Mi")))
	await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	maintain(t, s, always)
	becomes(t, ns, "api", outOfMemory)
	d := await(t, ns, "api", v1alpha1.StateWaiting, v1alpha1.ReasonMaintenanceWindow)
	if d.Status.Times.Escalated != nil {
		t.Fatalf("a person was called at once: %s", d.Status.Message)
	}
	clock.shift(31 * time.Minute)
	edit(t, d, func(d *v1alpha1.BridgeDiagnosis) { d.Annotations = map[string]string{"example.com/look": "again"} })
	until(t, func() bool { return diagnoses(t, ns, "api")[0].Status.Times.Escalated != nil },
		func() string { return "a person is called\n" + tell(diagnoses(t, ns, "api")) })
	attempted(t, &diagnoses(t, ns, "api")[0], v1alpha1.AttemptRollingBack)
}

// A StatefulSet that is scaled while a remedy is rolled out is still unblocked.
func TestScaledStatefulSetIsUnblocked(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, stack(ns, statefulService("postgres")))
	set := statefulSet(t, ns, "postgres", needs("192Mi"))
	w := &wire{}
	var once sync.Once
	w.before = func(made write) {
		if made.method == http.MethodPost && strings.Contains(made.path, "/eviction") {
			once.Do(func() {
				edit(t, set, func(s *appsv1.StatefulSet) { s.Spec.Replicas = new(int32(2)) })
				w.mu.Lock()
				defer w.mu.Unlock()
				w.killAt, w.cut = len(w.writes)+1, unsent
			})
		}
	}
	first := start(t, ns, settings{wire: w})
	until(t, func() bool { runStatefulSet(t, set); return w.isDead() }, func() string { return "it is about to evict" })
	first.stop()
	o := start(t, ns, settings{})
	attempted(t, awaitOf(t, set, v1alpha1.StateRecovered), v1alpha1.AttemptHelped)
	if n := count(o.wire.made(), http.MethodPost, "/eviction"); n != 1 {
		t.Errorf("%d evictions", n)
	}
	if set.Generation != 3 {
		t.Errorf("the generation is %d, want 3: made, patched, scaled", set.Generation)
	}
}

// Two incidents of one workload: one attempt at a time, so that each can be judged
// and taken back.
func TestOneAttemptAtATimePerWorkload(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("api"))
	s.Spec.Remediation.Budget.Concurrent = new(int32(4))
	create(t, s)
	deploy(t, ns, "api", outOfMemory, func(d *appsv1.Deployment) {
		second := *d.Spec.Template.Spec.Containers[0].DeepCopy()
		second.Name = "second"
		d.Spec.Template.Spec.Containers = append(d.Spec.Template.Spec.Containers, second)
	})
	w := &wire{}
	var mu sync.Mutex
	var inForce []string
	w.before = func(made write) {
		if made.method != http.MethodPatch || !strings.Contains(made.path, "/deployments/") {
			return
		}
		at := 0
		for _, d := range diagnoses(t, ns, "api") {
			for _, a := range d.Status.Attempts {
				if a.Outcome.InForce() {
					at++
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		inForce = append(inForce, fmt.Sprint(at))
	}
	start(t, ns, settings{wire: w})
	over := func() bool {
		all, n := diagnoses(t, ns, "api"), 0
		for _, d := range all {
			if d.Status.State == v1alpha1.StateEscalated {
				n++
			}
		}
		return len(all) > 0 && n == len(all)
	}
	until(t, over, func() string { return "they come to rest\n" + tell(diagnoses(t, ns, "api")) })
	mu.Lock()
	defer mu.Unlock()
	if strings.Trim(strings.Join(inForce, ""), "1") != "" || len(inForce) == 0 {
		t.Errorf("attempts in force at the patches: %v\n%s", inForce, tell(diagnoses(t, ns, "api")))
	}
}
