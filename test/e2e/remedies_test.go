//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestRemedies: for each remedy a fault that it cures, and one in which it does
// not help and is taken back, or not tried again where there is no way back.
func TestRemedies(t *testing.T) {
	for _, c := range []struct {
		scenario string
		// service is worker unless it is said.
		service string
		cause   v1alpha1.Cause
		remedy  v1alpha1.RemedyName
		change  string
		outcome v1alpha1.AttemptOutcome
		// then happens once the stack is up, before the diagnosis.
		then func(*stackUnder)
	}{
		{scenario: "startup-probe-too-short", cause: v1alpha1.CauseStartupProbeFailed, remedy: v1alpha1.RemedyRelaxProbe, outcome: v1alpha1.AttemptHelped,
			change: "startupProbe.failureThreshold: 5 -> 10"},
		{scenario: "startup-probe-hopeless", cause: v1alpha1.CauseStartupProbeFailed, remedy: v1alpha1.RemedyRelaxProbe, outcome: v1alpha1.AttemptRolledBack,
			change: "startupProbe.failureThreshold: 5 -> 10"},
		{scenario: "cpu-limit-too-small", cause: v1alpha1.CauseCPUStarved, remedy: v1alpha1.RemedyRaiseCPULimit, outcome: v1alpha1.AttemptHelped,
			change: "containers[worker].resources.limits.cpu: 20m -> 80m"},
		{scenario: "cpu-limit-hopeless", cause: v1alpha1.CauseCPUStarved, remedy: v1alpha1.RemedyRaiseCPULimit, outcome: v1alpha1.AttemptRolledBack,
			change: "containers[worker].resources.limits.cpu: 20m -> 80m"},
		{scenario: "schema-missing-and-migrated", cause: v1alpha1.CausePostgresSchemaMissing, remedy: v1alpha1.RemedyRunJob, outcome: v1alpha1.AttemptHelped,
			change: "jobs: (absent) -> a Job of CronJob migrate"},
		{scenario: "schema-missing-and-migration-fails", cause: v1alpha1.CausePostgresSchemaMissing, remedy: v1alpha1.RemedyRunJob, outcome: v1alpha1.AttemptFailed,
			change: "jobs: (absent) -> a Job of CronJob migrate"},
		{scenario: "config-stale", cause: v1alpha1.CauseConfigStale, remedy: v1alpha1.RemedyRestartWorkload, outcome: v1alpha1.AttemptHelped,
			change: "metadata.annotations[kubectl.kubernetes.io/restartedAt]:", then: (*stackUnder).correctPassword},
		{scenario: "config-stale-and-wrong", cause: v1alpha1.CauseConfigStale, remedy: v1alpha1.RemedyRestartWorkload, outcome: v1alpha1.AttemptFailed,
			change: "metadata.annotations[kubectl.kubernetes.io/restartedAt]:", then: (*stackUnder).correctPassword},
		{scenario: "recreate-does-not-help", cause: v1alpha1.CausePostgresUnreachable, remedy: v1alpha1.RemedyRecreatePod, outcome: v1alpha1.AttemptFailed,
			change: "pods["},
		{scenario: "bad-release", cause: v1alpha1.CauseCommandNotFound, remedy: v1alpha1.RemedyRollbackRollout, outcome: v1alpha1.AttemptHelped,
			change: "revision: 2 -> 1", then: (*stackUnder).release},
		{scenario: "bad-release-and-worse-before", cause: v1alpha1.CauseCommandNotFound, remedy: v1alpha1.RemedyRollbackRollout, outcome: v1alpha1.AttemptRolledBack,
			change: "revision: 2 -> 1", then: func(s *stackUnder) {
				s.must(kubectl(s.namespace, "rollout", "status", "deployment/worker", "--timeout=2m"))
				s.must(kubectl(s.namespace, "delete", "configmap", "worker-settings"))
				s.release()
			}},
		{scenario: "wedged-dependency", cause: v1alpha1.CausePostgresUnreachable, remedy: v1alpha1.RemedyRestartDependency, outcome: v1alpha1.AttemptHelped,
			change: "restartedAt", then: func(s *stackUnder) {
				s.upForMoreThan("ledger", time.Minute)
				s.must(kubectl(s.namespace, "exec", "deployment/ledger", "--", "sh", "-c", "kill -9 $(head -n 1 /tmp/data/postmaster.pid)"))
			}},
		{scenario: "wedged-for-good", cause: v1alpha1.CausePostgresUnreachable, remedy: v1alpha1.RemedyRestartDependency, outcome: v1alpha1.AttemptFailed,
			change: "restartedAt"},
		{scenario: startedTooEarly, cause: v1alpha1.CausePostgresUnreachable, remedy: v1alpha1.RemedyWaitForDependency, outcome: v1alpha1.AttemptRolledBack,
			change: "initContainers[bridgestack-wait-for-postgres]: (absent) -> wait-for --protocol=postgres --address=postgres:5432"},
		{scenario: startOrder, service: "hook-receiver", cause: v1alpha1.CauseDependencyUnhealthy, remedy: v1alpha1.RemedyWaitForDependency, outcome: v1alpha1.AttemptHelped,
			change: "initContainers[bridgestack-wait-for-postgres]: (absent) -> wait-for --protocol=postgres --address=postgres:5432", then: func(s *stackUnder) {
				s.awaitState("hook-receiver", v1alpha1.StateWaiting, v1alpha1.CauseDependencyUnhealthy)
				s.must(kubectl(s.namespace, "create", "configmap", "postgres-tuning"))
			}},
		{scenario: "group-fenced", service: "workflow-coordinator", cause: v1alpha1.CauseKafkaGroupUnstable, remedy: v1alpha1.RemedyDeleteConsumerGroup, outcome: v1alpha1.AttemptHelped,
			change: "consumerGroups[coordinators]: empty -> deleted"},
		{scenario: "group-fenced-for-good", service: "workflow-coordinator", cause: v1alpha1.CauseKafkaGroupUnstable, remedy: v1alpha1.RemedyDeleteConsumerGroup, outcome: v1alpha1.AttemptFailed,
			change: "consumerGroups[coordinators]: empty -> deleted"},
		{scenario: "topic-of-another-broker", service: "workflow-coordinator", cause: v1alpha1.CauseKafkaTopicMissing, remedy: v1alpha1.RemedyCreateTopic, outcome: v1alpha1.AttemptFailed,
			change: "topics[dev.omninode_bridge.onex.workflows.v1]"},
		{scenario: "tls-required", cause: v1alpha1.CausePostgresTLSMismatch, remedy: v1alpha1.RemedySetEnv, outcome: v1alpha1.AttemptHelped,
			change: "containers[worker].env[PGSSLMODE]: disable -> require"},
		{scenario: "tls-required-and-ignored", cause: v1alpha1.CausePostgresTLSMismatch, remedy: v1alpha1.RemedySetEnv, outcome: v1alpha1.AttemptRolledBack,
			change: "containers[worker].env[PGSSLMODE]: disable -> require"},
		{scenario: "pool-too-large", cause: v1alpha1.CausePostgresConnectionsExhausted, remedy: v1alpha1.RemedySetEnv, outcome: v1alpha1.AttemptHelped,
			change: "containers[worker].env[DB_POOL_SIZE]: 20 -> 3"},
		{scenario: "pool-too-large-for-all", cause: v1alpha1.CausePostgresConnectionsExhausted, remedy: v1alpha1.RemedySetEnv, outcome: v1alpha1.AttemptRolledBack,
			change: "containers[worker].env[DB_POOL_SIZE]: 20 -> 16"},
		{scenario: "mysql-host-localhost", cause: v1alpha1.CauseUpstreamUnreachable, remedy: v1alpha1.RemedySetEnv, outcome: v1alpha1.AttemptHelped,
			change: "containers[worker].env[MYSQL_HOST]: 127.0.0.1 -> mariadb"},
		{scenario: "statefulset-memory-limit-too-small", cause: v1alpha1.CauseOOMKilled, remedy: v1alpha1.RemedyRaiseMemoryLimit, outcome: v1alpha1.AttemptHelped,
			change: "containers[worker].resources.limits.memory: 64Mi -> 96Mi"},
		{scenario: "env-invalid", service: "hook-receiver", cause: v1alpha1.CauseEnvVarInvalid, remedy: v1alpha1.RemedySetEnv, outcome: v1alpha1.AttemptHelped,
			change: "containers[hook-receiver].env[POSTGRES_PORT]: postgres -> 5432"},
		{scenario: "api-key-empty", service: "metadata-stamping", cause: v1alpha1.CauseEnvVarMissing, remedy: v1alpha1.RemedySetEnv, outcome: v1alpha1.AttemptRolledBack,
			change: "containers[metadata-stamping].env[API_KEY]: (absent) -> (key metadata-stamping of Secret api-keys)"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			service := c.service
			if service == "" {
				service = "worker"
			}
			s := apply(t, c.scenario)
			if c.then != nil {
				c.then(s)
				s.remember(service)
			}
			if c.scenario == startOrder {
				service = s.firstTried(c.remedy) // another one may have come up by itself just in time
			}
			end := v1alpha1.StateRecovered
			if c.outcome != v1alpha1.AttemptHelped {
				end = v1alpha1.StateEscalated
			}
			d := s.await(service, fmt.Sprintf("%s after %s", end, c.remedy), func(d v1alpha1.BridgeDiagnosis) bool {
				return d.Status.State == end && len(d.Status.Attempts) > 0
			})
			last := d.Status.Attempts[len(d.Status.Attempts)-1]
			if last.Proposal.Remedy != c.remedy || last.Outcome != c.outcome || len(d.Status.Attempts) != 1 {
				t.Errorf("%d attempts, the last %s %s: %s", len(d.Status.Attempts), last.Proposal.Remedy, last.Outcome, last.Message)
			}
			// What is diagnosed after the attempt may be another cause.
			if cause := last.Finding.Cause; cause != c.cause {
				t.Errorf("it was tried for %s, want %s", cause, c.cause)
			}
			if !strings.Contains(changes(d), c.change) {
				t.Errorf("changes:\n%s\nwant %s", changes(d), c.change)
			}
			if c.outcome == v1alpha1.AttemptRolledBack {
				s.untouched(service)
			}
			t.Log(timeline(d))
		})
	}
}

// firstTried is the service for which a remedy is tried first.
func (s *stackUnder) firstTried(remedy v1alpha1.RemedyName) string {
	s.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		var list v1alpha1.BridgeDiagnosisList
		if err := cluster.List(s.Context(), &list, client.InNamespace(s.namespace)); err != nil {
			s.Fatal(err)
		}
		for _, d := range list.Items {
			if len(d.Status.Attempts) > 0 && d.Status.Attempts[0].Proposal.Remedy == remedy {
				return d.Spec.Service
			}
		}
	}
	s.Fatalf("within %s %s was tried for no service", patience, remedy)
	return ""
}

// release gives the worker its next revision.
func (s *stackUnder) release() {
	s.Helper()
	s.must(kubectl(s.namespace, "rollout", "status", "deployment/worker", "--timeout=2m"))
	s.must(kubectl(s.namespace, "patch", "deployment", "worker", "--patch-file", "../../config/testdata/components/release/release.yaml"))
}

// upForMoreThan waits until a Deployment has been available for so long.
func (s *stackUnder) upForMoreThan(name string, long time.Duration) {
	s.Helper()
	const since = `jsonpath={.status.conditions[?(@.type=="Available")].lastTransitionTime}`
	s.must(kubectl(s.namespace, "wait", "deployment/"+name, "--for=condition=Available", "--timeout=2m"))
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Second) {
		at, err := time.Parse(time.RFC3339, s.must(kubectl(s.namespace, "get", "deployment", name, "-o", since)))
		if err == nil && time.Since(at) > long {
			return
		}
	}
	s.Fatalf("%s was not available for %s", name, long)
}

// correctPassword makes the worker's Secret hold the right password, once it has
// been refused for the wrong one.
func (s *stackUnder) correctPassword() {
	s.Helper()
	s.awaitState("worker", v1alpha1.StateEscalated, v1alpha1.CausePostgresAuthFailed)
	s.must(kubectl(s.namespace, "patch", "secret", "worker-credentials", "-p", `{"stringData":{"password":"change-me-postgres"}}`))
}

// remember takes a workload's template as it is now for the one that was applied.
func (s *stackUnder) remember(name string) {
	s.Helper()
	s.templates[name] = s.template(name)
}
