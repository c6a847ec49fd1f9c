package diagnosis

import (
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestServersDoNotDieOfTheirClients: what a server logs of a client is the client's
// trouble, and the same words from a client itself are its own.
func TestServersDoNotDieOfTheirClients(t *testing.T) {
	const refused = "FATAL:  password authentication failed for user \"orders\"\n"
	server := "2026-12-01 09:00:01.202 UTC [1] LOG:  database system is ready to accept connections\n"
	for name, test := range map[string]struct {
		log  string
		want v1alpha1.Cause
	}{
		"PostgreSQL of a client":  {server + "2026-12-01 09:10:01.102 UTC [88] " + refused, v1alpha1.CauseUnknown},
		"a client of PostgreSQL":  {"connection to server at \"db\", port 5432 failed: " + refused, v1alpha1.CausePostgresAuthFailed},
		"net/http of a handshake": {"2026/12/01 09:10:01 http: TLS handshake error from 10.1.2.3:53020: remote error: tls: bad certificate\n", v1alpha1.CauseUnknown},
		"PostgreSQL of its disk": {
			server + "2026-12-01 09:10:01.102 UTC [40] PANIC:  could not write to file \"pg_wal/xlogtemp.40\": No space left on device\n", v1alpha1.CauseDiskFull,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if f := Diagnose(caseWith{ended(137, "Error", "")}.log(test.log).Case); f.Cause != test.want && !strings.HasSuffix(string(f.Cause), string(test.want)) {
				t.Errorf("%s (%s): %s, want %s", f.Cause, f.Confidence, f.Message, test.want)
			}
		})
	}
}

// TestToldToStop: what breaks while a program stops did not end it, what it died of
// before did, and exit code 0 after a signal is no end of its own.
func TestToldToStop(t *testing.T) {
	const lost = "ERROR asyncpg.exceptions.ConnectionDoesNotExistError: connection was closed in the middle of operation\n"
	tests := map[string]struct {
		code int32
		log  string
		want v1alpha1.Cause
	}{
		"lost while it stopped":  {143, "INFO up\nINFO Received signal SIGTERM, stopping\n" + lost + "INFO stopped\n", v1alpha1.CauseUnknown},
		"exit 0 after a signal":  {0, "INFO up\n[1] [INFO] Handling signal: term\n[1] [INFO] Shutting down: Master\n", v1alpha1.CauseCompletedExit},
		"PostgreSQL, fast":       {0, "LOG:  received fast shutdown request\nFATAL:  terminating connection due to administrator command\n", v1alpha1.CauseCompletedExit},
		"nginx, by its stopword": {0, "2026/12/01 09:30:01 [notice] 1#1: signal 3 (SIGQUIT) received, shutting down\n", v1alpha1.CauseCompletedExit},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := Diagnose(caseWith{ended(test.code, "Error", "")}.log(test.log).Case)
			if f.Cause != test.want || f.Confidence != v1alpha1.ConfidenceLow || strings.Contains(f.Message, "by itself") {
				t.Errorf("%s (%s): %s, want %s (Low)", f.Cause, f.Confidence, f.Message, test.want)
			}
		})
	}
}
