package controllers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// outcome is what must not depend on when the operator was killed.
type outcome struct {
	State    v1alpha1.DiagnosisState
	Cause    v1alpha1.Cause
	Remedies []string
	Template string
	// Edits of the Deployment's spec, the first included.
	Edits int64
	// What the API server took: diagnoses and Jobs that were created, patches of
	// Deployments, evictions.
	Diagnoses, Jobs, Patches, Evictions int
}

// allFaults says that every incident is disturbed at every write, not only the
// first one: minutes rather than seconds.
func allFaults() bool { return os.Getenv("FAULTS") == "all" }

// TestCrashAfterEveryWrite kills the operator at each of its writes: before it
// is sent, after it with the answer lost, and after it with the answer
// delivered. The next process goes on, and the end is the same.
func TestCrashAfterEveryWrite(t *testing.T) {
	t.Parallel()
	selection := incidents[:1]
	if allFaults() {
		selection = incidents
	} else {
		t.Logf("%d of %d incidents: `make test-faults` disturbs all of them", len(selection), len(incidents))
	}
	var mu sync.Mutex
	killed, wanted, duplicates, lost := 0, 0, 0, 0
	t.Run("runs", func(t *testing.T) {
		for _, i := range selection {
			t.Run(i.name, func(t *testing.T) {
				t.Parallel()
				want, writes := i.run(t, 0, "")
				if want.State != i.ends {
					t.Fatalf("undisturbed it ends as %s, not %s", want.State, i.ends)
				}
				mu.Lock()
				wanted += 3 * writes
				mu.Unlock()
				for k := 1; k <= writes; k++ {
					for _, at := range []cut{unsent, answerLost, answerDelivered} {
						t.Run(fmt.Sprintf("write %d %s", k, at), func(t *testing.T) {
							t.Parallel()
							got, _ := i.run(t, k, at)
							if i.awake {
								got.Evictions = max(got.Evictions, want.Evictions)
							}
							mu.Lock()
							defer mu.Unlock()
							killed++
							duplicates += max(0, got.Patches-want.Patches) + max(0, got.Evictions-want.Evictions) + max(0, got.Jobs-want.Jobs)
							if got.State != want.State {
								lost++
							}
							if diff := cmp.Diff(want, got); diff != "" {
								t.Errorf("the end differs (-undisturbed +got)\n%s", diff)
							}
						})
					}
				}
			})
		}
	})
	t.Logf("%d incidents, %d runs, %d duplicate remedies, %d lost incidents", len(selection), killed, duplicates, lost)
	if killed != wanted {
		t.Errorf("%d runs came to an end, want %d", killed, wanted)
	}
}

// run is the incident from beginning to end with an operator that is killed at
// a write, and a second one. It returns how it ended, and how many writes were
// made.
func (i incident) run(t *testing.T, killAt int, at cut) (outcome, int) {
	t.Helper()
	ns := namespace(t)
	set := i.begin(t, ns)
	set.wire = &wire{killAt: killAt, cut: at}
	first := start(t, ns, set)
	over := func() bool {
		if i.meanwhile != nil {
			i.meanwhile(t, ns)
		}
		all := diagnoses(t, ns, "api")
		return len(all) > 0 && all[0].Status.State == i.ends
	}
	// The number of the stack's status updates depends on who is faster: a
	// short incident may be over before its last write.
	until(t, func() bool { return first.wire.isDead() || over() }, func() string { return "it ends, or is killed\n" + tell(diagnoses(t, ns, "api")) })
	first.stop()
	made := first.wire.made()
	if first.wire.isDead() {
		set.wire = nil
		second := start(t, ns, set)
		until(t, over, func() string { return "the next operator ends it\n" + tell(diagnoses(t, ns, "api")) })
		second.stop()
		made = append(made, second.wire.made()...)
	}
	return endOf(t, ns, made), len(made)
}

func endOf(t *testing.T, ns string, made []write) outcome {
	t.Helper()
	all := diagnoses(t, ns, "api")
	if len(all) != 1 {
		t.Errorf("%d diagnoses, want one:\n%s", len(all), tell(all))
	}
	var d appsv1.Deployment
	if err := k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "api"}, &d); err != nil {
		t.Fatal(err)
	}
	out := outcome{
		State: all[0].Status.State, Cause: all[0].Status.Cause, Template: timeless(t, &d.Spec.Template), Edits: d.Generation,
		Diagnoses: count(made, http.MethodPost, "/bridgediagnoses"), Jobs: count(made, http.MethodPost, "/jobs"),
		Patches: count(made, http.MethodPatch, "/deployments/"), Evictions: count(made, http.MethodPost, "/eviction"),
	}
	for _, a := range all[0].Status.Attempts {
		out.Remedies = append(out.Remedies, string(a.Proposal.Remedy)+" "+string(a.Outcome))
	}
	return out
}

// timeless is a template without what is another one in each run: the time of a
// restart, the port of a broker.
func timeless(t *testing.T, template *corev1.PodTemplateSpec) string {
	t.Helper()
	template = template.DeepCopy()
	if _, set := template.Annotations[restartedAt]; set {
		template.Annotations[restartedAt] = "then"
	}
	text, err := json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	return anyPort.ReplaceAllString(string(text), "127.0.0.1:9092")
}

var anyPort = regexp.MustCompile(`127\.0\.0\.1:[0-9]{4,}`)

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
