package diagnosis

import (
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// What MariaDB's client says, held against what the server answers to the probes, as in
// the scenarios of the same names.
func TestMySQLAsADependency(t *testing.T) {
	declared := evidence.Connection{Service: "mariadb", Protocol: evidence.MySQL, Servers: []evidence.HostPort{{Host: "mariadb", Port: 3306}}}
	elsewhere := evidence.Connection{Service: "mariadb", Protocol: evidence.MySQL, Servers: []evidence.HostPort{{Host: "127.0.0.1", Port: 3306}},
		Variables: evidence.ConnectionVariables{Host: "MYSQL_HOST"}}
	// Another dependency that has no causes of its own: what MySQL says is not about it.
	redis := evidence.Connection{Service: "redis", Protocol: "Redis", Servers: []evidence.HostPort{{Host: "redis", Port: 6379}}}
	probe := func(as v1alpha1.ProbeViewpoint, stages ...evidence.Stage) evidence.Probe {
		return evidence.Probe{Service: "mariadb", Protocol: evidence.MySQL, Viewpoint: as, Stages: stages}
	}
	stage := func(name evidence.StageName, outcome v1alpha1.ProbeOutcome, code string) evidence.Stage {
		return evidence.Stage{Name: name, Outcome: outcome, Code: code}
	}
	dialled := stage(evidence.StageDial, v1alpha1.ProbePassed, "")
	for name, c := range map[string]struct {
		log        string
		configured evidence.Connection
		probes     []evidence.Probe
		cause      v1alpha1.Cause
		variable   string
		says       string
	}{
		"wrong password": {"ERROR 1045 (28000): Access denied for user 'app'@'10.244.0.9' (using password: YES)\n", declared,
			[]evidence.Probe{probe(v1alpha1.AsConfigured, dialled, stage(evidence.StageAuthenticate, v1alpha1.ProbeFailed, "1045"))},
			v1alpha1.CauseUpstreamAuthFailed, "", "MySQL refuses the login"},
		"full": {"ERROR 1040 (08004): Too many connections\n", declared,
			[]evidence.Probe{probe(v1alpha1.AsConfigured, dialled, stage(evidence.StageAuthenticate, v1alpha1.ProbeFailed, "1040"))},
			v1alpha1.CauseUpstreamOverloaded, "", "MySQL is too busy"},
		"localhost": {"ERROR 2002 (HY000): Can't connect to server on '127.0.0.1' (115)\n", elsewhere,
			[]evidence.Probe{probe(v1alpha1.AsConfigured, stage(evidence.StageGuard, v1alpha1.ProbeUnknown, evidence.CodeNotAllowed)),
				probe(v1alpha1.AsDeclared, dialled, stage(evidence.StageAccept, v1alpha1.ProbePassed, ""))},
			v1alpha1.CauseUpstreamUnreachable, "MYSQL_HOST", "MYSQL_HOST names the wrong address"},
	} {
		t.Run(name, func(t *testing.T) {
			env := evidence.Env{Complete: true, Variables: map[string]evidence.Variable{"MYSQL_HOST": {Name: "MYSQL_HOST", Value: c.configured.Server().Host}}}
			f := Diagnose(evidence.Case{
				Pod: evidence.Pod{RestartPolicy: "Always"},
				Container: evidence.Container{
					Name: "worker", Restarts: 3, Waiting: &evidence.Waiting{Reason: "CrashLoopBackOff"},
					LastTermination: &evidence.Termination{ExitCode: 1, Reason: "Error"},
				},
				Log: evidence.Log{Previous: []byte(c.log)}, Env: env, Probes: c.probes,
				Dependencies: []evidence.Dependency{
					{Service: "redis", Required: true, Declared: &redis, Configured: &redis},
					{Service: "mariadb", Required: true, Declared: &declared, Configured: &c.configured},
				},
			})
			if f.Cause != c.cause || f.Confidence != v1alpha1.ConfidenceHigh || f.Subject.Dependency != "mariadb" || f.Subject.Variable != c.variable || !strings.Contains(f.Message, c.says) {
				t.Errorf("got %s (%s) of %q, variable %q: %s", f.Cause, f.Confidence, f.Subject.Dependency, f.Subject.Variable, f.Message)
			}
		})
	}
}
