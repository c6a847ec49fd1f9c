package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// outcome is what must not depend on when the operator was killed.
type outcome struct {
	State    v1alpha1.DiagnosisState
	Cause    v1alpha1.Cause
	Attempts []v1alpha1.AttemptOutcome
	Limit    string
	// Edits of the Deployment's spec, the first included.
	Edits int64
	// Created diagnoses and Patches of the Deployment, as the API server took them.
	Created, Patches int
}

// TestCrashAfterEveryWrite kills the operator right after each of its writes,
// with the answer delivered and with the answer lost. The next process goes on,
// and the end is the same.
func TestCrashAfterEveryWrite(t *testing.T) {
	t.Parallel()
	undisturbed, writes := outOfMemoryIncident(t, namespace(t), 0, false)
	want := outcome{
		State: v1alpha1.StateRecovered, Cause: v1alpha1.CauseOOMKilled, Attempts: []v1alpha1.AttemptOutcome{v1alpha1.AttemptHelped},
		Limit: "192Mi", Edits: 2, Created: 1, Patches: 1,
	}
	if diff := cmp.Diff(want, undisturbed); diff != "" {
		t.Fatalf("undisturbed (-want +got)\n%s", diff)
	}
	var mu sync.Mutex
	killed, duplicates, lost := 0, 0, 0
	t.Run("runs", func(t *testing.T) {
		for k := 1; k <= writes; k++ {
			for _, loseAnswer := range []bool{false, true} {
				t.Run(fmt.Sprintf("write %d, answer lost %t", k, loseAnswer), func(t *testing.T) {
					t.Parallel()
					ns := namespace(t)
					got, _ := outOfMemoryIncident(t, ns, k, loseAnswer)
					mu.Lock()
					defer mu.Unlock()
					killed++
					duplicates += max(0, got.Patches-1)
					if got.State != v1alpha1.StateRecovered {
						lost++
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("the end differs (-want +got)\n%s%s", diff, tell(diagnoses(t, ns, "api")))
					}
				})
			}
		}
	})
	t.Logf("%d writes, %d runs, %d duplicate remedies, %d lost incidents", writes, killed, duplicates, lost)
	if killed != 2*writes {
		t.Errorf("%d runs came to an end, want %d", killed, 2*writes)
	}
}

// outOfMemoryIncident runs an OOM loop to its end with an operator that is
// killed after a write, and a second one. It returns how it ended, and how many
// writes were made.
func outOfMemoryIncident(t *testing.T, ns string, killAt int, loseAnswer bool) (outcome, int) {
	t.Helper()
	create(t, stack(ns, service("api")))
	d := deploy(t, ns, "api", needs("192Mi"))
	first := start(t, ns, settings{wire: &wire{killAt: killAt, loseAnswer: loseAnswer}})
	over := func() bool {
		all := diagnoses(t, ns, "api")
		return len(all) > 0 && all[0].Status.State.Final() && readyOf(t, stack(ns)) == "True Reconciled" && stackNow(t, stack(ns)).Status.ServicesHealthy == "1/1"
	}
	// The number of the stack's status updates depends on who is faster: a
	// short incident may be over before its last write.
	until(t, func() bool { return first.wire.isDead() || over() }, func() string { return "it ends, or is killed\n" + tell(diagnoses(t, ns, "api")) })
	first.stop()
	made := first.wire.made()
	if first.wire.isDead() {
		second := start(t, ns, settings{})
		until(t, over, func() string { return "the next operator ends it\n" + tell(diagnoses(t, ns, "api")) })
		second.stop()
		made = append(made, second.wire.made()...)
	}
	return endOf(t, d, made), len(made)
}

func endOf(t *testing.T, d *appsv1.Deployment, made []write) outcome {
	t.Helper()
	all := diagnoses(t, d.Namespace, "api")
	if len(all) != 1 {
		t.Errorf("%d diagnoses, want one:\n%s", len(all), tell(all))
	}
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
		t.Fatal(err)
	}
	return outcome{
		State: all[0].Status.State, Cause: all[0].Status.Cause, Attempts: outcomes(&all[0]),
		Limit: limit(t, d), Edits: d.Generation,
		Created: count(made, http.MethodPost, "/bridgediagnoses"), Patches: count(made, http.MethodPatch, "/deployments/"),
	}
}

// An operator whose view of its own diagnoses stands still, from before the
// attempt was recorded or from before it was applied, repeats nothing.
func TestStaleViewRepeatsNothing(t *testing.T) {
	for from, about := range map[string]func(write) bool{
		"before the record": func(w write) bool {
			return w.method == http.MethodPut && strings.Contains(string(w.body), `"outcome":"Recorded"`)
		},
		"before the patch": func(w write) bool {
			return w.method == http.MethodPatch && strings.Contains(w.path, "/deployments/")
		},
	} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			create(t, stack(ns, service("api")))
			d := deploy(t, ns, "api", slowly(needs("192Mi")))
			w := &wire{}
			var once sync.Once
			w.before = func(made write) {
				if about(made) {
					once.Do(w.freeze)
				}
			}
			start(t, ns, settings{wire: w})
			t.Cleanup(w.thaw) // before it is stopped
			until(t, func() bool { return w.heldBack() >= 5 }, func() string { return "the stale view is found out\n" + tell(diagnoses(t, ns, "api")) })
			w.thaw()
			becomes(t, ns, "api", needs("192Mi"))
			got := await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
			attempted(t, got, v1alpha1.AttemptHelped)
			if n := count(w.made(), http.MethodPatch, "/deployments/"); n != 1 || limit(t, d) != "192Mi" {
				t.Errorf("%d patches of the Deployment, limit %s", n, limit(t, d))
			}
		})
	}
}
