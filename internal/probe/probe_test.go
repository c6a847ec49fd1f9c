package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
)

// network names egress' Options beside the probes' own.
type network = egress.Options

// settings of a prober and of its dialer.
type settings struct {
	network
	Options
}

// local is a prober for servers on this machine, as an admin would allow them.
func local(change ...func(*settings)) *Prober {
	// A busy machine must not turn a slow answer into a time-out.
	const patient = 10 * time.Second
	o := settings{
		network: network{AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Resolver: names{}, ResolveTimeout: patient, DialTimeout: patient},
		Options: Options{Total: 3 * patient, Exchange: patient},
	}
	for _, c := range change {
		c(&o)
	}
	o.Dialer = egress.New(o.network)
	return New(o.Options)
}

// impatient is for servers that never answer.
func impatient(o *settings) {
	const short = 300 * time.Millisecond
	o.Total, o.Exchange, o.ResolveTimeout, o.DialTimeout = 2*time.Second, short, short, short
}

// names is a resolver that knows these absolute names, and no other.
type names map[string]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	switch text, known := n[host]; {
	case !known:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case text == "SERVFAIL":
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	default:
		return []netip.Addr{netip.MustParseAddr(text)}, nil
	}
}

func probe(t *testing.T, p *Prober, c evidence.Connection) evidence.Probe {
	t.Helper()
	return p.Probe(t.Context(), egress.Scope{Namespace: "shop"}, ofTemplate(c), v1alpha1.AsConfigured)
}

// ofTemplate pairs the connection's credentials with its servers, as a pod's
// template does that names them together.
func ofTemplate(c evidence.Connection) evidence.Connection {
	c.PasswordFor = c.Servers
	return c
}

// story of a probe: its stages, and how the last one ended.
func story(p evidence.Probe) string {
	var b strings.Builder
	for _, s := range p.Stages {
		fmt.Fprintf(&b, "%s ", s.Name)
	}
	fmt.Fprintf(&b, "%s %s", p.Outcome(), p.Last().Code)
	return strings.TrimSpace(b.String())
}

func expect(t *testing.T, p evidence.Probe, want string, messageHas ...string) {
	t.Helper()
	if got := story(p); got != want {
		t.Errorf("the probe went %q, want %q; message %q", got, want, p.Last().Message)
	}
	for _, part := range messageHas {
		if !strings.Contains(p.Last().Message, part) {
			t.Errorf("message %q does not say %q", p.Last().Message, part)
		}
	}
}

// serving accepts connections and hands each to handle.
func serving(t *testing.T, handle func(net.Conn)) evidence.HostPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { _ = conn.Close() })
			go handle(conn)
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return hostPortOf(l)
}

func hostPortOf(l net.Listener) evidence.HostPort {
	return evidence.HostPort{Host: "127.0.0.1", Port: int32(l.Addr().(*net.TCPAddr).Port)}
}

// closedPort of this machine.
func closedPort(t *testing.T) evidence.HostPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return hostPortOf(l)
}
