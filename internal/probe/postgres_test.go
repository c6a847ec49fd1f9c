package probe

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/test/servers"
)

// with changes a copy of a connection.
func with(c evidence.Connection, change func(*evidence.Connection)) evidence.Connection {
	change(&c)
	return c
}

// isHeld waits until the connections of a server are held so: one cleans up a little
// after its sessions have ended.
func isHeld(t *testing.T, c evidence.Connection, want evidence.Holder) {
	t.Helper()
	var got []evidence.Holder
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		got = probe(t, local(), c).Holders
		for i := range got {
			got[i].Longest = 0
		}
		if cmp.Equal(got, []evidence.Holder{want}) {
			return
		}
	}
	t.Errorf("%s sees %+v, want %+v", c.User, got, want)
}

// One server without TLS, in all the states that settings alone bring about.
func TestPostgresWithoutTLS(t *testing.T) {
	s := servers.Postgres(t, servers.HBA(
		"host forbidden all all reject",
		"host nobody_may all 192.0.2.0/24 scram-sha-256",
		"host clear all all password",
		"hostssl secure all all scram-sha-256",
		"host postgres,locked,missing,frozen all all scram-sha-256",
	))
	s.Exec(t, "CREATE ROLE hook LOGIN PASSWORD 'hook-Password-2'", "CREATE DATABASE locked", "CREATE DATABASE frozen", "CREATE DATABASE clear",
		"ALTER DATABASE frozen SET default_transaction_read_only = on", "REVOKE CONNECT ON DATABASE locked FROM PUBLIC")
	healthy := s.Connection()
	tests := []struct {
		name, want string
		change     func(*evidence.Connection)
		says       string
	}{
		{"healthy", "Resolve Dial TLS Authenticate Database Query Passed", func(*evidence.Connection) {}, ""},
		{"healthy, plaintext", "Resolve Dial Authenticate Database Query Passed", func(c *evidence.Connection) { c.TLS = evidence.TLSDisable }, ""},
		{"TLS wanted", "Resolve Dial TLS Failed TLS_REFUSED", func(c *evidence.Connection) { c.TLS = evidence.TLSRequire }, "does not speak TLS"},
		{"wrong password", "Resolve Dial TLS Authenticate Failed 28P01", func(c *evidence.Connection) { c.Password = evidence.NewSecret("wrong") }, `password authentication failed for user "postgres"`},
		{"no password", "Resolve Dial TLS Authenticate Failed NO_PASSWORD", func(c *evidence.Connection) { c.Password = evidence.NewSecret("") }, ""},
		{"password not readable", "Resolve Dial TLS Authenticate Unknown 28P01", func(c *evidence.Connection) { c.Password, c.Unresolved = evidence.NewSecret(""), true }, "could not read"},
		// The server hides from strangers that a role does not exist.
		{"no such role", "Resolve Dial TLS Authenticate Failed 28P01", func(c *evidence.Connection) { c.User = "ghost" }, "ghost"},
		{"no such database", "Resolve Dial TLS Authenticate Database Failed 3D000", func(c *evidence.Connection) { c.Database = "missing" }, `database "missing" does not exist`},
		{"may not connect", "Resolve Dial TLS Authenticate Database Failed 42501", func(c *evidence.Connection) {
			c.Database, c.User, c.Password = "locked", "hook", evidence.NewSecret("hook-Password-2")
		}, "permission denied"},
		{"pg_hba rejects", "Resolve Dial TLS Authenticate Failed 28000", func(c *evidence.Connection) { c.Database = "forbidden" }, "pg_hba.conf rejects"},
		{"pg_hba has no entry", "Resolve Dial TLS Authenticate Failed 28000", func(c *evidence.Connection) { c.Database = "nobody_may" }, "no pg_hba.conf entry"},
		{"pg_hba wants TLS, the server has none", "Resolve Dial TLS Authenticate Failed 28000", func(c *evidence.Connection) { c.Database = "secure" }, "no encryption"},
		{"password in the clear", "Resolve Dial TLS Authenticate Database Query Passed", func(c *evidence.Connection) { c.Database = "clear" }, ""},
		{"no user known", "Resolve Dial TLS Accept Passed", func(c *evidence.Connection) { c.User = "" }, ""},
		{"database of the user's name", "Resolve Dial TLS Authenticate Database Query Passed", func(c *evidence.Connection) { c.Database = "" }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := probe(t, local(), with(healthy, tt.change))
			expect(t, got, tt.want, tt.says)
			if got.Target != healthy.Server() || len(got.Addresses) != 1 {
				t.Errorf("target %v, addresses %v", got.Target, got.Addresses)
			}
		})
	}

	t.Run("facts", func(t *testing.T) {
		got := probe(t, local(), healthy).Postgres
		if got == nil || got.ServerVersion == "" || got.InRecovery || got.ReadOnly || got.MaxConnections != 100 || got.UsedConnections < 1 || got.ServerTLS {
			t.Errorf("facts of a healthy server: %+v", got)
		}
	})
	t.Run("who has the connections", func(t *testing.T) {
		idle, open := s.OverTCP(t, "hook", "hook-Password-2"), s.OverTCP(t, "hook", "hook-Password-2")
		if _, err := open.Exec(t.Context(), "BEGIN").ReadAll(); err != nil {
			t.Fatal(err)
		}
		want := evidence.Holder{Address: "127.0.0.1", Connections: 2, Idle: 1, InTransaction: 1}
		s.Exec(t, "CREATE ROLE stranger LOGIN PASSWORD 'p'")
		stranger := with(healthy, func(c *evidence.Connection) { c.User, c.Password = "stranger", evidence.NewSecret("p") })
		isHeld(t, healthy, want)
		isHeld(t, stranger, evidence.Holder{Connections: 2})
		s.Exec(t, "GRANT pg_read_all_stats TO stranger") // as the documentation has it
		isHeld(t, stranger, want)
		_, _ = idle.Close(t.Context()), open.Close(t.Context())
	})
	t.Run("read only by default", func(t *testing.T) {
		got := probe(t, local(), with(healthy, func(c *evidence.Connection) { c.Database = "frozen" }))
		if got.Postgres == nil || !got.Postgres.ReadOnly || got.Postgres.InRecovery {
			t.Errorf("facts of a read-only database: %+v", got.Postgres)
		}
	})
	t.Run("a declared server that is not the configured one is only asked whether it accepts connections", func(t *testing.T) {
		c := with(healthy, func(c *evidence.Connection) { c.Database = "clear" })
		c.PasswordFor = []evidence.HostPort{{Host: "elsewhere", Port: 5432}}
		got := local().Probe(t.Context(), egress.Scope{Namespace: "shop"}, c, v1alpha1.AsDeclared)
		expect(t, got, "Resolve Dial TLS Accept Passed")
	})
	t.Run("the password is nowhere in the result", func(t *testing.T) {
		secret := "S3cret-that-is-wrong"
		got := probe(t, local(), with(healthy, func(c *evidence.Connection) { c.Password, c.User = evidence.NewSecret(secret), secret }))
		for _, s := range got.Stages {
			if strings.Contains(s.Message, secret) {
				t.Errorf("stage %s says %q", s.Name, s.Message)
			}
		}
	})
	t.Run("stopped", func(t *testing.T) {
		s.Stop(t)
		expect(t, probe(t, local(), healthy), "Resolve Dial Failed ECONNREFUSED")
	})
}

func TestPostgresWithTLS(t *testing.T) {
	authority := servers.NewAuthority(t)
	s := servers.Postgres(t, servers.TLS(authority.Issue(t, time.Hour, "127.0.0.1")), servers.HBA(
		"hostssl postgres all all scram-sha-256",
		"hostnossl bare all all scram-sha-256",
	))
	trusting := func(o *settings) { o.RootCAs = authority.Pool }
	healthy := s.Connection()
	mode := func(m evidence.TLSMode) evidence.Connection {
		return with(healthy, func(c *evidence.Connection) { c.TLS = m })
	}
	for _, m := range []evidence.TLSMode{evidence.TLSUnset, evidence.TLSPrefer, evidence.TLSRequire, evidence.TLSVerifyCA, evidence.TLSVerifyFull} {
		got := probe(t, local(trusting), mode(m))
		expect(t, got, "Resolve Dial TLS Authenticate Database Query Passed")
		if got.Postgres == nil || !got.Postgres.ServerTLS {
			t.Errorf("mode %q: the connection was not encrypted", m)
		}
	}
	t.Run("plaintext client", func(t *testing.T) {
		expect(t, probe(t, local(), mode(evidence.TLSDisable)), "Resolve Dial Authenticate Failed TLS_REQUIRED", "no encryption", "with TLS the server goes on")
	})
	t.Run("TLS client of a plaintext database", func(t *testing.T) {
		c := with(mode(evidence.TLSRequire), func(c *evidence.Connection) { c.Database = "bare" })
		expect(t, probe(t, local(), c), "Resolve Dial TLS Authenticate Failed TLS_REFUSED", "SSL encryption")
	})
	t.Run("authority not known to the probe", func(t *testing.T) {
		expect(t, probe(t, local(), mode(evidence.TLSVerifyFull)), "Resolve Dial TLS Unknown TLS_VERIFY", "unknown authority")
	})
	t.Run("another host's certificate", func(t *testing.T) {
		resolver := func(o *settings) { o.Resolver = names{"db.shop.svc.cluster.local.": "127.0.0.1"} }
		named := with(mode(evidence.TLSVerifyFull), func(c *evidence.Connection) { c.Servers = []evidence.HostPort{{Host: "db", Port: s.Port}} })
		expect(t, probe(t, local(trusting, resolver), named), "Resolve Dial TLS Failed TLS_VERIFY")
		named.TLS = evidence.TLSVerifyCA
		expect(t, probe(t, local(trusting, resolver), named), "Resolve Dial TLS Authenticate Database Query Passed")
	})
	t.Run("expired certificate", func(t *testing.T) {
		later := func(o *settings) {
			now := time.Now
			o.Now = func() time.Time { return now().Add(2 * time.Hour) }
		}
		expect(t, probe(t, local(trusting, later), mode(evidence.TLSVerifyFull)), "Resolve Dial TLS Failed TLS_VERIFY", "expired")
	})
}

func TestPostgresWithoutAFreeSlot(t *testing.T) {
	s := servers.Postgres(t, servers.Setting("max_connections", "6"), servers.Setting("superuser_reserved_connections", "3"))
	s.Exec(t, "CREATE ROLE hook LOGIN PASSWORD 'hook-Password-2'")
	healthy := with(s.Connection(), func(c *evidence.Connection) { c.User, c.Password = "hook", evidence.NewSecret("hook-Password-2") })
	expect(t, probe(t, local(), healthy), "Resolve Dial TLS Authenticate Database Query Passed")
	for range 3 {
		s.Session(t)
	}
	expect(t, probe(t, local(), healthy), "Resolve Dial TLS Authenticate Failed 53300", "remaining connection slots are reserved")
	for range 3 {
		s.Session(t)
	}
	expect(t, probe(t, local(), healthy), "Resolve Dial TLS Authenticate Failed 53300", "too many clients already")
	if refused := strings.Count(s.Log(), "remaining connection slots"); refused != 1 {
		t.Errorf("the server refused the probe %d times where it asked once", refused)
	}
}

func TestPostgresStandby(t *testing.T) {
	t.Run("cold: not yet accepting connections", func(t *testing.T) {
		s := servers.Postgres(t, servers.Standby(false))
		expect(t, probe(t, local(), s.Connection()), "Resolve Dial TLS Authenticate Failed 57P03", "the database system")
		expect(t, probe(t, local(), with(s.Connection(), func(c *evidence.Connection) { c.User = "" })), "Resolve Dial TLS Accept Failed 57P03")
	})
	t.Run("hot: read only", func(t *testing.T) {
		s := servers.Postgres(t, servers.Standby(true))
		got := probe(t, local(), s.Connection())
		expect(t, got, "Resolve Dial TLS Authenticate Database Query Passed")
		if got.Postgres == nil || !got.Postgres.InRecovery || !got.Postgres.ReadOnly {
			t.Errorf("facts of a standby: %+v", got.Postgres)
		}
	})
}

// The probe must leave no trace in the database, and could not if it tried.
func TestPostgresProbeIsReadOnly(t *testing.T) {
	s := servers.Postgres(t)
	session := s.Session(t)
	_, err := session.Exec(t.Context(), facts+"; CREATE TABLE t (); ROLLBACK").ReadAll()
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.Code != "25006" {
		t.Errorf("a write in the probe's transaction gave %v, want SQLSTATE 25006", err)
	}
}
