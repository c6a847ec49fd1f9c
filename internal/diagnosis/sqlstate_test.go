package diagnosis

import (
	"fmt"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestAPortIsNoSQLSTATE: states of digits are also numbers that the kernel gives
// to connections as ports.
func TestAPortIsNoSQLSTATE(t *testing.T) {
	for state, cause := range map[string]v1alpha1.Cause{
		"42703": v1alpha1.CausePostgresSchemaMissing, "42883": v1alpha1.CausePostgresSchemaMissing, "42501": v1alpha1.CausePostgresPermissionDenied,
		"53300": v1alpha1.CausePostgresConnectionsExhausted, "53100": v1alpha1.CausePostgresDiskFull, "25006": v1alpha1.CausePostgresReadOnly,
	} {
		for _, line := range []string{
			"FATAL kafka: client has run out of available brokers to talk to: dial tcp 10.96.0.9:%s: i/o timeout",
			"ERROR database: write tcp 10.244.0.7:%s->10.96.0.7:5432: connection refused",
			"ERROR database: dial tcp [fd00::7]:%s: connect: connection refused",
		} {
			c := ended(1, "Error", "")
			c.Log.Previous = fmt.Appendf(nil, line+"\n", state)
			if f := Diagnose(c); f.Cause == cause {
				t.Errorf("%s is taken for a SQLSTATE in: %s", state, c.Log.Previous)
			}
		}
		for _, line := range []string{"ERROR database: (SQLSTATE %s)", "PostgresException: %s: no", "error: no { code: '%s' }", `{"level":"error","sqlstate":"%s"}`, "ERROR sqlstate:%s", "%s: no"} {
			c := ended(1, "Error", "")
			c.Log.Previous = fmt.Appendf(nil, line+"\n", state)
			if f := Diagnose(c); f.Cause != cause {
				t.Errorf("%s, want %s: %s", f.Cause, cause, c.Log.Previous)
			}
		}
	}
}
