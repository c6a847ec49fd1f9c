//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestRepaired: faults that the operator cures, each with the change it makes.
func TestRepaired(t *testing.T) {
	for _, c := range []struct {
		scenario, service string
		cause             v1alpha1.Cause
		remedies          []v1alpha1.RemedyName
		change            string
	}{
		{"postgres-host-localhost", "hook-receiver", v1alpha1.CausePostgresUnreachable,
			[]v1alpha1.RemedyName{v1alpha1.RemedySetEnv}, "containers[hook-receiver].env[POSTGRES_HOST]: localhost -> postgres"},
		{"postgres-host-not-found", "hook-receiver", v1alpha1.CausePostgresHostNotFound,
			[]v1alpha1.RemedyName{v1alpha1.RemedySetEnv}, "containers[hook-receiver].env[POSTGRES_HOST]: omninode-bridge-postgres -> postgres"},
		{"kafka-host-not-found", "workflow-coordinator", v1alpha1.CauseKafkaHostNotFound,
			[]v1alpha1.RemedyName{v1alpha1.RemedySetEnv}, "containers[workflow-coordinator].env[KAFKA_BOOTSTRAP_SERVERS]: omninode-bridge-redpanda:9092 -> redpanda:9092"},
		{"kafka-topic-missing", "workflow-coordinator", v1alpha1.CauseKafkaTopicMissing,
			[]v1alpha1.RemedyName{v1alpha1.RemedyCreateTopic}, "topics[dev.omninode_bridge.onex.workflows.v1]: (absent) -> partitions=3 replicationFactor=1"},
		{"kafka-bootstrap-localhost", "workflow-coordinator", v1alpha1.CauseKafkaTopicMissing,
			[]v1alpha1.RemedyName{v1alpha1.RemedySetEnv, v1alpha1.RemedyCreateTopic}, "containers[workflow-coordinator].env[KAFKA_BOOTSTRAP_SERVERS]: localhost:29092 -> redpanda:9092"},
		{"compose-bootstrap-published", "workflow-coordinator", v1alpha1.CauseKafkaTopicMissing,
			[]v1alpha1.RemedyName{v1alpha1.RemedySetEnv, v1alpha1.RemedyCreateTopic}, "containers[workflow-coordinator].env[KAFKA_BOOTSTRAP_SERVERS]: localhost:29092 -> redpanda:9092"},
		{"memory-limit-too-small", "model-metrics", v1alpha1.CauseOOMKilled,
			[]v1alpha1.RemedyName{v1alpha1.RemedyRaiseMemoryLimit}, "containers[model-metrics].resources.limits.memory: 64Mi -> 96Mi"},
		{"api-key-missing", "metadata-stamping", v1alpha1.CauseEnvVarMissing,
			[]v1alpha1.RemedyName{v1alpha1.RemedySetEnv}, "containers[metadata-stamping].env[API_KEY]: (absent) -> (key metadata-stamping of Secret api-keys)"},
		{"rabbitmq-host-localhost", "order-worker", v1alpha1.CauseUpstreamUnreachable,
			[]v1alpha1.RemedyName{v1alpha1.RemedySetEnv}, "containers[order-worker].env[RABBITMQ_HOST]: localhost -> rabbitmq"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			s := apply(t, c.scenario)
			d := s.await(c.service, "Recovered by a remedy", func(d v1alpha1.BridgeDiagnosis) bool {
				return d.Status.State == v1alpha1.StateRecovered && len(helped(d)) >= len(c.remedies)
			})
			if got := fmt.Sprint(helped(d)); got != fmt.Sprint(c.remedies) {
				t.Errorf("remedies that helped: %s, want %v", got, c.remedies)
			}
			if d.Status.Cause != c.cause || d.Status.Confidence == v1alpha1.ConfidenceLow {
				t.Errorf("cause %s (%s)", d.Status.Cause, d.Status.Confidence)
			}
			if !strings.Contains(changes(d), c.change) {
				t.Errorf("changes:\n%s\nwant %s", changes(d), c.change)
			}
			if len(d.Status.Evidence) == 0 {
				t.Error("no evidence is cited")
			}
			for _, name := range s.workloads() {
				if name != c.service {
					s.untouched(name)
				}
			}
			if got := s.events(c.service)[v1alpha1.ReasonRecovered]; got != 1 {
				t.Errorf("%d events Recovered on the workload, want 1", got)
			}
			t.Log(timeline(d))
		})
	}
}

// TestEscalated: faults that only a person can cure; nothing is patched.
func TestEscalated(t *testing.T) {
	for _, c := range []struct {
		scenario, service string
		cause             v1alpha1.Cause
	}{
		{"wrong-password", "event-publisher", v1alpha1.CausePostgresAuthFailed},
		{"mysql-wrong-password", "worker", v1alpha1.CauseUpstreamAuthFailed},
		{"mysql-full", "worker", v1alpha1.CauseUpstreamOverloaded},
		{"redis-wrong-password", "session-store", v1alpha1.CauseUpstreamAuthFailed},
		{"command-not-found", "event-publisher", v1alpha1.CauseCommandNotFound},
		{"config-ref-missing", "metadata-stamping", v1alpha1.CauseConfigRefMissing},
		{"completed-exit", "model-metrics", v1alpha1.CauseCompletedExit},
		{"liveness-probe-failed", "hook-receiver", v1alpha1.CauseLivenessProbeFailed},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			s := apply(t, c.scenario)
			d := s.awaitState(c.service, v1alpha1.StateEscalated, c.cause)
			if len(d.Status.Evidence) == 0 || d.Status.Message == "" {
				t.Errorf("a person is called without evidence: %+v", d.Status)
			}
			for _, a := range d.Status.Attempts {
				if a.Proposal.Remedy != v1alpha1.RemedyRecreatePod {
					t.Errorf("it was tried to cure it: %s", a.Proposal.Remedy)
				}
			}
			s.untouched(s.workloads()...)
			t.Log(timeline(d))
		})
	}
}

// TestRolledBack: what does not help is taken back to the byte, then a person is called.
func TestRolledBack(t *testing.T) {
	t.Parallel()
	s := apply(t, "memory-not-enough-and-rolled-back")
	d := s.await("model-metrics", "Escalated after a rollback", func(d v1alpha1.BridgeDiagnosis) bool {
		return d.Status.State == v1alpha1.StateEscalated && len(d.Status.Attempts) > 0
	})
	for _, a := range d.Status.Attempts {
		if a.Outcome != v1alpha1.AttemptRolledBack {
			t.Errorf("attempt %s: %s, %s", a.ID, a.Outcome, a.Message)
		}
	}
	s.untouched(s.workloads()...)
	t.Log(timeline(d))
}

// TestDependentsAreHeld: while Postgres cannot start, its dependents are
// symptoms and nothing of them is patched; when it is back, they come up.
func TestDependentsAreHeld(t *testing.T) {
	t.Parallel()
	s := apply(t, dependencyDown)
	s.await("hook-receiver", "a symptom of postgres", func(d v1alpha1.BridgeDiagnosis) bool {
		return d.Status.Cause == v1alpha1.CauseDependencyUnhealthy && d.Status.Root != nil && d.Status.Root.Service == "postgres"
	})
	s.awaitState("postgres", v1alpha1.StateEscalated, v1alpha1.CauseConfigRefMissing)
	s.must(kubectl(s.namespace, "create", "configmap", "postgres-tuning"))
	d := s.await("hook-receiver", "Recovered", func(d v1alpha1.BridgeDiagnosis) bool { return d.Status.State == v1alpha1.StateRecovered })
	s.await("postgres", "Recovered", func(d v1alpha1.BridgeDiagnosis) bool { return d.Status.State == v1alpha1.StateRecovered })
	s.untouched(s.workloads()...)
	t.Log(timeline(d))
}

// TestHealthy: a healthy stack ends up without an open diagnosis, untouched.
func TestHealthy(t *testing.T) {
	t.Parallel()
	s := apply(t, "healthy")
	s.must(kubectl(s.namespace, "wait", "bridgestack/"+stackName, "--for=condition=Healthy", "--timeout="+patience.String()))
	s.must(kubectl(s.namespace, "wait", "bridgestack/"+stackName, "--for=condition=Ready", "--timeout=10s"))
	if got := s.stack().Status.ServicesHealthy; got != "7/7" {
		t.Errorf("services %s", got)
	}
	s.untouched(s.workloads()...)
}

// TestApprove: nothing happens before exactly the proposed change is approved.
func TestApprove(t *testing.T) {
	t.Parallel()
	s := apply(t, "memory-limit-too-small", func(b *v1alpha1.BridgeStack) { b.Spec.Remediation.Mode = v1alpha1.ModeApprove })
	d := s.awaitState("model-metrics", v1alpha1.StateAwaitingApproval, v1alpha1.CauseOOMKilled)
	me := s.must(kubectl("", "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"))
	approve := func(id, by string) (string, error) {
		return kubectl(s.namespace, "patch", "bd", d.Name, "--type=merge", "-p", `{"spec":{"approved":"`+id+`","approvedBy":"`+by+`"}}`)
	}
	for id, by := range map[string]string{"another": me, d.Status.Proposal.ID: "somebody"} {
		if out, err := approve(id, by); err == nil {
			t.Errorf("%s was approved by %s: %s", id, by, out)
		}
	}
	s.untouched("model-metrics")
	s.must(approve(d.Status.Proposal.ID, me))
	done := s.awaitState("model-metrics", v1alpha1.StateRecovered, v1alpha1.CauseOOMKilled)
	if got := done.Status.Attempts[0].ApprovedBy; got != me {
		t.Errorf("%q is recorded as the approver", got)
	}
}

// TestSuggest: the remedy is shown and nothing is touched.
func TestSuggest(t *testing.T) {
	t.Parallel()
	s := apply(t, "api-key-missing", func(b *v1alpha1.BridgeStack) { b.Spec.Remediation.Mode = v1alpha1.ModeSuggest })
	d := s.awaitState("metadata-stamping", v1alpha1.StateSuggested, v1alpha1.CauseEnvVarMissing)
	if d.Status.Proposal == nil || d.Status.Proposal.Remedy != v1alpha1.RemedySetEnv {
		t.Errorf("proposal %+v", d.Status.Proposal)
	}
	s.untouched(s.workloads()...)
}

// TestOperatorKilledInMidRemedy: the next one goes on, and does nothing twice.
func TestOperatorKilledInMidRemedy(t *testing.T) {
	s := apply(t, "memory-limit-too-small")
	s.await("model-metrics", "being repaired", func(d v1alpha1.BridgeDiagnosis) bool { return strings.Contains(changes(d), "limits.memory") })
	s.must(kubectl(operatorNamespace, "delete", "pod", "--selector", "app.kubernetes.io/name=bridgestack", "--force", "--grace-period=0"))
	d := s.awaitState("model-metrics", v1alpha1.StateRecovered, v1alpha1.CauseOOMKilled)
	if got := fmt.Sprint(helped(d)); got != "[RaiseMemoryLimit]" {
		t.Errorf("remedies that helped: %s", got)
	}
	if got := changes(d); strings.Count(got, "limits.memory") != 1 {
		t.Errorf("changes:\n%s", got)
	}
}

// helped are the remedies that helped, in their order.
func helped(d v1alpha1.BridgeDiagnosis) []v1alpha1.RemedyName {
	var out []v1alpha1.RemedyName
	for _, a := range d.Status.Attempts {
		if a.Outcome == v1alpha1.AttemptHelped && a.Proposal.Remedy != v1alpha1.RemedyRecreatePod {
			out = append(out, a.Proposal.Remedy)
		}
	}
	return out
}

func changes(d v1alpha1.BridgeDiagnosis) string {
	var lines []string
	for _, a := range d.Status.Attempts {
		for _, c := range a.Proposal.Changes {
			lines = append(lines, c.String())
		}
	}
	return strings.Join(lines, "\n")
}

// timeline prints the incident's stations in seconds.
func timeline(d v1alpha1.BridgeDiagnosis) string {
	times := d.Status.Times
	if times.Visible == nil || times.Diagnosed == nil {
		return d.Name + ": no times"
	}
	text := fmt.Sprintf("%s: %s (%s): diagnosed after %.2fs", d.Name, d.Status.Cause, d.Status.Confidence, times.Diagnosed.Sub(times.Visible.Time).Seconds())
	if times.Patched != nil {
		text += fmt.Sprintf(", patched after %.1fs", times.Patched.Sub(times.Visible.Time).Seconds())
	}
	if times.Recovered != nil {
		text += fmt.Sprintf(", recovered after %.1fs", times.Recovered.Sub(times.Visible.Time).Seconds())
	}
	return text
}
