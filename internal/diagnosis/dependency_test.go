package diagnosis

import (
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// TestADependencyThatCameUpAfterTheCrash: the log tells of the past, and what a
// probe says now is no contradiction to it.
func TestADependencyThatCameUpAfterTheCrash(t *testing.T) {
	crashed := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	at := evidence.Connection{Service: "postgres", Protocol: evidence.Postgres, Servers: []evidence.HostPort{{Host: "postgres", Port: 5432}}}
	for name, c := range map[string]struct {
		ready bool
		since time.Time
		cause v1alpha1.Cause
	}{
		"not ready":                   {false, time.Time{}, v1alpha1.CauseDependencyUnhealthy},
		"ready since the crash":       {true, crashed.Add(10 * time.Second), v1alpha1.CauseDependencyUnhealthy},
		"ready just before":           {true, crashed.Add(-2 * time.Second), v1alpha1.CauseDependencyUnhealthy},
		"ready long before the crash": {true, crashed.Add(-time.Hour), v1alpha1.CausePostgresUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			f := Diagnose(evidence.Case{
				Now: crashed.Add(20 * time.Second),
				Pod: evidence.Pod{RestartPolicy: "Always"},
				Container: evidence.Container{
					Name: "app", Restarts: 3, Waiting: &evidence.Waiting{Reason: "CrashLoopBackOff"},
					LastTermination: &evidence.Termination{ExitCode: 1, Reason: "Error", StartedAt: crashed.Add(-3 * time.Second), Finished: crashed},
				},
				Log: evidence.Log{Previous: []byte("ERROR - Failed to connect to PostgreSQL after all retry attempts: failed to connect to `user=bridge database=shop`: 10.96.0.7:5432 (postgres): dial error: dial tcp 10.96.0.7:5432: connect: connection refused\n")},
				Dependencies: []evidence.Dependency{{
					Service: "postgres", Required: true, Declared: &at, Configured: &at,
					Workload: evidence.DependencyWorkload{Known: true, Ready: c.ready, ReadySince: c.since},
				}},
			})
			if f.Cause != c.cause {
				t.Errorf("got %s (%s): %s", f.Cause, f.Confidence, f.Message)
			}
			if c.cause == v1alpha1.CauseDependencyUnhealthy && f.Root != "postgres" {
				t.Errorf("root %q", f.Root)
			}
		})
	}
}

// TestRejectedForWantOfTLS: pg_hba.conf rejects an address as it rejects a
// connection without TLS; a probe that uses TLS tells them apart.
func TestRejectedForWantOfTLS(t *testing.T) {
	at := evidence.Connection{Service: "postgres", Protocol: evidence.Postgres, TLS: evidence.TLSRequire, Servers: []evidence.HostPort{{Host: "postgres", Port: 5432}}}
	const rejected = `psql: error: connection to server at "postgres" (10.96.44.129), port 5432 failed: FATAL:  no pg_hba.conf entry for host "10.244.0.14", user "bridge", database "shop", `
	for name, c := range map[string]struct {
		log        string
		tls        bool
		cause      v1alpha1.Cause
		confidence v1alpha1.Confidence
	}{
		"the probe uses TLS":                   {rejected + "no encryption\n", true, v1alpha1.CausePostgresTLSMismatch, v1alpha1.ConfidenceMedium},
		"the probe passes without TLS as well": {rejected + "no encryption\n", false, v1alpha1.CausePostgresAccessRejected, v1alpha1.ConfidenceLow},
		"the container used TLS":               {rejected + "SSL encryption\n", true, v1alpha1.CausePostgresAccessRejected, v1alpha1.ConfidenceLow},
	} {
		t.Run(name, func(t *testing.T) {
			f := Diagnose(evidence.Case{
				Pod: evidence.Pod{RestartPolicy: "Always"},
				Container: evidence.Container{
					Name: "app", Restarts: 3, Waiting: &evidence.Waiting{Reason: "CrashLoopBackOff"},
					LastTermination: &evidence.Termination{ExitCode: 2, Reason: "Error"},
				},
				Log:          evidence.Log{Previous: []byte(c.log)},
				Dependencies: []evidence.Dependency{{Service: "postgres", Required: true, Declared: &at, Configured: &at}},
				Probes: []evidence.Probe{{
					Service: "postgres", Protocol: evidence.Postgres, Viewpoint: v1alpha1.AsConfigured,
					Stages:   []evidence.Stage{{Name: evidence.StageQuery, Outcome: v1alpha1.ProbePassed}},
					Postgres: &evidence.PostgresFacts{ServerTLS: c.tls},
				}},
			})
			if f.Cause != c.cause || f.Confidence != c.confidence {
				t.Errorf("got %s (%s): %s", f.Cause, f.Confidence, f.Message)
			}
			t.Log(f.Message)
		})
	}
}

// TestNoConnectionLeft: the container's own connections are free again once it
// has ended, so that a probe which passes then says nothing against it.
func TestNoConnectionLeft(t *testing.T) {
	at := evidence.Connection{Service: "postgres", Protocol: evidence.Postgres, Servers: []evidence.HostPort{{Host: "postgres", Port: 5432}}}
	f := Diagnose(evidence.Case{
		Pod: evidence.Pod{RestartPolicy: "Always"},
		Container: evidence.Container{
			Name: "app", Restarts: 3, Waiting: &evidence.Waiting{Reason: "CrashLoopBackOff"},
			LastTermination: &evidence.Termination{ExitCode: 1, Reason: "Error"},
		},
		Log:          evidence.Log{Previous: []byte(`psql: error: connection to server at "postgres" (10.96.75.177), port 5432 failed: FATAL:  sorry, too many clients already` + "\n")},
		Dependencies: []evidence.Dependency{{Service: "postgres", Required: true, Declared: &at, Configured: &at}},
		Probes: []evidence.Probe{{
			Service: "postgres", Protocol: evidence.Postgres, Viewpoint: v1alpha1.AsConfigured,
			Stages:   []evidence.Stage{{Name: evidence.StageQuery, Outcome: v1alpha1.ProbePassed}},
			Postgres: &evidence.PostgresFacts{MaxConnections: 8, UsedConnections: 2},
		}},
	})
	if f.Cause != v1alpha1.CausePostgresConnectionsExhausted || f.Confidence != v1alpha1.ConfidenceMedium {
		t.Errorf("got %s (%s): %s", f.Cause, f.Confidence, f.Message)
	}
}

// TestAProbeWithoutCredentials: it says nothing against the server's refusing those of
// the container; one that logged in does.
func TestAProbeWithoutCredentials(t *testing.T) {
	at := evidence.Connection{Service: "cache", Protocol: server.Redis, Servers: []evidence.HostPort{{Host: "cache", Port: 6379}}}
	for stage, want := range map[evidence.StageName]v1alpha1.Confidence{
		evidence.StageAccept: v1alpha1.ConfidenceMedium,
		evidence.StageQuery:  v1alpha1.ConfidenceLow,
	} {
		f := Diagnose(evidence.Case{
			Pod: evidence.Pod{RestartPolicy: "Always"},
			Container: evidence.Container{
				Name: "app", Restarts: 3, Waiting: &evidence.Waiting{Reason: "CrashLoopBackOff"},
				LastTermination: &evidence.Termination{ExitCode: 1, Reason: "Error"},
			},
			Log:          evidence.Log{Previous: []byte("redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair or user is disabled.\n")},
			Dependencies: []evidence.Dependency{{Service: "cache", Required: true, Declared: &at, Configured: &at}},
			Probes: []evidence.Probe{{
				Service: "cache", Protocol: server.Redis, Viewpoint: v1alpha1.AsConfigured,
				Stages: []evidence.Stage{{Name: stage, Outcome: v1alpha1.ProbePassed}},
			}},
		})
		if f.Cause != v1alpha1.CauseUpstreamAuthFailed || f.Confidence != want || f.Subject.Dependency != "cache" {
			t.Errorf("passed at %s: %s (%s) of %q: %s", stage, f.Cause, f.Confidence, f.Subject.Dependency, f.Message)
		}
	}
}
