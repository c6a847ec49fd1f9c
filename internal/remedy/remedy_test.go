package remedy

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/stack"
)

// input is a container "app" of Deployment api that reads its Postgres and
// Kafka from env, with a ceiling of 512Mi.
func input(cause v1alpha1.Cause, subject diagnosis.Subject) Input {
	ceiling := resource.MustParse("512Mi")
	postgres := evidence.Connection{Service: "postgres", Protocol: evidence.Postgres, Servers: []evidence.HostPort{{Host: "postgres", Port: 5432}}}
	wrong := postgres
	wrong.Servers = []evidence.HostPort{{Host: "localhost", Port: 5432}}
	wrong.Variables = evidence.ConnectionVariables{Host: "POSTGRES_HOST", Port: "POSTGRES_PORT"}
	kafka := evidence.Connection{Service: "redpanda", Protocol: evidence.Kafka, Servers: []evidence.HostPort{{Host: "redpanda", Port: 9092}}}
	published := kafka
	published.Servers = []evidence.HostPort{{Host: "localhost", Port: 29092}}
	published.Topics = []string{"events"}
	published.Variables = evidence.ConnectionVariables{BootstrapServers: "KAFKA_BOOTSTRAP_SERVERS"}
	return Input{
		Finding: diagnosis.Finding{Cause: cause, Confidence: v1alpha1.ConfidenceHigh, Subject: subject},
		Case: evidence.Case{
			Container: evidence.Container{Name: "app"},
			Rollout:   evidence.Rollout{Kind: v1alpha1.Deployment, Name: "api"},
			Env:       envOf("POSTGRES_HOST=localhost", "POSTGRES_PORT=5432", "KAFKA_BOOTSTRAP_SERVERS=localhost:29092"),
			Dependencies: []evidence.Dependency{
				{Service: "postgres", Declared: &postgres, Configured: &wrong, Workload: evidence.DependencyWorkload{Known: true, Ready: true}},
				{Service: "redpanda", Declared: &kafka, Configured: &published, Topics: []v1alpha1.DeclaredTopic{{Name: "events", Partitions: 3}}},
			},
		},
		Policy:   stack.PolicyOf(v1alpha1.BridgeStackSpec{Remediation: v1alpha1.Remediation{Memory: v1alpha1.MemoryBounds{Ceiling: &ceiling}}}),
		Template: template(),
	}
}

func envOf(lines ...string) evidence.Env {
	e := evidence.Env{Variables: map[string]evidence.Variable{}, Complete: true}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		e.Variables[name] = evidence.Variable{Name: name, Value: value}
	}
	return e
}

func probed(service string, as v1alpha1.ProbeViewpoint, outcome v1alpha1.ProbeOutcome, at evidence.StageName) evidence.Probe {
	return evidence.Probe{Service: service, Viewpoint: as, Stages: []evidence.Stage{{Name: at, Outcome: outcome}}}
}

// shown is the change that is proposed, as a person reads it.
func shown(t *testing.T, in Input) (v1alpha1.Proposal, []Refusal) {
	t.Helper()
	action, refused := Propose(in)
	p, err := action.Proposal(in.Template)
	if err != nil {
		t.Fatal(err)
	}
	return p, refused
}

func diffOf(p v1alpha1.Proposal) string {
	var lines []string
	for _, c := range p.Changes {
		lines = append(lines, c.String())
	}
	return strings.Join(lines, "\n")
}

func TestProposals(t *testing.T) {
	secret := v1alpha1.DeclaredEnv{Name: "API_KEY", ValueFrom: &v1alpha1.EnvSource{SecretKeyRef: &v1alpha1.KeyReference{Name: "keys", Key: "api"}}}
	for name, c := range map[string]struct {
		in     Input
		change func(*Input)
		remedy v1alpha1.RemedyName
		diff   string
		says   string
	}{
		"OOM raises limit and request in proportion": {
			in: input(v1alpha1.CauseOOMKilled, diagnosis.Subject{}), remedy: v1alpha1.RemedyRaiseMemoryLimit,
			diff: "containers[app].resources.limits.memory: 128Mi -> 192Mi\ncontainers[app].resources.requests.memory: 64Mi -> 96Mi",
		},
		"a second OOM raises further": {
			in: input(v1alpha1.CauseOOMKilled, diagnosis.Subject{}), remedy: v1alpha1.RemedyRaiseMemoryLimit,
			change: func(in *Input) {
				in.Attempts = tried(v1alpha1.RemedyRaiseMemoryLimit)
			},
			diff: "containers[app].resources.limits.memory: 128Mi -> 288Mi\ncontainers[app].resources.requests.memory: 64Mi -> 144Mi",
		},
		"a raise that the API server refused was none": {
			in: input(v1alpha1.CauseOOMKilled, diagnosis.Subject{}), remedy: v1alpha1.RemedyRaiseMemoryLimit,
			change: func(in *Input) {
				in.Attempts = []v1alpha1.Attempt{{Outcome: v1alpha1.AttemptFailed, Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedyRaiseMemoryLimit}}}
			},
			diff: "containers[app].resources.limits.memory: 128Mi -> 192Mi\ncontainers[app].resources.requests.memory: 64Mi -> 96Mi",
		},
		"the ceiling holds": {
			in: input(v1alpha1.CauseOOMKilled, diagnosis.Subject{}), remedy: v1alpha1.RemedyRaiseMemoryLimit,
			change: func(in *Input) { q := resource.MustParse("160Mi"); in.Service.MemoryCeiling = &q },
			diff:   "containers[app].resources.limits.memory: 128Mi -> 160Mi\ncontainers[app].resources.requests.memory: 64Mi -> 80Mi",
		},
		"a LimitRange holds": {
			in: input(v1alpha1.CauseOOMKilled, diagnosis.Subject{}), remedy: v1alpha1.RemedyRaiseMemoryLimit,
			change: func(in *Input) { in.Bounds.MaxContainerMemory = 144 << 20 },
			diff:   "containers[app].resources.limits.memory: 128Mi -> 144Mi\ncontainers[app].resources.requests.memory: 64Mi -> 72Mi",
		},
		"a spent quota leaves nothing": {
			in: input(v1alpha1.CauseOOMKilled, diagnosis.Subject{}), remedy: v1alpha1.RemedyEscalate,
			change: func(in *Input) {
				in.Bounds.QuotaMemoryLeft = &QuotaRoom{Quota: "team", Resource: corev1.ResourceLimitsMemory}
			}, says: "ResourceQuota team",
		},
		"no ceiling, no raise": {
			in: input(v1alpha1.CauseOOMKilled, diagnosis.Subject{}), remedy: v1alpha1.RemedyEscalate,
			change: func(in *Input) { in.Policy.MemoryCeiling = nil }, says: "ceiling",
		},
		"no limit, no raise": {
			in: input(v1alpha1.CauseOOMKilled, diagnosis.Subject{}), remedy: v1alpha1.RemedyEscalate,
			change: func(in *Input) { in.Template.Spec.Containers[1].Resources.Limits = nil }, says: "no memory limit",
		},
		"a host that is called like a secret": {
			in: input(v1alpha1.CausePostgresUnreachable, diagnosis.Subject{Dependency: "postgres"}), remedy: v1alpha1.RemedyEscalate,
			change: func(in *Input) {
				in.Case.Dependencies[0].Declared.Servers = []evidence.HostPort{{Host: "Kf7Qw9zLm2", Port: 5432}}
				in.Secrets = redact.New(evidence.NewSecret("Kf7Qw9zLm2"))
			}, says: "one of the pod's secrets",
		},
		"wrong host": {
			in: input(v1alpha1.CausePostgresUnreachable, diagnosis.Subject{Dependency: "postgres"}), remedy: v1alpha1.RemedySetEnv,
			diff: "containers[app].env[POSTGRES_HOST]: (key host of ConfigMap db) -> postgres",
		},
		"published port": {
			in: input(v1alpha1.CauseKafkaUnreachable, diagnosis.Subject{Dependency: "redpanda"}), remedy: v1alpha1.RemedySetEnv,
			diff: "containers[app].env[KAFKA_BOOTSTRAP_SERVERS]: (absent) -> redpanda:9092",
		},
		"a topic that is missing there too is no reason not to set the address": {
			in: input(v1alpha1.CauseKafkaUnreachable, diagnosis.Subject{Dependency: "redpanda"}), remedy: v1alpha1.RemedySetEnv,
			change: func(in *Input) {
				in.Case.Probes = []evidence.Probe{probed("redpanda", v1alpha1.AsDeclared, v1alpha1.ProbeFailed, evidence.StageTopics)}
			},
			diff: "containers[app].env[KAFKA_BOOTSTRAP_SERVERS]: (absent) -> redpanda:9092",
		},
		"declared address is dead too": {
			in: input(v1alpha1.CausePostgresUnreachable, diagnosis.Subject{Dependency: "postgres"}), remedy: v1alpha1.RemedyEscalate,
			change: func(in *Input) {
				in.Case.Probes = []evidence.Probe{probed("postgres", v1alpha1.AsDeclared, v1alpha1.ProbeFailed, evidence.StageDial)}
			},
			says: "does not answer either",
		},
		"address inside a connection string": {
			in: input(v1alpha1.CausePostgresUnreachable, diagnosis.Subject{Dependency: "postgres"}), remedy: v1alpha1.RemedyEscalate,
			change: func(in *Input) {
				in.Case.Dependencies[0].Configured.Variables = evidence.ConnectionVariables{URL: "DATABASE_URL"}
			},
			says: "DATABASE_URL",
		},
		"declared variable from a Secret": {
			in: input(v1alpha1.CauseEnvVarMissing, diagnosis.Subject{Variable: "API_KEY"}), remedy: v1alpha1.RemedySetEnv,
			change: func(in *Input) {
				in.Service.Env = []v1alpha1.DeclaredEnv{secret}
				in.KnownKeys = map[ObjectKey]bool{{"Secret", "keys", "api"}: true}
			},
			diff: "containers[app].env[API_KEY]: (absent) -> (key api of Secret keys)",
		},
		"declared variable from a Secret that is not there": {
			in: input(v1alpha1.CauseEnvVarMissing, diagnosis.Subject{Variable: "API_KEY"}), remedy: v1alpha1.RemedyEscalate,
			change: func(in *Input) { in.Service.Env = []v1alpha1.DeclaredEnv{secret} }, says: "does not exist",
		},
		"undeclared variable": {
			in: input(v1alpha1.CauseEnvVarMissing, diagnosis.Subject{Variable: "API_KEY"}), remedy: v1alpha1.RemedyEscalate,
			says: "declares no value for API_KEY",
		},
		"declared topic": {
			in: input(v1alpha1.CauseKafkaTopicMissing, diagnosis.Subject{Dependency: "redpanda", Topic: "events"}), remedy: v1alpha1.RemedyCreateTopic,
			diff: "topics[events]: (absent) -> partitions=3 replicationFactor=1",
		},
		"undeclared topic": {
			in: input(v1alpha1.CauseKafkaTopicMissing, diagnosis.Subject{Dependency: "redpanda", Topic: "other"}), remedy: v1alpha1.RemedyEscalate,
			says: `no topic "other"`,
		},
		"back-off outlives the cause": {
			in: input(v1alpha1.CauseDependencyUnhealthy, diagnosis.Subject{Dependency: "postgres"}), remedy: v1alpha1.RemedyRecreatePod,
			change: func(in *Input) {
				in.Case.Probes = []evidence.Probe{probed("postgres", v1alpha1.AsConfigured, v1alpha1.ProbePassed, evidence.StageQuery)}
				in.BackingOff = []Pod{{"api-1", "uid-1"}}
			},
			diff: "pods[api-1]: uid-1 -> (absent)",
		},
		"dependents of a failing root are held": {
			in: input(v1alpha1.CauseDependencyUnhealthy, diagnosis.Subject{Dependency: "postgres"}), remedy: v1alpha1.RemedyHoldDependents,
			change: func(in *Input) { in.Case.Dependencies[0].Workload.Ready = false },
		},
		"what answers, and only just now, is waited for": {
			in: input(v1alpha1.CausePostgresUnreachable, diagnosis.Subject{Dependency: "postgres"}), remedy: v1alpha1.RemedyHoldDependents,
			change: func(in *Input) {
				in.Case.Probes = []evidence.Probe{probed("postgres", v1alpha1.AsConfigured, v1alpha1.ProbePassed, evidence.StageQuery)}
				in.Case.Dependencies[0].Workload.Ready, in.Case.Dependencies[0].Workload.ReadySince = true, in.Now.Add(-4*time.Minute)
			},
		},
		"what answers for longer than any back-off is not waited for": {
			in: input(v1alpha1.CausePostgresUnreachable, diagnosis.Subject{Dependency: "postgres"}), remedy: v1alpha1.RemedyEscalate,
			change: func(in *Input) {
				in.Case.Probes = []evidence.Probe{probed("postgres", v1alpha1.AsConfigured, v1alpha1.ProbePassed, evidence.StageQuery)}
				in.Case.Dependencies[0].Workload.Ready, in.Case.Dependencies[0].Workload.ReadySince = true, in.Now.Add(-6*time.Minute)
			},
			says: "the container ends all the same",
		},
		"what answers is not waited for once waiting for it did not help": {
			in: input(v1alpha1.CausePostgresUnreachable, diagnosis.Subject{Dependency: "postgres"}), remedy: v1alpha1.RemedyEscalate,
			change: func(in *Input) {
				in.Case.Probes = []evidence.Probe{probed("postgres", v1alpha1.AsConfigured, v1alpha1.ProbePassed, evidence.StageQuery)}
				in.Attempts = []v1alpha1.Attempt{{Outcome: v1alpha1.AttemptRolledBack, Finding: v1alpha1.FindingIdentity{Cause: v1alpha1.CausePostgresStarting},
					Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedyWaitForDependency}}}
			},
			says: "the container ends all the same",
		},
		"a wrong password is a person's": {
			in: input(v1alpha1.CausePostgresAuthFailed, diagnosis.Subject{Dependency: "postgres"}), remedy: v1alpha1.RemedyEscalate,
			says: "first initdb only",
		},
		"switched off": {
			in: input(v1alpha1.CauseOOMKilled, diagnosis.Subject{}), remedy: v1alpha1.RemedyEscalate,
			change: func(in *Input) {
				in.Policy = stack.PolicyOf(v1alpha1.BridgeStackSpec{Remediation: v1alpha1.Remediation{
					Remedies: []v1alpha1.RemedySwitch{{Name: v1alpha1.RemedyRaiseMemoryLimit, Enabled: false}}}})
			},
			says: "switches it off",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.change != nil {
				c.change(&c.in)
			}
			p, refused := shown(t, c.in)
			if p.Remedy != c.remedy {
				t.Fatalf("got %s (%s), refused %v", p.Remedy, p.Because, refused)
			}
			if c.diff != "" && diffOf(p) != c.diff {
				t.Errorf("got  %s\nwant %s", diffOf(p), c.diff)
			}
			if !strings.Contains(p.Because, c.says) {
				t.Errorf("%q does not say %q", p.Because, c.says)
			}
		})
	}
}

// enabled is a policy that enables opt-in remedies besides.
func enabled(in *Input, names ...v1alpha1.RemedyName) {
	ceiling, cpu := resource.MustParse("512Mi"), resource.MustParse("1")
	spec := v1alpha1.BridgeStackSpec{Remediation: v1alpha1.Remediation{
		Memory: v1alpha1.MemoryBounds{Ceiling: &ceiling}, CPU: v1alpha1.CPUBounds{Ceiling: &cpu},
		Jobs: []v1alpha1.JobHook{{Causes: []v1alpha1.Cause{v1alpha1.CausePostgresSchemaMissing}, CronJob: "migrate"}},
	}}
	for _, n := range names {
		spec.Remediation.Remedies = append(spec.Remediation.Remedies, v1alpha1.RemedySwitch{Name: n, Enabled: true})
	}
	in.Policy = stack.PolicyOf(spec)
}

func tried(name v1alpha1.RemedyName) []v1alpha1.Attempt {
	return []v1alpha1.Attempt{{Outcome: v1alpha1.AttemptFailed, AppliedAt: &metav1.Time{}, Proposal: v1alpha1.Proposal{Remedy: name}}}
}

func TestProposalsOfTheOtherRemedies(t *testing.T) {
	postgres, redpanda := diagnosis.Subject{Dependency: "postgres"}, diagnosis.Subject{Dependency: "redpanda"}
	answering := probed("postgres", v1alpha1.AsConfigured, v1alpha1.ProbePassed, evidence.StageQuery)
	for name, c := range map[string]struct {
		cause   v1alpha1.Cause
		subject diagnosis.Subject
		change  func(*Input)
		remedy  v1alpha1.RemedyName
		diff    string
		says    string
	}{
		"throttled": {
			cause: v1alpha1.CauseCPUStarved, remedy: v1alpha1.RemedyRaiseCPULimit,
			change: func(in *Input) {
				in.Template.Spec.Containers[1].Resources.Limits[corev1.ResourceCPU] = resource.MustParse("100m")
			},
			diff: "containers[app].resources.limits.cpu: 100m -> 150m",
		},
		"throttled, but a VPA owns the resources": {
			cause: v1alpha1.CauseCPUStarved, remedy: v1alpha1.RemedyEscalate, says: "VerticalPodAutoscaler api",
			change: func(in *Input) {
				in.Template.Spec.Containers[1].Resources.Limits[corev1.ResourceCPU] = resource.MustParse("100m")
				in.Bounds.VerticalAutoscaler = "api"
			},
		},
		"out of memory, but a VPA owns the resources": {
			cause: v1alpha1.CauseOOMKilled, remedy: v1alpha1.RemedyEscalate, says: "VerticalPodAutoscaler api",
			change: func(in *Input) { in.Bounds.VerticalAutoscaler = "api" },
		},
		"an HPA scales by the memory request": {
			cause: v1alpha1.CauseOOMKilled, remedy: v1alpha1.RemedyRaiseMemoryLimit,
			change: func(in *Input) { in.Bounds.MemoryScaler = "api" },
			diff:   "containers[app].resources.limits.memory: 128Mi -> 192Mi",
		},
		"a JVM's heap follows the limit": {
			cause: v1alpha1.CauseHeapExhausted, remedy: v1alpha1.RemedyRaiseMemoryLimit,
			change: func(in *Input) {
				in.Finding.Evidence = []v1alpha1.EvidenceItem{{Text: "java.lang.OutOfMemoryError: Java heap space"}}
			},
			diff: "containers[app].resources.limits.memory: 128Mi -> 192Mi\ncontainers[app].resources.requests.memory: 64Mi -> 96Mi",
		},
		"a heap set by hand does not": {
			cause: v1alpha1.CauseHeapExhausted, remedy: v1alpha1.RemedyEscalate, says: "heap's own size",
			change: func(in *Input) {
				in.Finding.Evidence = []v1alpha1.EvidenceItem{{Text: "java.lang.OutOfMemoryError: Java heap space"}}
				in.Case.Env.Variables = map[string]evidence.Variable{"JAVA_TOOL_OPTIONS": {Value: "-Xmx64m"}}
			},
		},
		"slow start": {
			cause: v1alpha1.CauseStartupProbeFailed, remedy: v1alpha1.RemedyRelaxProbe,
			change: func(in *Input) {
				in.Template.Spec.Containers[1].StartupProbe = &corev1.Probe{PeriodSeconds: 2, FailureThreshold: 5}
			},
			diff: "containers[app].startupProbe.failureThreshold: 5 -> 10",
		},
		"slow start, and older pods show how slow": {
			cause: v1alpha1.CauseStartupProbeFailed, remedy: v1alpha1.RemedyRelaxProbe,
			change: func(in *Input) {
				in.Template.Spec.Containers[1].StartupProbe = &corev1.Probe{PeriodSeconds: 2, FailureThreshold: 5}
				in.SlowestStart = 40 * time.Second
			},
			diff: "containers[app].startupProbe.failureThreshold: 5 -> 30",
		},
		"a start that is slow beyond the ceiling": {
			cause: v1alpha1.CauseStartupProbeFailed, remedy: v1alpha1.RemedyEscalate, says: "startupCeiling",
			change: func(in *Input) {
				in.Template.Spec.Containers[1].StartupProbe = &corev1.Probe{PeriodSeconds: 60, FailureThreshold: 10}
			},
		},
		"stale configuration": {
			cause: v1alpha1.CauseConfigStale, remedy: v1alpha1.RemedyRestartWorkload,
			diff: "metadata.annotations[kubectl.kubernetes.io/restartedAt]: (absent) -> the time of the restart",
		},
		"a restart that did not help is not repeated": {
			cause: v1alpha1.CauseConfigStale, remedy: v1alpha1.RemedyEscalate, says: "did not help before",
			change: func(in *Input) { in.Attempts = tried(v1alpha1.RemedyRestartWorkload) },
		},
		"lost connections to a database that answers": {
			cause: v1alpha1.CausePostgresConnectionLost, subject: postgres, remedy: v1alpha1.RemedyRestartWorkload,
			change: func(in *Input) { in.Case.Probes = []evidence.Probe{answering} },
		},
		"lost connections to one that does not": {
			cause: v1alpha1.CausePostgresConnectionLost, subject: postgres, remedy: v1alpha1.RemedyEscalate, says: "new pods would end the same way",
		},
		"the first start in the wrong order": {
			cause: v1alpha1.CauseDependencyUnhealthy, subject: postgres, remedy: v1alpha1.RemedyRecreatePod,
			change: func(in *Input) {
				in.Case.Probes, in.BackingOff, in.Image = []evidence.Probe{answering}, []Pod{{"api-1", "uid-1"}}, "operator:1"
			},
		},
		"the second start in the wrong order": {
			cause: v1alpha1.CauseDependencyUnhealthy, subject: postgres, remedy: v1alpha1.RemedyWaitForDependency,
			change: func(in *Input) {
				in.Case.Probes, in.BackingOff, in.Image = []evidence.Probe{answering}, []Pod{{"api-1", "uid-1"}}, "operator:1"
				tooEarly(in)
			},
			diff: "initContainers[bridgestack-wait-for-postgres]: (absent) -> wait-for --protocol=postgres --address=postgres:5432 --timeout=5m0s (image operator:1)",
		},
		"a group without members": {
			cause: v1alpha1.CauseKafkaGroupUnstable, subject: redpanda, remedy: v1alpha1.RemedyDeleteConsumerGroup,
			change: func(in *Input) { groupOf(in, "Empty"); enabled(in, v1alpha1.RemedyDeleteConsumerGroup) },
			diff:   "consumerGroups[workers]: empty -> deleted",
		},
		"a group that is called like a secret": {
			cause: v1alpha1.CauseKafkaGroupUnstable, subject: redpanda, remedy: v1alpha1.RemedyEscalate, says: "called like a secret",
			change: func(in *Input) {
				groupOf(in, "Empty")
				enabled(in, v1alpha1.RemedyDeleteConsumerGroup)
				in.Secrets = redact.New(evidence.NewSecret("workers"))
			},
		},
		"a group with members": {
			cause: v1alpha1.CauseKafkaGroupUnstable, subject: redpanda, remedy: v1alpha1.RemedyEscalate, says: "only an empty one",
			change: func(in *Input) { groupOf(in, "PreparingRebalance"); enabled(in, v1alpha1.RemedyDeleteConsumerGroup) },
		},
		"a group, and nobody allowed it": {
			cause: v1alpha1.CauseKafkaGroupUnstable, subject: redpanda, remedy: v1alpha1.RemedyEscalate, says: "the policy switches it off",
			change: func(in *Input) { groupOf(in, "Empty") },
		},
		"a wedged dependency": {
			cause: v1alpha1.CausePostgresUnreachable, subject: postgres, remedy: v1alpha1.RemedyRestartDependency,
			change: func(in *Input) { wedged(in, v1alpha1.Deployment, false) },
			diff:   "metadata.annotations[kubectl.kubernetes.io/restartedAt]: (absent) -> the time of the restart",
		},
		"a wedged dependency that is stateful": {
			cause: v1alpha1.CausePostgresUnreachable, subject: postgres, remedy: v1alpha1.RemedyEscalate, says: "allowRestart",
			change: func(in *Input) { wedged(in, v1alpha1.StatefulSet, false) },
		},
		"a wedged dependency that is stateful and allowed": {
			cause: v1alpha1.CausePostgresUnreachable, subject: postgres, remedy: v1alpha1.RemedyRestartDependency,
			change: func(in *Input) { wedged(in, v1alpha1.StatefulSet, true) },
		},
		"the owner's migration": {
			cause: v1alpha1.CausePostgresSchemaMissing, subject: postgres, remedy: v1alpha1.RemedyRunJob,
			change: func(in *Input) { enabled(in, v1alpha1.RemedyRunJob) },
			diff:   "jobs: (absent) -> a Job of CronJob migrate",
		},
		"a new revision that never comes up beside an old one": {
			cause: v1alpha1.CauseApplicationError, remedy: v1alpha1.RemedyRollbackRollout,
			change: func(in *Input) { enabled(in, v1alpha1.RemedyRollbackRollout); looksBetter(in, 2, 0) },
			diff:   "revision: 5 -> 4\ncontainers[app].image: app:1 -> app:0",
		},
		"a new revision, and the old one is down as well": {
			cause: v1alpha1.CauseApplicationError, remedy: v1alpha1.RemedyEscalate, says: "is not shown",
			change: func(in *Input) { enabled(in, v1alpha1.RemedyRollbackRollout); looksBetter(in, 0, 0) },
		},
		"a new revision that is up in other pods": {
			cause: v1alpha1.CauseApplicationError, remedy: v1alpha1.RemedyEscalate, says: "not what makes the difference",
			change: func(in *Input) { enabled(in, v1alpha1.RemedyRollbackRollout); looksBetter(in, 1, 1) },
		},
		"a server that demands TLS": {
			cause: v1alpha1.CausePostgresTLSMismatch, subject: postgres, remedy: v1alpha1.RemedySetEnv,
			change: func(in *Input) { sslMode(in, "PGSSLMODE", "disable", evidence.TLSDisable) },
			diff:   "containers[app].env[PGSSLMODE]: (absent) -> require",
		},
		"a switch for TLS": {
			cause: v1alpha1.CausePostgresTLSMismatch, subject: postgres, remedy: v1alpha1.RemedySetEnv,
			change: func(in *Input) { sslMode(in, "POSTGRES_SSL_ENABLED", "false", evidence.TLSDisable) },
			diff:   "containers[app].env[POSTGRES_SSL_ENABLED]: (absent) -> true",
		},
		"TLS is never weakened": {
			cause: v1alpha1.CausePostgresTLSMismatch, subject: postgres, remedy: v1alpha1.RemedyEscalate, says: "weaken",
			change: func(in *Input) { sslMode(in, "PGSSLMODE", "verify-full", evidence.TLSVerifyFull) },
		},
		"a smaller pool that the policy declares": {
			cause: v1alpha1.CausePostgresConnectionsExhausted, subject: postgres, remedy: v1alpha1.RemedySetEnv,
			change: func(in *Input) { pool(in, "50", "10") },
			diff:   "containers[app].env[DB_POOL_SIZE]: (absent) -> 10",
		},
		"a larger pool for a full server": {
			cause: v1alpha1.CausePostgresConnectionsExhausted, subject: postgres, remedy: v1alpha1.RemedyEscalate, says: "no slot left",
			change: func(in *Input) { pool(in, "10", "50") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(c.cause, c.subject)
			cpu := resource.MustParse("1")
			in.Policy.CPUCeiling = &cpu
			if c.change != nil {
				c.change(&in)
			}
			p, refused := shown(t, in)
			if p.Remedy != c.remedy {
				t.Fatalf("got %s (%s), refused %v", p.Remedy, p.Because, refused)
			}
			if c.diff != "" && diffOf(p) != c.diff {
				t.Errorf("got  %s\nwant %s", diffOf(p), c.diff)
			}
			if !strings.Contains(p.Because, c.says) {
				t.Errorf("%q does not say %q", p.Because, c.says)
			}
		})
	}
}

func groupOf(in *Input, state string) {
	in.Case.Dependencies[1].Configured.Group = "workers"
	p := probed("redpanda", v1alpha1.AsConfigured, v1alpha1.ProbePassed, evidence.StageGroup)
	p.Kafka = &evidence.KafkaFacts{Group: &evidence.KafkaGroup{Name: "workers", State: state}}
	in.Case.Probes = []evidence.Probe{p}
}

func wedged(in *Input, kind v1alpha1.WorkloadKind, allowed bool) {
	enabled(in, v1alpha1.RemedyRestartDependency)
	in.Case.Dependencies[0].Configured.Servers = in.Case.Dependencies[0].Declared.Servers
	in.Case.Probes = []evidence.Probe{
		probed("postgres", v1alpha1.AsConfigured, v1alpha1.ProbeFailed, evidence.StageDial),
		probed("postgres", v1alpha1.AsDeclared, v1alpha1.ProbeFailed, evidence.StageDial),
	}
	in.Workloads = map[string]Workload{"postgres": {
		DiagnosedWorkload: v1alpha1.DiagnosedWorkload{Kind: kind, Name: "postgres"}, Template: template(), AllowRestart: allowed,
	}}
}

func looksBetter(in *Input, older, newer int32) {
	in.Previous = template()
	in.Previous.Spec.Containers[1].Image = "app:0"
	in.Case.Rollout.Revision = "5"
	if in.Case.Rollout.ReadyRevisionPods = older; older > 0 {
		in.Case.Rollout.ReadyRevision = "4"
	}
	in.Case.Rollout.OlderReady, in.Case.Rollout.UpdatedReady = older, newer
}

func sslMode(in *Input, variable, value string, mode evidence.TLSMode) {
	in.Case.Dependencies[0].Configured.TLS = mode
	in.Case.Dependencies[0].Configured.Variables.SSLMode = variable
	in.Case.Env.Variables = map[string]evidence.Variable{variable: {Name: variable, Value: value}}
}

func pool(in *Input, present, declared string) {
	in.Service.Env = []v1alpha1.DeclaredEnv{{Name: "DB_POOL_SIZE", Value: &declared}}
	in.Case.Env.Variables = map[string]evidence.Variable{"DB_POOL_SIZE": {Name: "DB_POOL_SIZE", Value: present}}
}

func TestASecretNeverGetsIntoAnUndo(t *testing.T) {
	in := input(v1alpha1.CauseEnvVarMissing, diagnosis.Subject{Variable: "API_KEY"})
	value := "replacement"
	in.Service.Env = []v1alpha1.DeclaredEnv{{Name: "API_KEY", Value: &value}}
	in.Template.Spec.Containers[1].Env = append(in.Template.Spec.Containers[1].Env, corev1.EnvVar{Name: "API_KEY", Value: "hunter2"})
	in.Case.Env.Variables = map[string]evidence.Variable{"API_KEY": {Name: "API_KEY", Secret: evidence.NewSecret("hunter2"), Origin: evidence.Origin{Kind: evidence.OriginLiteral}}}
	if p, _ := shown(t, in); p.Remedy != v1alpha1.RemedyEscalate || strings.Contains(diffOf(p)+p.Because, "hunter2") {
		t.Errorf("got %s: %s", p.Remedy, p.Because)
	}
}

// Whatever a template's own values are, none that may be a secret gets into what
// an attempt records.
func TestNoRemedyRecordsASecret(t *testing.T) {
	const secret = "hunter2-of-last-year"
	literal := corev1.EnvVar{Name: "DB_PASSWORD", Value: secret}
	for name, c := range map[string]struct {
		cause  v1alpha1.Cause
		change func(*Input)
		remedy v1alpha1.RemedyName
	}{
		"a rollback to a revision with another password": {v1alpha1.CauseApplicationError, func(in *Input) {
			looksBetter(in, 2, 0)
			in.Previous.Spec.Containers[1].Env = append(in.Previous.Spec.Containers[1].Env, literal)
		}, v1alpha1.RemedyEscalate},
		"a rollback from a revision with one on its command line": {v1alpha1.CauseApplicationError, func(in *Input) {
			looksBetter(in, 2, 0)
			in.Template.Spec.Containers[1].Args = []string{"--database=postgres://app:" + secret + "@db/app"}
		}, v1alpha1.RemedyEscalate},
		"a rollback that leaves the password alone": {v1alpha1.CauseApplicationError, func(in *Input) {
			in.Template.Spec.Containers[1].Env = append(in.Template.Spec.Containers[1].Env, literal)
			looksBetter(in, 2, 0)
			in.Previous.Spec.Containers[1].Env = slices.Clone(in.Template.Spec.Containers[1].Env)
		}, v1alpha1.RemedyRollbackRollout},
		"an init container in front of one with a password": {v1alpha1.CauseDependencyUnhealthy, func(in *Input) {
			in.Template.Spec.InitContainers[0].Env = []corev1.EnvVar{literal}
			in.Case.Probes, in.Image = []evidence.Probe{probed("postgres", v1alpha1.AsConfigured, v1alpha1.ProbePassed, evidence.StageQuery)}, "operator:1"
			tooEarly(in)
		}, ""},
		"a change that is too large": {v1alpha1.CauseApplicationError, func(in *Input) {
			looksBetter(in, 2, 0)
			in.Previous.Spec.Containers[1].Args = []string{strings.Repeat("x", mostPatch)}
		}, v1alpha1.RemedyEscalate},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(c.cause, diagnosis.Subject{Dependency: "postgres"})
			enabled(&in, v1alpha1.RemedyRollbackRollout)
			c.change(&in)
			action, refused := Propose(in)
			if c.remedy != "" && action.Remedy != c.remedy {
				t.Fatalf("got %s, refused %v", action.Remedy, refused)
			}
			if strings.Contains(action.Because, secret) {
				t.Errorf("it is said: %s", action.Because)
			}
			if action.Template == nil {
				return
			}
			patch, undo, err := Patches(in.Template, action.Template)
			if err != nil || strings.Contains(patch+undo, secret) {
				t.Errorf("%v; recorded:\n%s\n%s", err, patch, undo)
			}
		})
	}
}

func TestTheSameChangeHasTheSameID(t *testing.T) {
	a, _ := shown(t, input(v1alpha1.CauseOOMKilled, diagnosis.Subject{}))
	b, _ := shown(t, input(v1alpha1.CauseOOMKilled, diagnosis.Subject{}))
	larger := input(v1alpha1.CauseOOMKilled, diagnosis.Subject{})
	larger.Policy.MemoryFactorPercent = 200
	other, _ := shown(t, larger)
	if a.ID == "" || a.ID != b.ID || a.ID == other.ID {
		t.Errorf("ids %q, %q, other %q", a.ID, b.ID, other.ID)
	}
}

// Which pods sit in a back-off changes with each crash: what a person approved stays.
func TestRecreatingPodsHasOneID(t *testing.T) {
	id := func(pods ...Pod) string {
		p, err := Action{Remedy: v1alpha1.RemedyRecreatePod, Target: "Deployment/api", Pods: pods}.Proposal(template())
		if err != nil || len(p.Changes) != len(pods) {
			t.Fatalf("%v: %v", p.Changes, err)
		}
		return p.ID
	}
	if one, two := id(Pod{"api-a", "1"}), id(Pod{"api-a", "1"}, Pod{"api-b", "2"}); one == "" || one != two {
		t.Errorf("ids %q and %q", one, two)
	}
}
