package probe

import (
	"net"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/test/servers"
)

func TestRabbitMQ(t *testing.T) {
	authority := servers.NewAuthority(t)
	s := servers.RabbitMQ(t, servers.RabbitTLS(authority.Issue(t, time.Hour, "127.0.0.1")))
	healthy := s.Connection()
	trusting := func(o *settings) { o.RootCAs = authority.Pool }
	secure := func(m evidence.TLSMode) func(*evidence.Connection) {
		return func(c *evidence.Connection) {
			c.TLS, c.Servers = m, []evidence.HostPort{{Host: s.Host, Port: s.TLSPort}}
		}
	}
	for _, tt := range []struct {
		name, want string
		change     func(*evidence.Connection)
		says       string
	}{
		{"healthy", "Resolve Dial Authenticate Database Passed", func(*evidence.Connection) {}, ""},
		{"wrong password", "Resolve Dial Authenticate Failed 403", password("wrong"), "ACCESS_REFUSED"},
		{"no such user", "Resolve Dial Authenticate Failed 403", func(c *evidence.Connection) { c.User = "ghost" }, "ACCESS_REFUSED"},
		{"no password", "Resolve Dial Authenticate Failed NO_PASSWORD", password(""), "no password is configured"},
		{"password not readable", "Resolve Dial Authenticate Unknown 403", func(c *evidence.Connection) { password("")(c); c.Unresolved = true }, "could not read"},
		{"no such virtual host", "Resolve Dial Authenticate Database Failed 530", func(c *evidence.Connection) { c.Database = "orders" }, "orders"},
		{"a virtual host of others", "Resolve Dial Authenticate Database Failed 530", func(c *evidence.Connection) { c.Database = "closed" }, "refused for user"},
		{"no connection left", "Resolve Dial Authenticate Database Failed CONNECTION_LIMIT", func(c *evidence.Connection) { c.Database = "full" }, "limit"},
		{"no user known", "Resolve Dial Accept Passed", func(c *evidence.Connection) { c.User = "" }, ""},
		{"TLS", "Resolve Dial TLS Authenticate Database Passed", secure(evidence.TLSVerifyFull), ""},
		{"TLS wanted", "Resolve Dial TLS Failed TLS_REFUSED", func(c *evidence.Connection) { c.TLS = evidence.TLSRequire }, ""},
		{"plaintext to a port of TLS", "Resolve Dial Authenticate Failed TLS_REQUIRED", secure(evidence.TLSUnset), "speaks TLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, probe(t, local(trusting), with(healthy, tt.change)), tt.want, tt.says)
		})
	}
	t.Run("a declared server that is not the configured one gets no password", func(t *testing.T) {
		c := with(healthy, password("of-the-stack's-author"))
		c.PasswordFor = []evidence.HostPort{{Host: "elsewhere", Port: 5672}}
		expect(t, local().Probe(t.Context(), egress.Scope{Namespace: "shop"}, c, v1alpha1.AsDeclared), "Resolve Dial Accept Passed")
	})
	t.Run("the password is nowhere in the result", func(t *testing.T) {
		secret := "S3cret-that-is-wrong"
		for _, stage := range probe(t, local(), with(healthy, func(c *evidence.Connection) { password(secret)(c); c.User = secret })).Stages {
			if strings.Contains(stage.Message, secret) {
				t.Errorf("stage %s says %q", stage.Name, stage.Message)
			}
		}
	})
}

// amqpFrame of a method of class connection.
func amqpFrame(m method, arguments string) string {
	var c recorder
	_ = (&amqp{conn: &c}).send(m, arguments)
	return c.String()
}

// recorder is a connection that keeps what is written.
type recorder struct {
	net.Conn
	strings.Builder
}

func (r *recorder) Write(p []byte) (int, error) { return r.Builder.Write(p) }

// What only a hostile server sends.
func TestRabbitMQThatIsHostile(t *testing.T) {
	start := amqpFrame(methodStart, strings.Repeat("\x00", 16))
	for name, answer := range map[string]string{
		"another version":            "AMQP\x00\x01\x00\x00",
		"a frame of 2 GiB":           "\x01\x00\x00\x7f\xff\xff\xff",
		"a frame of nothing":         "\x01\x00\x00\x00\x00\x00\x00\xce",
		"a frame without end":        start[:len(start)-1] + "\x00",
		"a body":                     "\x03\x00\x00\x00\x00\x00\x04abcd\xce",
		"another class":              "\x01\x00\x00\x00\x00\x00\x04\x00\x14\x00\x0a\xce",
		"another method":             amqpFrame(20, "challenge"),
		"a close that is cut":        amqpFrame(methodClose, "\x01\x93\xff"),
		"a tune that is cut":         start + amqpFrame(methodTune, "\x00"),
		"a connection that is open":  start + amqpFrame(methodOpenOK, "\x00"),
		"blocked without end":        start + strings.Repeat(amqpFrame(methodBlocked, "\x00"), 1<<16),
		"start upon start, and more": strings.Repeat(start, 1<<12),
	} {
		t.Run(name, func(t *testing.T) {
			at := serving(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 512))
				_, _ = c.Write([]byte(answer))
			})
			c := ofTemplate(evidence.Connection{Protocol: server.RabbitMQ, User: "u", Password: evidence.NewSecret("p"), Servers: []evidence.HostPort{at}})
			got := local(impatient).Probe(t.Context(), egress.Scope{}, c, v1alpha1.AsConfigured)
			if got.Outcome() != v1alpha1.ProbeUnknown {
				t.Errorf("the probe went %q, message %q", story(got), got.Last().Message)
			}
		})
	}
}
