package probe

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/test/servers"
)

func password(text string) func(*evidence.Connection) {
	return func(c *evidence.Connection) { c.Password, c.PasswordWanted = evidence.NewSecret(text), true }
}

func TestRedis(t *testing.T) {
	s := servers.Redis(t, servers.RedisSetting("requirepass", "cache-Password-1"))
	s.Do(t, "AUTH cache-Password-1", "ACL SETUSER hook on >hook-Password-2 ~* +@all", "ACL SETUSER blind on >p ~* +get", "ACL SETUSER off off >p")
	const healthy = "cache-Password-1"
	tests := []struct {
		name, want string
		change     func(*evidence.Connection)
		says       string
	}{
		{"healthy", "Resolve Dial Authenticate Query Passed", password(healthy), "version "},
		{"a database of its own", "Resolve Dial Authenticate Database Query Passed", func(c *evidence.Connection) { password(healthy)(c); c.Database = "3" }, ""},
		{"no such database", "Resolve Dial Authenticate Database Failed DB_OUT_OF_RANGE", func(c *evidence.Connection) { password(healthy)(c); c.Database = "99" }, "out of range"},
		{"a path that is no database", "Resolve Dial Authenticate Query Passed", func(c *evidence.Connection) { password(healthy)(c); c.Database = "cache" }, ""},
		{"an ACL's user", "Resolve Dial Authenticate Query Passed", func(c *evidence.Connection) { password("hook-Password-2")(c); c.User = "hook" }, ""},
		{"wrong password", "Resolve Dial Authenticate Failed WRONGPASS", password("wrong"), "invalid username-password pair"},
		{"no such user", "Resolve Dial Authenticate Failed WRONGPASS", func(c *evidence.Connection) { password(healthy)(c); c.User = "ghost" }, ""},
		{"a user that is off", "Resolve Dial Authenticate Failed WRONGPASS", func(c *evidence.Connection) { password("p")(c); c.User = "off" }, "disabled"},
		{"a user that may not ask", "Resolve Dial Authenticate Query Passed", func(c *evidence.Connection) { password("p")(c); c.User = "blind" }, "may not ask"},
		{"no password in the URL", "Resolve Dial Accept Authenticate Failed NO_PASSWORD", func(*evidence.Connection) {}, "wants a password"},
		{"no password beside the host", "Resolve Dial Accept Passed", func(c *evidence.Connection) { c.Variables.URL = "" }, ""},
		{"an empty password", "Resolve Dial Accept Authenticate Failed NO_PASSWORD", func(c *evidence.Connection) { c.PasswordWanted, c.Variables.URL = true, "" }, ""},
		{"password not readable", "Resolve Dial Accept Unknown NOAUTH", func(c *evidence.Connection) { c.PasswordWanted, c.Unresolved = true, true }, "could not read"},
		{"TLS wanted", "Resolve Dial TLS Failed TLS_REFUSED", func(c *evidence.Connection) { c.TLS = evidence.TLSRequire }, "plaintext"},
	}
	t.Run("as configured", func(t *testing.T) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel() // a server that is greeted in TLS keeps its client waiting for an answer
				expect(t, probe(t, local(), with(s.Connection(), tt.change)), tt.want, tt.says)
			})
		}
	})
	t.Run("a declared server that is not the configured one is only asked whether it takes commands", func(t *testing.T) {
		c := with(s.Connection(), password("wrong"))
		c.PasswordFor = []evidence.HostPort{{Host: "elsewhere", Port: 6379}}
		expect(t, local().Probe(t.Context(), egress.Scope{Namespace: "shop"}, c, v1alpha1.AsDeclared), "Resolve Dial Accept Passed")
		if refused := s.Do(t, "AUTH cache-Password-1", "ACL LOG RESET"); refused != "+OK" {
			t.Fatal(refused)
		}
		local().Probe(t.Context(), egress.Scope{Namespace: "shop"}, c, v1alpha1.AsDeclared)
		if refused := s.Do(t, "AUTH cache-Password-1", "ACL LOG"); refused != "*0" {
			t.Errorf("the server refused a login: %s", refused)
		}
	})
	t.Run("the password is nowhere in the result", func(t *testing.T) {
		secret := "S3cret-that-is-wrong"
		for _, stage := range probe(t, local(), with(s.Connection(), func(c *evidence.Connection) { password(secret)(c); c.User = secret })).Stages {
			if strings.Contains(stage.Message, secret) {
				t.Errorf("stage %s says %q", stage.Name, stage.Message)
			}
		}
	})
	t.Run("stopped", func(t *testing.T) {
		s.Stop(t)
		expect(t, probe(t, local(), s.Connection()), "Resolve Dial Failed ECONNREFUSED")
	})
}

func TestRedisWithoutAPassword(t *testing.T) {
	s := servers.Redis(t)
	expect(t, probe(t, local(), s.Connection()), "Resolve Dial Accept Query Passed", "standalone", "of at most", "noeviction")
	// Some clients end on it, others do not.
	expect(t, probe(t, local(), with(s.Connection(), password("p"))), "Resolve Dial Authenticate Unknown NO_PASSWORD_SET")
	s.Do(t, "CONFIG SET maxmemory 100kb")
	expect(t, probe(t, local(), s.Connection()), "Resolve Dial Accept Query Failed OOM", "noeviction")
	s.Do(t, "CONFIG SET maxmemory-policy allkeys-lru")
	expect(t, probe(t, local(), s.Connection()), "Resolve Dial Accept Query Passed", "allkeys-lru")
}

func TestRedisWithTLS(t *testing.T) {
	authority := servers.NewAuthority(t)
	s := servers.Redis(t, servers.RedisTLS(authority.Issue(t, time.Hour, "127.0.0.1")))
	trusting := func(o *settings) { o.RootCAs = authority.Pool }
	mode := func(m evidence.TLSMode) evidence.Connection {
		return with(s.Connection(), func(c *evidence.Connection) { c.TLS = m })
	}
	for _, m := range []evidence.TLSMode{evidence.TLSRequire, evidence.TLSVerifyCA, evidence.TLSVerifyFull} {
		expect(t, probe(t, local(trusting), mode(m)), "Resolve Dial TLS Accept Query Passed")
	}
	expect(t, probe(t, local(), mode(evidence.TLSVerifyFull)), "Resolve Dial TLS Unknown TLS_VERIFY", "unknown authority")
	expect(t, probe(t, local(), mode(evidence.TLSUnset)), "Resolve Dial Accept Failed TLS_REQUIRED")
	expect(t, probe(t, local(), with(mode(evidence.TLSDisable), password("p"))), "Resolve Dial Authenticate Failed TLS_REQUIRED")
}

func TestRedisWithoutAFreeConnection(t *testing.T) {
	s := servers.Redis(t, servers.RedisSetting("maxclients", "2"))
	s.Hold(t)
	s.Hold(t)
	expect(t, probe(t, local(), s.Connection()), "Resolve Dial Accept Failed MAXCLIENTS", "max number of clients")
}

// replicaOf makes a replica of a server that does not answer.
func replicaOf(t *testing.T, options ...servers.RedisOption) *servers.RedisServer {
	t.Helper()
	return servers.Redis(t, append(options, servers.RedisSetting("replicaof", "127.0.0.1", strings.TrimPrefix(closedPort(t).String(), "127.0.0.1:")))...)
}

func TestRedisReplica(t *testing.T) {
	expect(t, probe(t, local(), replicaOf(t).Connection()), "Resolve Dial Accept Query Passed", "a replica", "is down", "read-only")
	expect(t, probe(t, local(), replicaOf(t, servers.RedisSetting("replica-serve-stale-data", "no")).Connection()), "Resolve Dial Accept Failed MASTERDOWN", "Link with MASTER is down")
}

func TestRedisClusterAndSentinel(t *testing.T) {
	// A node that knows of no other one has none of the slots.
	expect(t, probe(t, local(), servers.Redis(t, servers.RedisSetting("cluster-enabled", "yes")).Connection()), "Resolve Dial Accept Query Failed CLUSTERDOWN", "cluster")
	expect(t, probe(t, local(), servers.Redis(t, servers.RedisSentinel()).Connection()), "Resolve Dial Accept Query Passed", "sentinel")
}

// A server that still loads says so to everyone.
func TestRedisLoading(t *testing.T) {
	first := servers.Redis(t, servers.RedisSetting("enable-debug-command", "local"))
	first.Do(t, "DEBUG POPULATE 20000", "SAVE")
	content, err := os.ReadFile(filepath.Join(filepath.Dir(first.Socket), "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	slow := servers.Redis(t, servers.RedisSetting("key-load-delay", "10000"), servers.RedisSetting("loading-process-events-interval-bytes", "1024"),
		func(s *servers.RedisServer, t testing.TB) {
			if err := os.WriteFile(filepath.Join(filepath.Dir(s.Socket), "dump.rdb"), content, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	expect(t, probe(t, local(), slow.Connection()), "Resolve Dial Accept Failed LOADING")
}

// What only a hostile server sends.
func TestRedisThatIsHostile(t *testing.T) {
	for name, answer := range map[string]string{
		"a bulk of 2 GiB":     "$2147483647\r\n",
		"a bulk of 1 MiB":     "$1048576\r\n" + strings.Repeat("x", 1<<20) + "\r\n",
		"a negative bulk":     "$-2147483648\r\n",
		"an endless line":     "+" + strings.Repeat("x", 1<<20),
		"nested arrays":       strings.Repeat("*1\r\n", 1<<16),
		"a huge array":        "*2147483647\r\n",
		"a push message":      ">2\r\n$10\r\ninvalidate\r\n*0\r\n",
		"a map":               "%1\r\n+a\r\n+b\r\n",
		"an empty line":       "\r\n",
		"half of an answer":   "$100\r\nhalf",
		"a number that is no": ":x",
	} {
		t.Run(name, func(t *testing.T) {
			at := serving(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 512))
				_, _ = c.Write([]byte(answer))
			})
			c := ofTemplate(with(evidence.Connection{Protocol: server.Redis, Servers: []evidence.HostPort{at}}, password("p")))
			got := local(impatient).Probe(t.Context(), egress.Scope{}, c, v1alpha1.AsConfigured)
			if got.Outcome() != v1alpha1.ProbeUnknown {
				t.Errorf("the probe went %q, message %q", story(got), got.Last().Message)
			}
		})
	}
}
