package probe

import (
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/test/servers"
)

// One server without TLS, in all the states that accounts and databases bring about.
func TestMySQLWithoutTLS(t *testing.T) {
	s := servers.MySQL(t)
	s.Exec(t, "CREATE USER tls@'%' IDENTIFIED BY 'p' REQUIRE SSL", "CREATE USER locked@'%' IDENTIFIED BY 'p' ACCOUNT LOCK",
		"CREATE USER elsewhere@'192.0.2.1' IDENTIFIED BY 'p'", "CREATE USER few@'%' IDENTIFIED BY 'p' WITH MAX_CONNECTIONS_PER_HOUR 1",
		"CREATE USER bare@'%'", "CREATE DATABASE other")
	healthy := s.Connection()
	as := func(user, password string) func(*evidence.Connection) {
		return func(c *evidence.Connection) { c.User, c.Password, c.Database = user, evidence.NewSecret(password), "" }
	}
	tests := []struct {
		name, want string
		change     func(*evidence.Connection)
		says       string
	}{
		{"healthy", "Resolve Dial TLS Authenticate Database Query Passed", func(*evidence.Connection) {}, ""},
		{"healthy, plaintext", "Resolve Dial Authenticate Database Query Passed", func(c *evidence.Connection) { c.TLS = evidence.TLSDisable }, ""},
		{"TLS wanted", "Resolve Dial TLS Failed TLS_REFUSED", func(c *evidence.Connection) { c.TLS = evidence.TLSRequire }, "does not speak TLS"},
		{"wrong password", "Resolve Dial TLS Authenticate Failed 1045", func(c *evidence.Connection) { c.Password = evidence.NewSecret("wrong") }, "Access denied for user"},
		{"no password", "Resolve Dial TLS Authenticate Failed NO_PASSWORD", func(c *evidence.Connection) { c.Password = evidence.NewSecret("") }, "no password is configured"},
		{"password not readable", "Resolve Dial TLS Authenticate Unknown 1045", func(c *evidence.Connection) { c.Password, c.Unresolved = evidence.NewSecret(""), true }, "could not read"},
		{"no such account", "Resolve Dial TLS Authenticate Failed 1045", as("ghost", "p"), "ghost"},
		{"account of another host", "Resolve Dial TLS Authenticate Failed 1045", as("elsewhere", "p"), ""},
		{"account is locked", "Resolve Dial TLS Authenticate Failed 4151", as("locked", "p"), "locked"},
		{"account without a password", "Resolve Dial TLS Authenticate Database Query Passed", as("bare", ""), ""},
		{"no such database", "Resolve Dial TLS Authenticate Database Failed 1049", func(c *evidence.Connection) {
			c.User, c.Password, c.Database = "admin", evidence.NewSecret("root-Password-1"), "missing"
		}, "Unknown database"},
		{"database of others", "Resolve Dial TLS Authenticate Database Failed 1044", func(c *evidence.Connection) { c.Database = "other" }, "Access denied"},
		{"no user known", "Resolve Dial TLS Accept Passed", func(c *evidence.Connection) { c.User = "" }, ""},
	}
	s.Exec(t, "CREATE USER admin@'%' IDENTIFIED BY 'root-Password-1'", "GRANT ALL ON *.* TO admin@'%'")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, probe(t, local(), with(healthy, tt.change)), tt.want, tt.says)
		})
	}
	t.Run("an account that used up its connections of the hour", func(t *testing.T) {
		c := with(healthy, as("few", "p"))
		expect(t, probe(t, local(), c), "Resolve Dial TLS Authenticate Database Query Passed")
		expect(t, probe(t, local(), c), "Resolve Dial TLS Authenticate Failed 1226", "max_connections_per_hour")
	})
	t.Run("facts", func(t *testing.T) {
		got := probe(t, local(), healthy).MySQL
		if got == nil || !strings.Contains(got.ServerVersion, "MariaDB") || got.ReadOnly || got.MaxConnections != 151 || got.UsedConnections < 1 || got.MostUsed < 1 || got.ServerTLS {
			t.Errorf("facts of a healthy server: %+v", got)
		}
	})
	t.Run("who has the connections", func(t *testing.T) {
		idle, open := s.Session(t), s.Session(t)
		for _, statement := range []string{"CREATE TABLE IF NOT EXISTS t (id INT) ENGINE=InnoDB", "BEGIN", "INSERT INTO t VALUES (1)"} {
			if _, err := open.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		defer func() { _, _ = idle.Close(), open.Close() }()
		s.Exec(t, "CREATE USER monitor@'%' IDENTIFIED BY 'p'", "GRANT PROCESS ON *.* TO monitor@'%'") // as the documentation has it
		for user, want := range map[string]evidence.Holder{
			"monitor": {Address: "127.0.0.1", Connections: 2, Idle: 1, InTransaction: 1},
			"app":     {Address: "127.0.0.1", Connections: 2, Idle: 2}, // its own, and no transactions
		} {
			c := with(healthy, func(c *evidence.Connection) {
				if c.User != user {
					c.User, c.Password, c.Database = user, evidence.NewSecret("p"), ""
				}
			})
			isHeld(t, c, want)
		}
	})
	t.Run("read only", func(t *testing.T) {
		s.Exec(t, "SET GLOBAL read_only = 1")
		defer s.Exec(t, "SET GLOBAL read_only = 0")
		got := probe(t, local(), healthy)
		expect(t, got, "Resolve Dial TLS Authenticate Database Query Passed")
		if got.MySQL == nil || !got.MySQL.ReadOnly {
			t.Errorf("facts of a server that is read only: %+v", got.MySQL)
		}
	})
	t.Run("a declared server that is not the configured one gets no credentials", func(t *testing.T) {
		c := healthy
		c.PasswordFor = []evidence.HostPort{{Host: "elsewhere", Port: 3306}}
		got := local().Probe(t.Context(), egress.Scope{Namespace: "shop"}, c, v1alpha1.AsDeclared)
		expect(t, got, "Resolve Dial TLS Accept Passed")
	})
	t.Run("the password is nowhere in the result", func(t *testing.T) {
		secret := "S3cret-that-is-wrong"
		got := probe(t, local(), with(healthy, as(secret, secret)))
		for _, stage := range got.Stages {
			if strings.Contains(stage.Message, secret) {
				t.Errorf("stage %s says %q", stage.Name, stage.Message)
			}
		}
	})
	t.Run("stopped", func(t *testing.T) {
		s.Stop(t)
		expect(t, probe(t, local(), healthy), "Resolve Dial Failed ECONNREFUSED")
	})
}

func TestMySQLWithTLS(t *testing.T) {
	authority := servers.NewAuthority(t)
	s := servers.MySQL(t, servers.MySQLTLS(authority.Issue(t, time.Hour, "127.0.0.1")))
	s.Exec(t, "CREATE USER tls@'%' IDENTIFIED BY 'p' REQUIRE SSL")
	trusting := func(o *settings) { o.RootCAs = authority.Pool }
	healthy := s.Connection()
	mode := func(m evidence.TLSMode) evidence.Connection {
		return with(healthy, func(c *evidence.Connection) { c.TLS = m })
	}
	for _, m := range []evidence.TLSMode{evidence.TLSUnset, evidence.TLSPrefer, evidence.TLSRequire, evidence.TLSVerifyCA, evidence.TLSVerifyFull} {
		got := probe(t, local(trusting), mode(m))
		expect(t, got, "Resolve Dial TLS Authenticate Database Query Passed")
		if got.MySQL == nil || !got.MySQL.ServerTLS {
			t.Errorf("mode %q: the connection was not encrypted", m)
		}
	}
	t.Run("wrong password, over TLS", func(t *testing.T) {
		c := with(healthy, func(c *evidence.Connection) { c.Password = evidence.NewSecret("wrong") })
		expect(t, probe(t, local(), c), "Resolve Dial TLS Authenticate Failed 1045")
	})
	t.Run("no database, over TLS", func(t *testing.T) {
		c := with(healthy, func(c *evidence.Connection) { c.Database = "other" })
		expect(t, probe(t, local(), c), "Resolve Dial TLS Authenticate Database Failed 1044")
	})
	t.Run("no credentials, over TLS", func(t *testing.T) {
		expect(t, probe(t, local(), with(healthy, func(c *evidence.Connection) { c.User = "" })), "Resolve Dial TLS Accept Passed")
	})
	t.Run("plaintext client of an account that must use TLS", func(t *testing.T) {
		c := with(mode(evidence.TLSDisable), func(c *evidence.Connection) { c.User, c.Password, c.Database = "tls", evidence.NewSecret("p"), "" })
		expect(t, probe(t, local(), c), "Resolve Dial Authenticate Failed TLS_REQUIRED", "with TLS, the server lets it in")
		c.Password = evidence.NewSecret("wrong")
		expect(t, probe(t, local(), c), "Resolve Dial Authenticate Failed 1045")
	})
	t.Run("plaintext client of a server that demands TLS", func(t *testing.T) {
		s.Exec(t, "SET GLOBAL require_secure_transport = 1")
		defer s.Exec(t, "SET GLOBAL require_secure_transport = 0")
		expect(t, probe(t, local(), mode(evidence.TLSDisable)), "Resolve Dial Authenticate Failed TLS_REQUIRED", "with TLS, the server lets it in")
	})
	t.Run("authority not known to the probe", func(t *testing.T) {
		expect(t, probe(t, local(), mode(evidence.TLSVerifyFull)), "Resolve Dial TLS Unknown TLS_VERIFY", "unknown authority")
	})
	t.Run("another host's certificate", func(t *testing.T) {
		resolver := func(o *settings) { o.Resolver = names{"db.shop.svc.cluster.local.": "127.0.0.1"} }
		named := with(mode(evidence.TLSVerifyFull), func(c *evidence.Connection) { c.Servers = []evidence.HostPort{{Host: "db", Port: s.Port}} })
		expect(t, probe(t, local(trusting, resolver), named), "Resolve Dial TLS Failed TLS_VERIFY")
	})
}

// The one slot that the server keeps for administrators stays theirs.
func TestMySQLWithoutAFreeSlot(t *testing.T) {
	s := servers.MySQL(t, servers.MySQLSetting("max-connections", "10"))
	s.Exec(t, "CREATE USER admin@'%' IDENTIFIED BY 'p'", "GRANT ALL ON *.* TO admin@'%'", "CREATE USER one@'%' IDENTIFIED BY 'p' WITH MAX_USER_CONNECTIONS 1")
	healthy := s.Connection()
	expect(t, probe(t, local(), healthy), "Resolve Dial TLS Authenticate Database Query Passed")
	for range 10 {
		s.Session(t)
	}
	unused := func(probed func() evidence.Probe, want string) evidence.Probe {
		t.Helper()
		// The slot of a session that has just ended is held a moment longer, and without it
		// a server does not even greet.
		got := probed()
		for deadline := time.Now().Add(30 * time.Second); story(got) != want && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			got = probed()
		}
		expect(t, got, want)
		return got
	}
	unused(func() evidence.Probe { return probe(t, local(), healthy) }, "Resolve Dial TLS Authenticate Failed 1040")
	admin := with(healthy, func(c *evidence.Connection) { c.User, c.Password = "admin", evidence.NewSecret("p") })
	got := unused(func() evidence.Probe { return probe(t, local(), admin) }, "Resolve Dial TLS Authenticate Database Query Failed 1040")
	if got.MySQL == nil || got.MySQL.MaxConnections != 10 || got.MySQL.MostUsed != 11 {
		t.Errorf("facts of a full server: %+v", got.MySQL)
	}
	s.HoldSpare(t)
	stranger := with(healthy, func(c *evidence.Connection) { c.User = "" })
	unused(func() evidence.Probe { return probe(t, local(), stranger) }, "Resolve Dial Accept Failed 1040")
}

// A server blocks a host whose connections end before their login: the probe's never do.
func TestMySQLDoesNotGetItsHostBlocked(t *testing.T) {
	s := servers.MySQL(t, servers.MySQLSetting("max-connect-errors", "2"), servers.MySQLSetting("skip-name-resolve", "OFF"))
	strangers := with(s.Connection(), func(c *evidence.Connection) { c.User = "" })
	for range 5 {
		expect(t, probe(t, local(), strangers), "Resolve Dial TLS Accept Passed")
	}
	expect(t, probe(t, local(), s.Connection()), "Resolve Dial TLS Authenticate Database Query Passed")
}
