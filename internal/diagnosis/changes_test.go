package diagnosis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// TestChangedBefore: what was changed within the hour before the trouble is the first
// evidence, the latest first; what came later or long before is not told.
func TestChangedBefore(t *testing.T) {
	made := finished.Add(-10 * time.Minute)
	looping := func() evidence.Case {
		c := ended(1, "Error", "")
		c.Pod.Created, c.Container.Restarts = made, 6
		c.Container.LastTermination.StartedAt = finished.Add(-5 * time.Second)
		return c
	}
	after := func(c evidence.Case, change func(*evidence.Case)) evidence.Case {
		change(&c)
		return c
	}
	template := evidence.Change{Kind: evidence.ChangeTemplate, At: made.Add(-time.Second), Object: "Deployment/api", Revision: "7", By: "kubectl-edit",
		Fields: []evidence.FieldChange{{Path: "containers[app].image", From: "api:1", To: "api:2"}, {Path: "containers[app].env[LEVEL]"}}, MoreFields: 3}
	ran := func(c *evidence.Case) { // for three days, and crashed twice
		c.Pod.Created, c.Container.Restarts = finished.Add(-72*time.Hour), 2
		c.Container.LastTermination.StartedAt = finished.Add(-30 * time.Minute)
	}
	for name, test := range map[string]struct {
		evidence evidence.Case
		want     []string
	}{
		"nothing": {looping(), nil},
		"the template and a Secret": {after(looping(), func(c *evidence.Case) {
			c.Changes = []evidence.Change{template}
			c.Config = []evidence.ConfigObject{{Kind: "Secret", Name: "db", Changed: made.Add(-20 * time.Minute)}}
		}), []string{
			"Deployment/api: its pod template was changed (revision 7) by kubectl-edit: containers[app].image api:1 -> api:2; containers[app].env[LEVEL] differs; and 3 more",
			"Secret/db was written",
		}},
		"long before": {after(looping(), func(c *evidence.Case) {
			template := template
			template.At = made.Add(-2 * time.Hour)
			c.Changes = []evidence.Change{template}
		}), nil},
		"an attempt to mend it, later": {after(looping(), func(c *evidence.Case) {
			c.Config = []evidence.ConfigObject{{Kind: "ConfigMap", Name: "settings", Changed: made.Add(5 * time.Minute)}}
		}), nil},
		"while it ran well": {after(looping(), func(c *evidence.Case) {
			ran(c)
			c.Config = []evidence.ConfigObject{{Kind: "Secret", Name: "db", Changed: finished.Add(-time.Minute)}}
			c.Dependencies = []evidence.Dependency{{Service: "postgres", Workload: evidence.DependencyWorkload{NewestPod: finished.Add(-2 * time.Minute)}}}
		}), []string{"Secret/db was written", "the newest pod of postgres, which it depends on, was made"}},
		"a node, and an image behind a tag": {after(looping(), func(c *evidence.Case) {
			c.Node = evidence.Node{Name: "n7", Created: made.Add(-5 * time.Minute)}
			c.Changes = []evidence.Change{{Kind: evidence.ChangeImage, At: made, Object: "Deployment/api", Fields: []evidence.FieldChange{{Path: "containers[app].image", From: "sha256:a", To: "sha256:b"}}}}
		}), []string{
			"Deployment/api: another image than in the other pods stands behind the same tag: containers[app].image sha256:a -> sha256:b",
			"node n7, which the pod is on, joined the cluster",
		}},
		"of a pod without any time": {after(looping(), func(c *evidence.Case) {
			c.Pod.Created, c.Container.LastTermination.StartedAt = time.Time{}, time.Time{}
			c.Changes = []evidence.Change{template}
		}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := Diagnose(test.evidence)
			var got []string
			for i, e := range f.Evidence {
				if e.Source == v1alpha1.SourceChange {
					if i != len(got) {
						t.Errorf("evidence %d is a change, after what is none", i)
					}
					got = append(got, e.Text)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
			}
		})
	}
}

// TestChangesDecideNothing: the cause is the same with them.
func TestChangesDecideNothing(t *testing.T) {
	c := ended(1, "Error", "")
	without := Diagnose(c)
	c.Pod.Created = finished
	for i := range 20 {
		c.Changes = append(c.Changes, evidence.Change{Kind: evidence.ChangeTemplate, At: finished, Object: fmt.Sprint("Deployment/", i)})
	}
	with := Diagnose(c)
	if with.Cause != without.Cause || with.Confidence != without.Confidence {
		t.Errorf("%s %s, without the changes %s %s", with.Cause, with.Confidence, without.Cause, without.Confidence)
	}
	if n := len(with.Evidence) - len(without.Evidence); n != maxChanges {
		t.Errorf("%d changes are told, want at most %d", n, maxChanges)
	}
}

// TestPodUnlikeItsTemplate tells what was set in the pod, and by whom.
func TestPodUnlikeItsTemplate(t *testing.T) {
	c := ended(1, "Error", "")
	c.Differences = []evidence.FieldChange{{Path: "containers[app].resources.limits.memory", To: "30Mi", By: "by the LimitRange small"}}
	f := Diagnose(c)
	last := f.Evidence[len(f.Evidence)-1]
	if want := "the pod is not what its template says: containers[app].resources.limits.memory unset -> 30Mi (by the LimitRange small)"; last.Text != want || last.Source != v1alpha1.SourceRollout {
		t.Errorf("got %s %q, want %q", last.Source, last.Text, want)
	}
}

// TestRunnerUp: the second most likely cause and why it lost.
func TestRunnerUp(t *testing.T) {
	refused := "psycopg2.OperationalError: connection to server at \"db\" (10.0.0.1), port 5432 failed: Connection refused\n"
	killed := caseWith{ended(137, "Error", "")}.event("Killing", "Container app failed liveness probe, will be restarted", finished).Case
	killed.Log.Previous = []byte(refused)
	f := Diagnose(killed)
	if f.Cause != v1alpha1.CauseLivenessProbeFailed || f.RunnerUp == nil || f.RunnerUp.Cause != v1alpha1.CausePostgresUnreachable ||
		!strings.Contains(f.RunnerUp.Because, "confidence") || !strings.Contains(f.RunnerUp.Because, string(v1alpha1.CauseLivenessProbeFailed)) {
		t.Errorf("%s, runner-up %+v", f.Cause, f.RunnerUp)
	}
	alone := ended(0, "Completed", "")
	if f := Diagnose(alone); f.RunnerUp != nil {
		t.Errorf("runner-up of nothing else: %+v", f.RunnerUp)
	}
}
