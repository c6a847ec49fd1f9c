package remedy

import (
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// A wrong address of a server without causes of its own is found and corrected as
// PostgreSQL's is; a password never is.
func TestSetEnvForRedisAndRabbitMQ(t *testing.T) {
	endpoints := map[evidence.Protocol]v1alpha1.Endpoint{
		server.Redis: {Redis: &v1alpha1.RedisEndpoint{}}, server.RabbitMQ: {RabbitMQ: &v1alpha1.RabbitMQEndpoint{}}, server.Memcached: {Memcached: &v1alpha1.MemcachedEndpoint{}},
	}
	refused := evidence.Stage{Name: evidence.StageDial, Outcome: v1alpha1.ProbeFailed, Code: evidence.CodeRefused}
	for _, c := range []struct {
		protocol evidence.Protocol
		env      []string
		log      string
		last     evidence.Stage
		cause    v1alpha1.Cause
		diff     string // empty where a person is called
	}{
		{server.Redis, []string{"REDIS_HOST=localhost"}, "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.", refused,
			v1alpha1.CauseUpstreamUnreachable, "env[REDIS_HOST]: localhost -> redis"},
		{server.Redis, []string{"CELERY_BROKER_URL=redis://localhost:6379/0"}, "Error: connect ECONNREFUSED 127.0.0.1:6379", refused,
			v1alpha1.CauseUpstreamUnreachable, "env[CELERY_BROKER_URL]: redis://localhost:6379/0 -> redis://redis:6379/0"},
		{server.RabbitMQ, []string{"RABBITMQ_HOST=localhost", "RABBITMQ_PORT=5672"}, "Failed to connect to RabbitMQ after all retry attempts: dial tcp 127.0.0.1:5672: connect: connection refused", refused,
			v1alpha1.CauseUpstreamUnreachable, "env[RABBITMQ_HOST]: localhost -> rabbitmq"},
		{server.Memcached, []string{"MEMCACHED_HOST=localhost"}, "ERROR memcached: dial tcp 127.0.0.1:11211: connect: connection refused", refused,
			v1alpha1.CauseUpstreamUnreachable, "env[MEMCACHED_HOST]: localhost -> memcached"},
		{server.Redis, []string{"REDIS_HOST=redis", "REDIS_PASSWORD=old"}, "Failed to connect to Redis after all retry attempts: WRONGPASS invalid username-password pair or user is disabled.",
			evidence.Stage{Name: evidence.StageAuthenticate, Outcome: v1alpha1.ProbeFailed, Code: "WRONGPASS"}, v1alpha1.CauseUpstreamAuthFailed, ""},
	} {
		name, endpoint := strings.ToLower(string(c.protocol)), endpoints[c.protocol]
		declared, _ := server.Declared(v1alpha1.Service{Name: name, Endpoint: &endpoint})
		in := input("", diagnosis.Subject{})
		in.Case.Dependencies = []evidence.Dependency{{Service: name, Required: true, Declared: &declared, Workload: evidence.DependencyWorkload{Known: true, Ready: true}}}
		configuredBy(t, &in, 0, c.protocol, c.env...)
		in.Case.Pod.RestartPolicy = "Always"
		in.Case.Container.Restarts, in.Case.Container.Waiting = 3, &evidence.Waiting{Reason: "CrashLoopBackOff"}
		in.Case.Container.LastTermination = &evidence.Termination{ExitCode: 1, Reason: "Error"}
		in.Case.Log.Previous = []byte(c.log + "\n")
		passed := evidence.Stage{Name: evidence.StageAccept, Outcome: v1alpha1.ProbePassed}
		dialled := evidence.Stage{Name: evidence.StageDial, Outcome: v1alpha1.ProbePassed}
		in.Case.Probes = []evidence.Probe{
			{Service: name, Protocol: c.protocol, Viewpoint: v1alpha1.AsConfigured, Stages: []evidence.Stage{c.last}},
			{Service: name, Protocol: c.protocol, Viewpoint: v1alpha1.AsDeclared, Stages: []evidence.Stage{dialled, passed}},
		}
		in.Finding = diagnosis.Diagnose(in.Case)
		if in.Finding.Cause != c.cause || in.Finding.Confidence != v1alpha1.ConfidenceHigh || in.Finding.Subject.Dependency != name {
			t.Errorf("%v: %s (%s) of %q: %s", c.env, in.Finding.Cause, in.Finding.Confidence, in.Finding.Subject.Dependency, in.Finding.Message)
		}
		p, refusals := shown(t, in)
		switch got := strings.ReplaceAll(diffOf(p), "containers[app].", ""); {
		case c.diff == "" && p.Remedy != v1alpha1.RemedyEscalate:
			t.Errorf("%v: %s %q", c.env, p.Remedy, got)
		case c.diff != "" && (p.Remedy != v1alpha1.RemedySetEnv || got != c.diff):
			t.Errorf("%v: %s %q, refused %v", c.env, p.Remedy, got, refusals)
		}
	}
}
