package probe

import (
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/test/servers"
)

// What roles and databases are set to, rather than the server.
func TestPostgresRolesAndDatabases(t *testing.T) {
	s := servers.Postgres(t, servers.HBA(
		"host all old all md5",
		"host all all all scram-sha-256",
	))
	s.Exec(t, "CREATE ROLE expired LOGIN PASSWORD 'p' VALID UNTIL '2020-01-01'", "CREATE ROLE group_only NOLOGIN PASSWORD 'p'",
		"CREATE ROLE none_left LOGIN PASSWORD 'p' CONNECTION LIMIT 0", "CREATE ROLE hook LOGIN PASSWORD 'p'",
		"SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD 'p'",
		"CREATE DATABASE closed ALLOW_CONNECTIONS false", "CREATE DATABASE full_up CONNECTION LIMIT 0")
	tests := []struct{ name, user, database, want, says string }{
		{"healthy", "hook", "postgres", "Resolve Dial TLS Authenticate Database Query Passed", ""},
		{"MD5 in SCRAM's place", "old", "postgres", "Resolve Dial TLS Authenticate Database Query Passed", ""},
		{"password has expired", "expired", "postgres", "Resolve Dial TLS Authenticate Failed 28P01", "password authentication failed"},
		{"role may not log in", "group_only", "postgres", "Resolve Dial TLS Authenticate Failed 28000", "is not permitted to log in"},
		{"connections of the role in use", "none_left", "postgres", "Resolve Dial TLS Authenticate Failed 53300", "too many connections for role"},
		{"connections of the database in use", "hook", "full_up", "Resolve Dial TLS Authenticate Failed 53300", "too many connections for database"},
		{"database is closed", "hook", "closed", "Resolve Dial TLS Authenticate Database Failed 55000", "not currently accepting connections"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := with(s.Connection(), func(c *evidence.Connection) {
				c.User, c.Password, c.Database = tt.user, evidence.NewSecret("p"), tt.database
			})
			expect(t, probe(t, local(), c), tt.want, tt.says)
		})
	}
}

func TestPostgresShuttingDown(t *testing.T) {
	s := servers.Postgres(t)
	s.Session(t) // which the server waits for
	s.StopWhenUnused(t)
	expect(t, probe(t, local(), s.Connection()), "Resolve Dial TLS Authenticate Failed 57P03", "shutting down")
}

// The probe has no certificate of the client's, who may well have one.
func TestPostgresThatWantsACertificateOfTheClient(t *testing.T) {
	authority := servers.NewAuthority(t)
	s := servers.Postgres(t, servers.TLS(authority.Issue(t, time.Hour, "127.0.0.1")), servers.Setting("ssl_ca_file", "server.crt"), servers.HBA(
		"hostssl postgres all all scram-sha-256 clientcert=verify-ca",
		"hostssl by_name all all cert",
	))
	expect(t, probe(t, local(), s.Connection()), "Resolve Dial TLS Authenticate Unknown 28000", "certificate")
	c := with(s.Connection(), func(c *evidence.Connection) { c.Database = "by_name" })
	expect(t, probe(t, local(), c), "Resolve Dial TLS Authenticate Unknown 28000", "certificate")
}
