//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestSeenFromThePodOnly: what only the failing pod meets is found by asking
// that pod, once, and left to a person.
func TestSeenFromThePodOnly(t *testing.T) {
	t.Parallel()
	if _, err := kubectl("", "apply", "-k", "../../config/probe-from-pod"); err != nil {
		t.Fatal(err)
	}
	t.Run("dns", func(t *testing.T) {
		t.Parallel()
		s := apply(t, "dns-of-the-pod-only")
		s.seenFromPod(v1alpha1.CauseDNSUnavailable, "Resolve RESOLVER", "dnsConfig")
	})
	t.Run("network", func(t *testing.T) {
		t.Parallel()
		s := apply(t, "network-of-the-pod-only")
		s.must(kubectl(s.namespace, "rollout", "status", "deployment/hook-receiver", "--timeout=3m"))
		s.dropPackets()
		s.must(kubectl(s.namespace, "delete", "pod", "--selector", "app.kubernetes.io/name=hook-receiver"))
		s.seenFromPod(v1alpha1.CausePostgresUnreachable, "Dial ETIMEDOUT", "NetworkPolicy")
	})
}

func (s *stackUnder) seenFromPod(cause v1alpha1.Cause, saw, says string) {
	s.Helper()
	d := s.awaitState("hook-receiver", v1alpha1.StateEscalated, cause)
	if d.Status.Confidence != v1alpha1.ConfidenceHigh || !strings.Contains(d.Status.Message, says) {
		s.Errorf("%s: %s", d.Status.Confidence, d.Status.Message)
	}
	var views []string
	for _, p := range d.Status.Probes {
		if p.Service == "postgres" {
			views = append(views, fmt.Sprintf("%s %s %s", p.Viewpoint, p.Stage, p.Code))
		}
	}
	all := strings.Join(views, "\n")
	if !strings.Contains(all, "AsConfigured Query") || !strings.Contains(all, "FromPod "+saw) {
		s.Errorf("probes of postgres:\n%s", all)
	}
	for _, a := range d.Status.Attempts {
		s.Errorf("it was tried to cure it: %s", a.Proposal.Remedy)
	}
	s.untouched(s.workloads()...)
	if n := s.probesIn("hook-receiver"); n != 1 {
		s.Errorf("the pod was asked %d times", n)
	}
	s.Logf("%s, sure and escalated after %.1fs\n%s", timeline(d), d.Status.Times.Escalated.Sub(d.Status.Times.Visible.Time).Seconds(), d.Status.Message)
}

// probesIn counts the operator's containers in the pods of a service.
func (s *stackUnder) probesIn(service string) int {
	s.Helper()
	var pods corev1.PodList
	if err := cluster.List(s.Context(), &pods, client.InNamespace(s.namespace), client.MatchingLabels{"app.kubernetes.io/name": service}); err != nil {
		s.Fatal(err)
	}
	n := 0
	for _, p := range pods.Items {
		for _, c := range p.Spec.EphemeralContainers {
			if strings.HasPrefix(c.Name, v1alpha1.ProbeContainerPrefix) {
				n++
			}
		}
	}
	return n
}

// dropPackets lets, on the local cluster's node, no pod but the operator's make
// new connections to this stack's postgres. No NetworkPolicy is enforced there.
func (s *stackUnder) dropPackets() {
	s.Helper()
	if os.Getenv("BRIDGESTACK_CLUSTER") == "" || os.Getenv("BRIDGESTACK_USE_CURRENT_CONTEXT") != "" {
		s.Skip("the node's packet filter is needed, and this is no local cluster of this repository")
	}
	postgres := s.podIP(s.namespace, "app.kubernetes.io/name=postgres")
	operator := s.podIP(operatorNamespace, "app.kubernetes.io/name=bridgestack")
	table := strings.ReplaceAll(s.namespace, "-", "_")
	s.onNode("add", "table", "inet", table)
	s.Cleanup(func() { s.onNode("delete", "table", "inet", table) })
	s.onNode("add", "chain", "inet", table, "pods", "{ type filter hook forward priority -10 ; }")
	s.onNode("add", "rule", "inet", table, "pods", "ip", "saddr", "!=", operator, "ip", "daddr", postgres, "tcp", "dport", "5432", "tcp", "flags", "&", "(syn|ack)", "==", "syn", "drop")
}

func (s *stackUnder) podIP(namespace, selector string) string {
	s.Helper()
	ip := s.must(kubectl(namespace, "get", "pods", "--selector", selector, "--field-selector", "status.phase=Running", "-o", "jsonpath={.items[0].status.podIP}"))
	if ip == "" {
		s.Fatalf("no pod with %s in %s has an address", selector, namespace)
	}
	return ip
}

// onNode runs nft in the local cluster's network.
func (s *stackUnder) onNode(args ...string) {
	s.Helper()
	command := exec.Command("go", append([]string{"run", "./cluster", "exec", "--", "nft"}, args...)...)
	command.Dir = "../../hack"
	if out, err := command.CombinedOutput(); err != nil {
		s.Errorf("nft %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
