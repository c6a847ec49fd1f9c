package diagnosis

import (
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

func TestHolders(t *testing.T) {
	facts := &evidence.PostgresFacts{MaxConnections: 97, UsedConnections: 90}
	for name, c := range map[string]struct {
		cause   v1alpha1.Cause
		of      string
		holders []evidence.Holder
		want    string // empty: nothing is added
	}{
		"pods of one service": {v1alpha1.CausePostgresConnectionsExhausted, "postgres", []evidence.Holder{
			{Address: "10.1.0.4", Service: "model-metrics", Connections: 20, Idle: 15}, {Address: "10.1.0.5", Service: "model-metrics", Connections: 18, Idle: 15},
			{Address: "10.1.0.6", Pod: "psql-x", Connections: 2}, {Address: "10.2.0.6", Connections: 1}, {Connections: 1, Idle: 0},
		}, "held 38 of 97 by model-metrics, 30 of them idle; 2 by psql-x; 1 by 10.2.0.6; the rest by 1 others."},
		"a forgotten transaction": {v1alpha1.CausePostgresPoolExhausted, "postgres", []evidence.Holder{
			{Service: "reports", Connections: 2, InTransaction: 1, Longest: 5 * time.Minute}, {Service: "worker", Connections: 5, Blocked: 4},
		}, "held 5 of 97 by worker; 2 by reports. reports has 1 that hold a transaction open and do nothing, the oldest for 5m0s. 4 wait for a lock of another session. A restart of this service does not end those."},
		"a transaction of a moment": {v1alpha1.CausePostgresPoolExhausted, "postgres", []evidence.Holder{{Service: "reports", Connections: 2, InTransaction: 2, Longest: time.Second}}, "held 2 of 97 by reports."},
		"another server's":          {v1alpha1.CausePostgresConnectionsExhausted, "ledger", []evidence.Holder{{Service: "a", Connections: 2}}, ""},
		"another cause":             {v1alpha1.CausePostgresAuthFailed, "postgres", []evidence.Holder{{Service: "a", Connections: 2}}, ""},
		"not asked":                 {v1alpha1.CausePostgresConnectionsExhausted, "postgres", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := Finding{Cause: c.cause, Message: "Postgres has no connection slot left", Subject: Subject{Dependency: "postgres"}}
			got := withHolders(evidence.Case{Probes: []evidence.Probe{{Service: c.of, Postgres: facts, Holders: c.holders}}}, f)
			if (c.want == "") != (got.Message == f.Message) || !strings.HasSuffix(got.Message, c.want) || (len(got.Evidence) == 0) != (c.want == "") {
				t.Errorf("%q, %d items of evidence, want %q", got.Message, len(got.Evidence), c.want)
			}
		})
	}
}
