//go:build e2e

package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// bridge runs a verb of the plugin in the scenario's namespace, as the admin or as
// a viewer.
func (s *stackUnder) bridge(args ...string) (string, error) {
	s.Helper()
	out, err := exec.Command(pluginPath, append([]string{args[0], "--namespace", s.namespace}, args[1:]...)...).CombinedOutput()
	s.Logf("kubectl bridge %s: %v\n%s", strings.Join(args, " "), err, out)
	return string(out), err
}

// says fails unless a verb succeeds, for the admin and for a viewer, and says it.
func (s *stackUnder) says(wanted []string, args ...string) {
	s.Helper()
	viewer := "--as=system:serviceaccount:" + s.namespace + ":viewer"
	for _, call := range [][]string{args, append(append([]string{}, args...), viewer)} {
		out, err := s.bridge(call...)
		if err != nil {
			s.Errorf("%v: %v", call, err)
		}
		for _, want := range wanted {
			if !strings.Contains(out, want) {
				s.Errorf("%v says nothing of %q", call, want)
			}
		}
	}
}

// steers fails unless the admin may do it, and a viewer may not.
func (s *stackUnder) steers(args ...string) {
	s.Helper()
	if out, err := s.bridge(append(args, "--as=system:serviceaccount:"+s.namespace+":viewer")...); err == nil || !strings.Contains(out, "forbidden") {
		s.Errorf("%v by a viewer: %v", args, err)
	}
	if _, err := s.bridge(args...); err != nil {
		s.Fatalf("%v: %v", args, err)
	}
}

// TestPluginVerbs takes a stack through the states of an incident by the plugin
// alone: looping, awaiting approval, verifying, taken back, paused, escalated,
// restarted in order.
func TestPluginVerbs(t *testing.T) {
	t.Parallel()
	s := apply(t, "memory-limit-too-small", func(b *v1alpha1.BridgeStack) {
		b.Spec.Remediation.Mode = v1alpha1.ModeApprove
		b.Spec.Remediation.Soak = &metav1.Duration{Duration: 10 * time.Minute}
	})
	s.must(kubectl(s.namespace, "create", "serviceaccount", "viewer"))
	s.must(kubectl(s.namespace, "create", "rolebinding", "viewer", "--clusterrole=view", "--serviceaccount="+s.namespace+":viewer"))

	d := s.awaitState("model-metrics", v1alpha1.StateAwaitingApproval, v1alpha1.CauseOOMKilled)
	s.says([]string{"model-metrics", "AwaitingApproval", "OOMKilled", "kubectl bridge approve -n " + s.namespace}, "status")
	s.says([]string{"EVIDENCE", "OOMKilled, confidence High", "PROBES", "resources.limits.memory: 96Mi"}, "explain", d.Name)
	s.says([]string{d.Name, "CAUSE"}, "explain", d.Status.Loop.Pod)
	s.says([]string{"diagnosed just now"}, "explain", "postgres-0")
	s.says([]string{"- containers[model-metrics].resources.limits.memory: 64Mi"}, "diff", d.Name)

	s.steers("approve", d.Name)
	s.awaitState("model-metrics", v1alpha1.StateVerifying, v1alpha1.CauseOOMKilled)
	s.says([]string{"Verifying", "1 of"}, "status", stackName)
	s.steers("rollback", d.Name)
	d = s.awaitState("model-metrics", v1alpha1.StateSuggested, v1alpha1.CauseOOMKilled)
	if last := d.Status.Attempts[len(d.Status.Attempts)-1]; last.Outcome != v1alpha1.AttemptRolledBack {
		t.Errorf("the attempt is %s: %s", last.Outcome, last.Message)
	}
	s.untouched("model-metrics")

	s.steers("pause", stackName)
	s.says([]string{"paused (spec.paused)"}, "status")
	s.steers("resume", stackName)
	s.says([]string{"RaiseMemoryLimit RolledBack", "Deploy", "Ended", "Incident"}, "timeline")
	out, err := s.bridge("timeline", "-o", "json")
	var line struct{ Moments []any }
	if err != nil || json.Unmarshal([]byte(out), &line) != nil || len(line.Moments) == 0 {
		t.Errorf("timeline -o json: %v", err)
	}
	if _, err := s.bridge("report", d.Name, "-f", filepath.Join(t.TempDir(), "bug.zip")); err != nil {
		t.Errorf("report: %v", err)
	}

	// The databases of the samples have no volume, and one service cannot come up
	// before its limit is put right.
	s.must(kubectl(s.namespace, "set", "resources", "deployment/model-metrics", "--limits=memory=192Mi"))
	if out, err := s.bridge("recover", stackName, "--yes"); err == nil || !strings.Contains(out, "would lose its data") {
		t.Errorf("a database without a volume is not refused: %v", err)
	}
	out, err = s.bridge("recover", stackName, "--yes", "--keep", "postgres,redpanda", "--timeout", "2m")
	if err != nil || !strings.Contains(out, "is up again") {
		t.Errorf("recover: %v", err)
	}
	if s.stack().Spec.Paused {
		t.Error("the stack is still paused")
	}
}

// TestPluginOnWhatIsForAPerson: an incident that only a person can end.
func TestPluginOnWhatIsForAPerson(t *testing.T) {
	t.Parallel()
	s := apply(t, "wrong-password")
	s.must(kubectl(s.namespace, "create", "serviceaccount", "viewer"))
	s.must(kubectl(s.namespace, "create", "rolebinding", "viewer", "--clusterrole=view", "--serviceaccount="+s.namespace+":viewer"))
	d := s.awaitState("event-publisher", v1alpha1.StateEscalated, v1alpha1.CausePostgresAuthFailed)
	s.says([]string{"event-publisher", "Escalated", "PostgresAuthFailed", "kubectl bridge explain -n " + s.namespace + " " + d.Name}, "status")
	s.says([]string{"28P01", "PostgresAuthFailed", "kubectl bridge report -n " + s.namespace}, "explain", "event-publisher")
	s.says([]string{"a person is called"}, "timeline")
	if out, err := s.bridge("approve", d.Name); err == nil || !strings.Contains(out, "nothing that could be approved") {
		t.Errorf("approving what changes nothing: %v", err)
	}
}
