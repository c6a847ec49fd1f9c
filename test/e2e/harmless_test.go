//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestLeftAlone: the change that would help is one that the cluster cannot bear,
// or that is not the operator's to make. Nothing is patched, and the message says
// who can change what.
func TestLeftAlone(t *testing.T) {
	for _, c := range []struct {
		scenario string
		// names what the message must name.
		names string
		// then happens once the stack is up, before the diagnosis.
		then func(*stackUnder)
	}{
		{scenario: "quota-without-room-for-the-surge", names: "team"},
		{scenario: "limit-range-default", names: "small-by-default"},
		{scenario: "owned-by-another-operator", names: "Cache/orders", then: func(s *stackUnder) {
			const folder = "../../config/testdata/owned-by-another-operator/owner"
			s.must(kubectl("", "apply", "--server-side", "-k", folder))
			s.must(kubectl("", "wait", "crd/caches.scenario.bridgestack.dev", "--for=condition=Established", "--timeout=1m"))
			s.must(kubectl(s.namespace, "apply", "-f", folder+"/cache.yaml"))
			uid := s.must(kubectl(s.namespace, "get", "cache", "orders", "-o", "jsonpath={.metadata.uid}"))
			s.must(kubectl(s.namespace, "patch", "deployment", "worker", "--type=merge", "-p", fmt.Sprintf(
				`{"metadata":{"ownerReferences":[{"apiVersion":"scenario.bridgestack.dev/v1","kind":"Cache","name":"orders","uid":%q,"controller":true}]},"spec":{"replicas":1}}`, uid)))
		}},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			s := apply(t, c.scenario)
			if c.then != nil {
				c.then(s)
			}
			d := s.await("worker", "Suggested or Escalated with cause OOMKilled", func(d v1alpha1.BridgeDiagnosis) bool {
				return d.Status.Cause == v1alpha1.CauseOOMKilled && (d.Status.State == v1alpha1.StateSuggested || d.Status.State == v1alpha1.StateEscalated)
			})
			if !strings.Contains(d.Status.Message, c.names) {
				t.Errorf("the message does not name %s: %s", c.names, d.Status.Message)
			}
			for _, a := range d.Status.Attempts {
				t.Errorf("attempt %s: %s %s", a.ID, a.Outcome, a.Message)
			}
			s.untouched("worker")
			t.Log(d.Status.State, d.Status.Message)
		})
	}
}

// TestOverwrittenChange: what a person or a CI job overwrites in the soak did not
// help, and there is nothing to take back: what they wrote stands.
func TestOverwrittenChange(t *testing.T) {
	t.Parallel()
	s := apply(t, "overwritten-change")
	s.await("worker", "being verified", func(d v1alpha1.BridgeDiagnosis) bool {
		return len(d.Status.Attempts) > 0 && d.Status.Attempts[0].Outcome == v1alpha1.AttemptApplied
	})
	s.must(kubectl(s.namespace, "apply", "-k", "../../config/testdata/overwritten-change"))
	s.untouched("worker") // the test is of nothing if the apply left the raise
	d := s.await("worker", "the end of the attempt", func(d v1alpha1.BridgeDiagnosis) bool {
		return len(d.Status.Attempts) > 0 && !d.Status.Attempts[0].Outcome.InForce()
	})
	if got := d.Status.Attempts[0]; got.Outcome != v1alpha1.AttemptConflict {
		t.Errorf("the attempt ended as %s, want Conflict: %s", got.Outcome, got.Message)
	}
	d = s.await("worker", "Escalated", func(d v1alpha1.BridgeDiagnosis) bool { return d.Status.State == v1alpha1.StateEscalated })
	if len(d.Status.Attempts) != 1 {
		t.Errorf("%d attempts, want one", len(d.Status.Attempts))
	}
	s.untouched("worker")
	t.Log(d.Status.Message)
}

// TestBadReleaseTwice: the rollback goes to the revision whose pods are up, past
// another bad one.
func TestBadReleaseTwice(t *testing.T) {
	t.Parallel()
	s := apply(t, "bad-release-twice")
	s.release()
	s.revision("2")
	s.must(kubectl(s.namespace, "patch", "deployment", "worker", "--type=json", "-p",
		`[{"op":"replace","path":"/spec/template/spec/containers/0/command","value":["worker-hurriedly-mended"]}]`))
	s.revision("3")
	d := s.await("worker", "Recovered after RollbackRollout", func(d v1alpha1.BridgeDiagnosis) bool {
		return d.Status.State == v1alpha1.StateRecovered && slices.Contains(helped(d), v1alpha1.RemedyRollbackRollout)
	})
	if len(d.Status.Attempts) != 1 {
		t.Errorf("%d attempts, want one: %s", len(d.Status.Attempts), changes(d))
	}
	s.untouched("worker") // revision 1 is what was applied
	t.Log(timeline(d))
}

// TestTwoContainersAtOnce: both incidents of one pod end as Recovered, and at no
// time was the workload changed for both.
func TestTwoContainersAtOnce(t *testing.T) {
	t.Parallel()
	s := apply(t, "two-containers-at-once")
	var ended []v1alpha1.BridgeDiagnosis
	for _, container := range []string{"worker", "exporter"} {
		ended = append(ended, s.await("worker", container+" Recovered", func(d v1alpha1.BridgeDiagnosis) bool {
			return d.Spec.Container == container && d.Status.State == v1alpha1.StateRecovered
		}))
	}
	var attempts []v1alpha1.Attempt
	for _, d := range ended {
		attempts = append(attempts, d.Status.Attempts...)
		t.Log(d.Spec.Container, changes(d), timeline(d))
	}
	slices.SortFunc(attempts, func(a, b v1alpha1.Attempt) int { return a.RecordedAt.Compare(b.RecordedAt.Time) })
	for i := 1; i < len(attempts); i++ {
		if before := attempts[i-1]; before.EndedAt == nil || attempts[i].RecordedAt.Time.Before(before.EndedAt.Time) {
			t.Errorf("attempt %s began before %s had ended", attempts[i].ID, before.ID)
		}
	}
	if len(attempts) < 2 {
		t.Errorf("%d attempts, want one for each container", len(attempts))
	}
}

// revision waits until the worker's Deployment has reached it.
func (s *stackUnder) revision(number string) {
	s.Helper()
	const path = `jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}`
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if s.must(kubectl(s.namespace, "get", "deployment", "worker", "-o", path)) == number {
			return
		}
	}
	s.Fatalf("the worker did not reach revision %s", number)
}
