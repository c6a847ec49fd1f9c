package waitfor

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/probe"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/test/servers"
)

// local may reach servers on loopback, as the tests' are.
func local() Prober {
	return probe.New(probe.Options{Dialer: egress.New(egress.Options{AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})})
}

func TestParse(t *testing.T) {
	got, err := Parse([]string{"--protocol=postgres", "--address=postgres:5432", "--timeout=2m"})
	want := Wait{
		Connection: evidence.Connection{Protocol: evidence.Postgres, Servers: []evidence.HostPort{{Host: "postgres", Port: 5432}}, Path: "/health"},
		Timeout:    2 * time.Minute,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(evidence.Secret{})); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for says, args := range map[string][]string{
		"--protocol and at least one --address": {"--protocol=tcp"},
		"or --job":                              {"--protocol=tcp", "--address=a:1", "--job=migrate"},
		"or --name":                             {"--name=a", "--job=migrate"},
		"want postgres, kafka, ":                {"--protocol=oracle", "--address=a:1"},
		"want host:port":                        {"--protocol=tcp", "--address=redis"},
		"more than zero":                        {"--protocol=tcp", "--address=a:1", "--timeout=0s"},
		"unexpected argument":                   {"--protocol=tcp", "--address=a:1", "b:2"},
		"not defined":                           {"--proto=tcp"},
	} {
		if _, err := Parse(args); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want %q", args, err, says)
		}
	}
}

func TestReadyServers(t *testing.T) {
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(health.Close)
	for name, c := range map[string]evidence.Connection{
		"PostgreSQL that wants a password": {Protocol: evidence.Postgres, Servers: servers.Postgres(t).Connection().Servers},
		"Kafka":                            {Protocol: evidence.Kafka, Servers: servers.Kafka(t).Servers},
		"Kafka that wants SASL":            {Protocol: evidence.Kafka, Servers: servers.Kafka(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "admin", "admin")).Servers},
		"HTTP":                             {Protocol: evidence.HTTP, Path: "/health", Servers: at(t, health.Listener.Addr())},
		"TCP":                              {Protocol: evidence.TCP, Servers: at(t, health.Listener.Addr())},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			if err := Run(t.Context(), &log, Wait{Connection: c, Timeout: 10 * time.Second}, local()); err != nil || !strings.Contains(log.String(), "is ready after") {
				t.Errorf("%v\n%s", err, log.String())
			}
		})
	}
}

func at(t *testing.T, address net.Addr) []evidence.HostPort {
	t.Helper()
	port, err := netip.ParseAddrPort(address.String())
	if err != nil {
		t.Fatal(err)
	}
	return []evidence.HostPort{{Host: port.Addr().String(), Port: int32(port.Port())}}
}

// A database that is still in recovery is not ready, though it listens.
func TestWaitsForADatabaseThatStarts(t *testing.T) {
	starting := servers.Postgres(t, servers.Standby(false))
	var log bytes.Buffer
	err := Run(t.Context(), &log, Wait{Connection: evidence.Connection{Protocol: evidence.Postgres, Servers: starting.Connection().Servers}, Timeout: 3 * time.Second}, local())
	if err == nil || !strings.Contains(err.Error(), "57P03") || !strings.Contains(log.String(), "waiting for Postgres") {
		t.Errorf("%v\n%s", err, log.String())
	}
	// The server may go from one of its words to the next meanwhile.
	said := map[string]bool{}
	for line := range strings.Lines(log.String()) {
		answer, _, _ := strings.Cut(line, ";")
		if said[answer] {
			t.Errorf("it says again what has not changed:\n%s", log.String())
		}
		said[answer] = true
	}
}

// A cache that wants a password is there; a replica that serves nothing without its
// master is not.
func TestWaitsForRedis(t *testing.T) {
	var log bytes.Buffer
	wait := func(s *servers.RedisServer, timeout time.Duration) error {
		return Run(t.Context(), &log, Wait{Connection: evidence.Connection{Protocol: server.Redis, Servers: s.Connection().Servers}, Timeout: timeout}, local())
	}
	if err := wait(servers.Redis(t, servers.RedisSetting("requirepass", "p")), time.Minute); err != nil {
		t.Error(err)
	}
	stale := servers.Redis(t, servers.RedisSetting("replicaof", "127.0.0.1", "1"), servers.RedisSetting("replica-serve-stale-data", "no"))
	if err := wait(stale, 5*time.Second); err == nil || !strings.Contains(log.String(), "MASTERDOWN") {
		t.Errorf("%v\n%s", err, &log)
	}
}

// notYetDone is a context whose deadline has passed and whose timer has not fired.
type notYetDone struct{ context.Context } //nolint:containedctx // it is one

func (notYetDone) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestOver(t *testing.T) {
	later, cancel := context.WithTimeout(t.Context(), time.Hour)
	if over(t.Context()) || over(later) || !over(notYetDone{t.Context()}) {
		t.Error("over goes by the deadline")
	}
	if cancel(); !over(later) {
		t.Error("what is cancelled is over")
	}
}

func TestGoesOnWhenTheServerIsUp(t *testing.T) {
	var up atomic.Bool
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Swap(true) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(health.Close)
	var log bytes.Buffer
	if err := Run(t.Context(), &log, Wait{Connection: evidence.Connection{Protocol: evidence.HTTP, Path: "/", Servers: at(t, health.Listener.Addr())}, Timeout: 10 * time.Second}, local()); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	if !strings.Contains(log.String(), "503") || !strings.Contains(log.String(), "ready after 1") {
		t.Errorf("%s", log.String())
	}
}

func TestSaysWhyItGaveUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := at(t, listener.Addr())
	listener.Close()
	for name, c := range map[string]struct {
		servers []evidence.HostPort
		says    string
	}{
		"nothing listens": {address, "ECONNREFUSED"},
		"no such host":    {[]evidence.HostPort{{Host: "postgres.invalid", Port: 5432}}, "Resolve"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Run(t.Context(), &bytes.Buffer{}, Wait{Connection: evidence.Connection{Protocol: evidence.Postgres, Servers: c.servers}, Timeout: 2 * time.Second}, local())
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "not ready after 2s") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The prober of a pod never goes to the pod's own node or to metadata.
func TestStaysOutOfTheNode(t *testing.T) {
	prober := NewProber("search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n")
	for _, host := range []string{"127.0.0.1", "169.254.169.254"} {
		c := evidence.Connection{Protocol: evidence.TCP, Servers: []evidence.HostPort{{Host: host, Port: 80}}}
		if err := Run(context.Background(), &bytes.Buffer{}, Wait{Connection: c, Timeout: time.Second}, prober); err == nil || !strings.Contains(err.Error(), evidence.CodeNotAllowed) {
			t.Errorf("%s: %v", host, err)
		}
	}
}
