package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/test/servers"
)

// The ways in which a server that is not what it should be behaves.
var hostile = map[string]func(net.Conn){
	"says nothing":         func(net.Conn) {},
	"hangs up at once":     func(c net.Conn) { _ = c.Close() },
	"hangs up when spoken": func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); _ = c.Close() },
	"resets": func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	},
	"speaks another protocol": func(c net.Conn) { _, _ = c.Write([]byte("220 smtp.example.com ESMTP ready\r\n")) },
	"echoes":                  func(c net.Conn) { _, _ = io.Copy(c, c) },
	"floods with zeros":       func(c net.Conn) { flood(c, make([]byte, 64<<10)) },
	"floods with ones":        func(c net.Conn) { flood(c, bytes.Repeat([]byte{0xff}, 64<<10)) },
	"announces 2 GiB": func(c net.Conn) {
		_, _ = c.Read(make([]byte, 64))
		_, _ = c.Write(binary.BigEndian.AppendUint32(nil, 0x7fffffff))
	},
	"announces a 2 GiB message of PostgreSQL": func(c net.Conn) {
		_, _ = c.Read(make([]byte, 64))
		_, _ = c.Write([]byte("N"))
		_, _ = c.Read(make([]byte, 64))
		_, _ = c.Write([]byte{'R', 0x7f, 0xff, 0xff, 0xff})
	},
	"sends notices without end": func(c net.Conn) {
		_, _ = c.Read(make([]byte, 64))
		_, _ = c.Write([]byte("N"))
		flood(c, []byte{'N', 0, 0, 0, 5, 0})
	},
	"promises TLS and says no more": func(c net.Conn) {
		_, _ = c.Read(make([]byte, 8))
		_, _ = c.Write([]byte("S"))
	},
	"promises TLS and talks in the clear": func(c net.Conn) {
		_, _ = c.Read(make([]byte, 8))
		_, _ = c.Write([]byte("S"))
		flood(c, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	},
	"sends an endless header": func(c net.Conn) {
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n"))
		flood(c, bytes.Repeat([]byte("X: y\r\n"), 1024))
	},
	"trickles": func(c net.Conn) {
		for {
			if _, err := c.Write([]byte{0}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	},
}

func flood(c net.Conn, what []byte) {
	for {
		if _, err := c.Write(what); err != nil {
			return
		}
	}
}

// Whatever a server does: the probe ends in its time, keeps little in memory,
// leaves nothing running, and never calls the server down for what it has not seen.
func TestHostileServers(t *testing.T) {
	settings := map[string]evidence.Connection{
		"Postgres":       {Protocol: evidence.Postgres, User: "u", Password: evidence.NewSecret("p"), Database: "d"},
		"Postgres, TLS":  {Protocol: evidence.Postgres, User: "u", Password: evidence.NewSecret("p"), TLS: evidence.TLSVerifyFull},
		"Postgres, bare": {Protocol: evidence.Postgres, TLS: evidence.TLSDisable},
		"Kafka":          {Protocol: evidence.Kafka, Topics: []string{"t"}},
		"Kafka, SASL":    {Protocol: evidence.Kafka, Mechanism: "SCRAM-SHA-256", User: "u", Password: evidence.NewSecret("p")},
		"Kafka, TLS":     {Protocol: evidence.Kafka, TLS: evidence.TLSRequire},
		"Redis":          {Protocol: server.Redis, Password: evidence.NewSecret("p")},
		"Redis, bare":    {Protocol: server.Redis},
		"Redis, TLS":     {Protocol: server.Redis, TLS: evidence.TLSRequire},
		"RabbitMQ":       {Protocol: server.RabbitMQ, User: "u", Password: evidence.NewSecret("p"), Database: "/"},
		"RabbitMQ, bare": {Protocol: server.RabbitMQ},
		"RabbitMQ, TLS":  {Protocol: server.RabbitMQ, User: "u", Password: evidence.NewSecret("p"), TLS: evidence.TLSRequire},
		"Memcached":      {Protocol: server.Memcached},
		"MySQL":          {Protocol: evidence.MySQL, User: "u", Password: evidence.NewSecret("p"), Database: "d"},
		"MySQL, TLS":     {Protocol: evidence.MySQL, User: "u", Password: evidence.NewSecret("p"), TLS: evidence.TLSVerifyFull},
		"MySQL, bare":    {Protocol: evidence.MySQL, TLS: evidence.TLSDisable},
		"HTTP":           {Protocol: evidence.HTTP, Path: "/health"},
	}
	// These say so themselves: no TLS here.
	honest := map[string]bool{"TLS TLS_REFUSED": true}
	before := runtime.NumGoroutine()
	for name, behave := range hostile {
		at := serving(t, behave)
		for protocol, c := range settings {
			t.Run(protocol+" that "+name, func(t *testing.T) {
				t.Parallel()
				c.Servers = []evidence.HostPort{at}
				started := time.Now()
				got := local(impatient).Probe(t.Context(), egress.Scope{Namespace: "shop"}, ofTemplate(c), v1alpha1.AsConfigured)
				if took := time.Since(started); took > 10*time.Second {
					t.Errorf("it took %v", took)
				}
				last := got.Last()
				if got.Outcome() != v1alpha1.ProbeUnknown && !honest[string(last.Name)+" "+last.Code] {
					t.Errorf("the probe went %q, message %q", story(got), last.Message)
				}
			})
		}
	}
	t.Cleanup(func() { settles(t, before) })
}

// settles waits until the goroutines of the probes have ended.
func settles(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		now := runtime.NumGoroutine()
		if now <= before+len(hostile)+8 { // the servers' own
			return
		}
		if time.Now().After(deadline) {
			buffer := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, now, buffer[:runtime.Stack(buffer, true)])
		}
	}
}

func TestHugeAnswersStaySmallInMemory(t *testing.T) {
	at := serving(t, hostile["announces 2 GiB"])
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 3 {
		local(impatient).Probe(t.Context(), egress.Scope{}, evidence.Connection{Protocol: evidence.Kafka, Servers: []evidence.HostPort{at}}, v1alpha1.AsConfigured)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
		t.Errorf("three probes allocated %d MiB", used>>20)
	}
}

// A full backlog drops what comes: the connection is neither made nor refused.
func TestDialTimesOut(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "listener")
	t.Cleanup(func() { _ = file.Close() })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	at := evidence.HostPort{Host: "127.0.0.1", Port: int32(name.(*syscall.SockaddrInet4).Port)}
	for range 4 { // fill the backlog
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.String())
		cancel()
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
	}
	got := local(impatient).Probe(t.Context(), egress.Scope{}, evidence.Connection{Protocol: evidence.TCP, Servers: []evidence.HostPort{at}}, v1alpha1.AsConfigured)
	expect(t, got, "Resolve Dial Failed ETIMEDOUT")
}

func TestNoRoute(t *testing.T) {
	p := local(func(o *settings) {
		o.Connect = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}
		}
	})
	c := evidence.Connection{Protocol: evidence.TCP, Servers: []evidence.HostPort{{Host: "127.0.0.1", Port: 1}}}
	expect(t, probe(t, p, c), "Resolve Dial Failed EHOSTUNREACH")
	p = local(func(o *settings) {
		o.Connect = func(context.Context, string, string) (net.Conn, error) {
			return nil, os.NewSyscallError("socket", syscall.EMFILE)
		}
	})
	// The operator's own trouble is none of the dependency's.
	expect(t, probe(t, p, c), "Resolve Dial Unknown")
}

func TestTCP(t *testing.T) {
	expect(t, probe(t, local(), evidence.Connection{Protocol: evidence.TCP, Servers: []evidence.HostPort{serving(t, hostile["says nothing"])}}), "Resolve Dial Passed")
	expect(t, probe(t, local(), evidence.Connection{Protocol: evidence.TCP, Servers: []evidence.HostPort{closedPort(t)}}), "Resolve Dial Failed ECONNREFUSED")
}

func TestHTTP(t *testing.T) {
	tests := []struct {
		name, want, body string
		status           int
		facts            evidence.HTTPFacts
	}{
		{"runbook", "Resolve Dial HTTP Passed", `{"status":"healthy","infrastructure_health":{"postgres":{"status":"healthy","pool":{"size":5}},"kafka":"degraded","cache":true},"system_metrics":{"memory_usage_percent":41.5,"note":"x"}}`, 200,
			evidence.HTTPFacts{Status: 200, Health: "healthy", Infrastructure: map[string]string{"postgres": "healthy", "kafka": "degraded", "cache": "healthy"}, SystemMetrics: map[string]float64{"memory_usage_percent": 41.5}}},
		{"no JSON", "Resolve Dial HTTP Passed", "ok", 200, evidence.HTTPFacts{Status: 200}},
		{"unhealthy, and says 200", "Resolve Dial HTTP Failed UNHEALTHY", `{"status":"unhealthy"}`, 200, evidence.HTTPFacts{Status: 200, Health: "unhealthy"}},
		{"degraded still works", "Resolve Dial HTTP Passed", `{"status":"degraded"}`, 200, evidence.HTTPFacts{Status: 200, Health: "degraded"}},
		{"503", "Resolve Dial HTTP Failed UNHEALTHY", `{"status":"starting"}`, 503, evidence.HTTPFacts{Status: 503, Health: "starting"}},
		{"404", "Resolve Dial HTTP Failed UNHEALTHY", "", 404, evidence.HTTPFacts{Status: 404}},
		{"redirect", "Resolve Dial HTTP Failed UNHEALTHY", "", 302, evidence.HTTPFacts{Status: 302}},
		{"members of other kinds", "Resolve Dial HTTP Passed", `{"status":7,"infrastructure_health":{"x":[1]},"system_metrics":{"y":null}}`, 200, evidence.HTTPFacts{Status: 200}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/health" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.Header().Set("Location", "http://169.254.169.254/latest")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer s.Close()
			got := probe(t, local(), evidence.Connection{Protocol: evidence.HTTP, Path: "/health", Servers: []evidence.HostPort{hostPortOf(s.Listener)}})
			expect(t, got, tt.want)
			if got.HTTP == nil {
				t.Fatal("no facts")
			}
			if diff := cmp.Diff(tt.facts, *got.HTTP); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPostgresTLSThatIsHalfOpen(t *testing.T) {
	authority := servers.NewAuthority(t)
	config := authority.Issue(t, time.Hour, "127.0.0.1").Config(t)
	at := serving(t, func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, 8))
		_, _ = c.Write([]byte("S"))
		secure := tls.Server(c, config)
		if secure.Handshake() == nil {
			_, _ = io.Copy(io.Discard, secure) // and never an answer
		}
	})
	c := evidence.Connection{Protocol: evidence.Postgres, User: "u", Password: evidence.NewSecret("p"), TLS: evidence.TLSRequire, Servers: []evidence.HostPort{at}}
	expect(t, local(impatient).Probe(t.Context(), egress.Scope{}, ofTemplate(c), v1alpha1.AsConfigured), "Resolve Dial TLS Authenticate Unknown ETIMEDOUT")
}

// What a server says is cited: it must be harmless, short and without the password.
func TestMessagesAreCleaned(t *testing.T) {
	const password = "p4ssw0rd-of-the-client"
	at := serving(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 512))
		fields := "SFATAL\x00C57P03\x00M\x1b[31mgot " + password + "\u202e" + strings.Repeat("x", 4096) + "\x00\x00"
		_, _ = c.Write(append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(len(fields)+4)), fields...))
	})
	c := evidence.Connection{Protocol: evidence.Postgres, User: "u", Password: evidence.NewSecret(password), TLS: evidence.TLSDisable, Servers: []evidence.HostPort{at}}
	got := probe(t, local(), c)
	expect(t, got, "Resolve Dial Authenticate Failed 57P03")
	message := got.Last().Message
	if strings.Contains(message, password) || strings.ContainsAny(message, "\x1b\u202e") || len(message) > longestMessage {
		t.Errorf("message: %q", message)
	}
}
