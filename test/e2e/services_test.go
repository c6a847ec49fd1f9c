//go:build e2e && services

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// servicesFolder has the Python services of the runbook's shape.
const servicesFolder = "../../test/services"

// brokenService is a service of compose.faults.yaml and what breaks it.
type brokenService struct {
	name string
	// env is what is set, as NAME=VALUE, or taken away, as NAME-.
	env        []string
	cause      v1alpha1.Cause
	confidence v1alpha1.Confidence
	// cites must be in the evidence.
	cites string
	// remedy that helps, with its change; empty where a person must.
	remedy v1alpha1.RemedyName
	change string
	// readiness is the path that the readiness probe asks, empty for the health endpoint's.
	readiness string
}

var brokenServices = []brokenService{
	{name: "pool-exhausted", env: []string{"POSTGRES_POOL_MAX_SIZE=1"}, cause: v1alpha1.CausePostgresPoolExhausted, confidence: medium, cites: "TimeoutError",
		remedy: v1alpha1.RemedySetEnv, change: "env[POSTGRES_POOL_MAX_SIZE]: 1 -> 5"},
	{name: "too-many-clients", env: []string{"POSTGRES_POOL_MAX_SIZE=20"}, cause: v1alpha1.CausePostgresConnectionsExhausted, confidence: medium, cites: "too many clients",
		remedy: v1alpha1.RemedySetEnv, change: "env[POSTGRES_POOL_MAX_SIZE]: 20 -> 3"},
	{name: "wrong-database", env: []string{"POSTGRES_DATABASE=omninode"}, cause: v1alpha1.CausePostgresDatabaseMissing, confidence: high, cites: "does not exist"},
	{name: "server-wants-tls", env: []string{"POSTGRES_SSL_MODE=disable"}, cause: v1alpha1.CausePostgresTLSMismatch, confidence: high, cites: "no encryption",
		remedy: v1alpha1.RemedySetEnv, change: "env[POSTGRES_SSL_MODE]: disable -> require"},
	// TLS is never turned off, whatever is declared.
	{name: "client-wants-tls", env: []string{"POSTGRES_SSL_MODE=require"}, cause: v1alpha1.CausePostgresTLSMismatch, confidence: high, cites: "rejected SSL upgrade"},
	{name: "production-without-tls", env: []string{"ENVIRONMENT=production", "POSTGRES_SSL_MODE=disable"}, cause: v1alpha1.CauseEnvVarInvalid, confidence: medium, cites: "SSL/TLS is required in production"},
	{name: "migration-missing", cause: v1alpha1.CausePostgresSchemaMissing, confidence: medium, cites: `relation "hooks" does not exist`,
		remedy: v1alpha1.RemedyRunJob, change: "jobs: (absent) -> a Job of CronJob migrate-next"},
	{name: "group-fenced", cause: v1alpha1.CauseKafkaGroupUnstable, confidence: medium, cites: "join group",
		remedy: v1alpha1.RemedyDeleteConsumerGroup, change: "consumerGroups[fenced]: empty -> deleted"},
	{name: "port-in-use", env: []string{"METRICS_PORT=8001"}, cause: v1alpha1.CausePortInUse, confidence: medium, cites: "address already in use"},
	{name: "api-key-missing", env: []string{"API_KEY-"}, cause: v1alpha1.CauseEnvVarMissing, confidence: medium, cites: "API_KEY",
		remedy: v1alpha1.RemedySetEnv, change: "env[API_KEY]: (absent) -> (key API_KEY of Secret omninode-bridge-secrets)"},
	{name: "readiness-lies", env: []string{"POSTGRES_OPTIONAL=true", "POSTGRES_DATABASE=omninode"}, cause: v1alpha1.CausePostgresDatabaseMissing, confidence: medium, cites: "does not exist",
		readiness: "/ready"},
	// Kafka cannot be reached either, which the service only warns of.
	{name: "postgres-refused", env: []string{"POSTGRES_PORT=5433", "KAFKA_BOOTSTRAP_SERVERS=redpanda:19092"}, cause: v1alpha1.CausePostgresUnreachable, confidence: high, cites: "5433",
		remedy: v1alpha1.RemedySetEnv, change: "env[POSTGRES_PORT]: 5433 -> 5432"},
}

// TestPythonServices: FastAPI, asyncpg, aiokafka, pydantic-settings, structlog and
// alembic as they really fail, in a stack that is made of its compose files; told,
// repaired where the policy declares how, and left to a person elsewhere.
func TestPythonServices(t *testing.T) {
	t.Parallel()
	s := newNamespace(t, "services")
	folder := s.initServices()
	s.must(kubectl(s.namespace, "apply", "-f", filepath.Join(servicesFolder, "migrate-next.yaml")))
	for _, name := range []string{"secrets", "wait-for-jobs", "postgres", "postgres-tls", "postgres-small", "redpanda", "migrate", "migrate-tls", "migrate-small", "hook-receiver", "workflow-coordinator", "bridgestack"} {
		s.must(kubectl(s.namespace, "apply", "-f", filepath.Join(folder, name+".yaml")))
	}
	s.must(kubectl(s.namespace, "patch", "bridgestack", stackName, "--type", "merge", "--patch-file", filepath.Join(servicesFolder, "policy.yaml")))
	s.must(kubectl(s.namespace, "rollout", "status", "statefulset,deployment", "--timeout=5m"))
	s.must(kubectl(s.namespace, "wait", "jobs", "--all", "--for=condition=Complete", "--timeout=3m"))
	s.must(kubectl(s.namespace, "exec", "deployment/postgres", "--", "createdb", "-h", "/tmp", "-U", "bridge", "hooks_next"))
	if open := s.diagnoses("hook-receiver"); len(open) > 0 {
		t.Errorf("hook-receiver is well and diagnosed: %+v", open)
	}
	for _, b := range brokenServices {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := &stackUnder{T: t, namespace: s.namespace, templates: map[string]string{}}
			s.startBroken(b, filepath.Join(folder, b.name+".yaml"))
			d := s.awaitEnd(b)
			if shown := s.must(kubectl(s.namespace, "get", "bridgediagnosis", d.Name, "-o", "yaml")); strings.Contains(shown, "change-me") {
				t.Errorf("a password is shown:\n%s", shown)
			}
			t.Log(timeline(d))
			// What runs on would only slow the others down.
			s.must(kubectl(s.namespace, "delete", "deployment", b.name, "--wait=false"))
		})
	}
}

// initServices makes the manifests as their users would.
func (s *stackUnder) initServices() string {
	s.Helper()
	folder := filepath.Join(s.TempDir(), "k8s")
	files := []string{filepath.Join(servicesFolder, "compose.yaml"), filepath.Join(servicesFolder, "compose.faults.yaml")}
	out, err := exec.Command(pluginPath, append([]string{"init", "--manifests", "--with-secrets", "--ephemeral", "-d", folder}, files...)...).CombinedOutput()
	if err != nil {
		s.Fatalf("init: %v: %s", err, out)
	}
	return folder
}

// startBroken applies a service with what breaks it.
func (s *stackUnder) startBroken(b brokenService, file string) {
	s.Helper()
	written, err := os.ReadFile(file)
	if err != nil {
		s.Fatal(err)
	}
	for document := range strings.SplitSeq(string(written), "\n---\n") {
		var d appsv1.Deployment
		if err := yaml.Unmarshal([]byte(document), &d); err != nil {
			s.Fatal(err)
		}
		if d.Kind == "Deployment" {
			b.breaks(&d.Spec.Template.Spec.Containers[0])
		}
		broken, err := yaml.Marshal(d)
		if d.Kind != "Deployment" {
			broken = []byte(document)
		}
		path := filepath.Join(s.TempDir(), d.Kind+".yaml")
		if err = errors.Join(err, os.WriteFile(path, broken, 0o600)); err != nil {
			s.Fatal(err)
		}
		s.must(kubectl(s.namespace, "apply", "-f", path))
	}
	s.remember(b.name)
}

func (b brokenService) breaks(c *corev1.Container) {
	for _, setting := range b.env {
		name, value, set := strings.Cut(setting, "=")
		name = strings.TrimSuffix(name, "-")
		c.Env = slices.DeleteFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == name })
		if set {
			c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
		}
	}
	if b.readiness != "" {
		c.ReadinessProbe.HTTPGet.Path = b.readiness
	}
}

// awaitEnd waits until a service is diagnosed as it should be and repaired or left
// to a person, and shows what came of it instead.
func (s *stackUnder) awaitEnd(b brokenService) v1alpha1.BridgeDiagnosis {
	s.Helper()
	end := v1alpha1.StateEscalated
	if b.remedy != "" {
		end = v1alpha1.StateRecovered
	}
	last := "nothing"
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Second) {
		for _, d := range s.diagnoses(b.name) {
			last = fmt.Sprintf("%s %s (%s): %s", d.Status.State, d.Status.Cause, d.Status.Confidence, d.Status.Message)
			if d.Status.State == end {
				s.check(b, d)
				return d
			}
		}
	}
	s.Fatalf("want %s for %s, got %s", end, b.cause, last)
	return v1alpha1.BridgeDiagnosis{}
}

func (s *stackUnder) check(b brokenService, d v1alpha1.BridgeDiagnosis) {
	s.Helper()
	if d.Status.Cause != b.cause || !atLeast(d.Status.Confidence, b.confidence) {
		s.Errorf("%s (%s): %s, want %s (%s)", d.Status.Cause, d.Status.Confidence, d.Status.Message, b.cause, b.confidence)
	}
	if !slices.ContainsFunc(d.Status.Evidence, func(e v1alpha1.EvidenceItem) bool { return strings.Contains(e.Text, b.cites) }) {
		s.Errorf("the evidence does not cite %q: %+v", b.cites, d.Status.Evidence)
	}
	if b.remedy == "" {
		if len(d.Status.Attempts) > 0 {
			s.Errorf("it was tried to cure it: %s", changes(d))
		}
		s.untouched(b.name)
		return
	}
	if got := helped(d); len(got) != 1 || got[0] != b.remedy || !strings.Contains(changes(d), b.change) {
		s.Errorf("%v helped with\n%s\nwant %s, %s", got, changes(d), b.remedy, b.change)
	}
}
