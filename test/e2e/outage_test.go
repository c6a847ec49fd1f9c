//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestOutages takes the control plane away in mid-remedy. It disturbs whatever
// else runs on the cluster, so it runs by itself and on the local cluster only.
func TestOutages(t *testing.T) {
	if os.Getenv("DISRUPT") == "" {
		t.Skip("it stops the cluster's API server and etcd: `make test-faults` runs it, on a cluster of its own")
	}
	for _, c := range []struct {
		name    string
		outage  func(*testing.T)
		patient time.Duration
	}{
		{"the API server does not answer for a minute", func(t *testing.T) {
			onNode(t, "pkill -STOP kube-apiserver && sleep 60 && pkill -CONT kube-apiserver")
		}, 3 * time.Minute},
		// The API server begins with an empty watch cache: whoever watched is told that
		// its resourceVersion is too old (410), and lists again.
		{"etcd and the API server are killed", func(t *testing.T) {
			onNode(t, "pkill -KILL etcd; pkill -KILL kube-apiserver")
		}, 3 * time.Minute},
		{"the operator is told to end", func(t *testing.T) {
			started := time.Now()
			if out, err := kubectl(operatorNamespace, "delete", "pod", "--selector", "app.kubernetes.io/name=bridgestack", "--wait"); err != nil {
				t.Fatal(out, err)
			}
			if took := time.Since(started); took > 30*time.Second {
				t.Errorf("it took %s to end", took)
			}
		}, 2 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := apply(t, "memory-limit-too-small")
			s.await("model-metrics", "recorded or further", func(d v1alpha1.BridgeDiagnosis) bool { return len(d.Status.Attempts) > 0 })
			c.outage(t)
			s.answers(c.patient)
			d := s.awaitState("model-metrics", v1alpha1.StateRecovered, v1alpha1.CauseOOMKilled)
			if len(d.Status.Attempts) != 1 || d.Status.Attempts[0].Outcome != v1alpha1.AttemptHelped || len(s.diagnoses("model-metrics")) != 1 {
				t.Errorf("%d diagnoses, attempts %+v", len(s.diagnoses("model-metrics")), d.Status.Attempts)
			}
			var live appsv1.Deployment
			if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: s.namespace, Name: "model-metrics"}, &live); err != nil {
				t.Fatal(err)
			}
			if live.Generation != 2 {
				t.Errorf("the Deployment was edited %d times, want once", live.Generation-1)
			}
			t.Log(timeline(d))
		})
	}
}

// TestNodeDiesInTheSoak: while the kubelet is away nobody knows how the container
// is. The attempt neither helped nor failed until it is back.
func TestNodeDiesInTheSoak(t *testing.T) {
	if os.Getenv("DISRUPT") == "" {
		t.Skip("it stops the node's kubelet: `make test-faults` runs it, on a cluster of its own")
	}
	s := apply(t, "node-dies-in-the-soak")
	s.await("worker", "being verified, and up", func(d v1alpha1.BridgeDiagnosis) bool {
		return len(d.Status.Attempts) > 0 && d.Status.Attempts[0].Outcome == v1alpha1.AttemptApplied && s.readyPods("worker") == "True"
	})
	onNode(t, "pkill -STOP kubelet")
	resumed := false
	resume := func() {
		if !resumed {
			onNode(t, "pkill -CONT kubelet")
			resumed = true
		}
	}
	t.Cleanup(resume)
	s.awaitPods("worker", "False") // the node controller gives up on the node after 40s
	stopped := time.Now()
	for time.Since(stopped) < 100*time.Second { // longer than the soak
		if d := s.diagnoses("worker")[0]; d.Status.Attempts[0].Outcome != v1alpha1.AttemptApplied {
			t.Fatalf("with the node dead for %s the attempt is %s: %s", time.Since(stopped).Round(time.Second), d.Status.Attempts[0].Outcome, d.Status.Attempts[0].Message)
		}
		time.Sleep(time.Second)
	}
	resume()
	// The kubelet then reports the pod as ready since before it was stopped, and nobody
	// watched it since: the soak begins when the node is back.
	d := s.awaitState("worker", v1alpha1.StateRecovered, v1alpha1.CauseOOMKilled)
	if len(d.Status.Attempts) != 1 || d.Status.Attempts[0].Outcome != v1alpha1.AttemptHelped {
		t.Fatalf("attempts %+v", d.Status.Attempts)
	}
	back, soak := s.nodeReadySince(), time.Duration(d.Status.Attempts[0].SoakSeconds)*time.Second
	if back.Before(stopped) {
		t.Fatalf("the node was Ready since %s, before its kubelet was stopped", back)
	}
	if watched := d.Status.Times.Recovered.Sub(back); watched < soak {
		t.Errorf("it counts as recovered %s after its node was back, and the soak is %s", watched, soak)
	}
	t.Log(timeline(d))
}

// nodeReadySince is when the one node of the cluster last became Ready.
func (s *stackUnder) nodeReadySince() time.Time {
	s.Helper()
	var nodes corev1.NodeList
	if err := cluster.List(s.Context(), &nodes); err != nil {
		s.Fatal(err)
	}
	for i := range nodes.Items {
		for _, c := range nodes.Items[i].Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
				return c.LastTransitionTime.Time
			}
		}
	}
	s.Fatal("no node is Ready")
	return time.Time{}
}

// readyPods are the Ready conditions of a workload's pods, as kubectl prints them.
func (s *stackUnder) readyPods(name string) string {
	s.Helper()
	return s.must(kubectl(s.namespace, "get", "pods", "-l", "app.kubernetes.io/name="+name, "-o", `jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}`))
}

func (s *stackUnder) awaitPods(name, ready string) {
	s.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		if s.readyPods(name) == ready {
			return
		}
	}
	s.Fatalf("the pods of %s did not become Ready=%s: %s", name, ready, s.readyPods(name))
}

// onNode runs a command among the local cluster's own processes.
func onNode(t *testing.T, script string) {
	t.Helper()
	command := exec.Command("go", "run", "./cluster", "exec", "--", "sh", "-c", script)
	command.Dir = "../../hack"
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
}

// answers waits until the API server does again.
func (s *stackUnder) answers(patient time.Duration) {
	s.Helper()
	var err error
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); time.Sleep(time.Second) {
		var out string
		if out, err = kubectl("", "get", "--raw", "/readyz"); err == nil && strings.TrimSpace(out) == "ok" {
			return
		}
	}
	s.Fatalf("the API server does not answer: %v", err)
}
