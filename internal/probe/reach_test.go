package probe

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/evidence"
)

// What may not be dialled is Unknown, and the addresses are told all the same.
func TestLocalhostIsNotDialledAndYetTold(t *testing.T) {
	got := probe(t, New(Options{}), evidence.Connection{Protocol: evidence.Postgres, Servers: []evidence.HostPort{{Host: "localhost", Port: 5432}}})
	expect(t, got, "Resolve Guard Unknown NOT_ALLOWED")
	if !slices.Equal(got.Addresses, []string{"127.0.0.1"}) {
		t.Errorf("addresses %v", got.Addresses)
	}
}

func TestWhatAHostThatIsNotResolvedShows(t *testing.T) {
	for host, want := range map[string]string{
		"broken": "Resolve Unknown RESOLVER", "nowhere": "Resolve Failed NXDOMAIN", "${POSTGRES_HOST}": "Resolve Failed NXDOMAIN",
		"": "Resolve Unknown", "127.1": "Resolve Unknown PROTOCOL",
	} {
		p := local(func(o *settings) { o.Resolver = names{"broken.shop.svc.cluster.local.": "SERVFAIL"} })
		expect(t, probe(t, p, evidence.Connection{Protocol: evidence.TCP, Servers: []evidence.HostPort{{Host: host, Port: 1}}}), want)
	}
}

// A resolver that never answers costs its stage's time and no more, and is not
// taken for an unknown name.
func TestResolverThatHangs(t *testing.T) {
	p := local(func(o *settings) { o.Resolver, o.ResolveTimeout = hanging{}, 50*time.Millisecond })
	got := probe(t, p, evidence.Connection{Protocol: evidence.TCP, Servers: []evidence.HostPort{{Host: "db", Port: 1}}})
	expect(t, got, "Resolve Unknown RESOLVER")
}

type hanging struct{}

func (hanging) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, &net.DNSError{Err: ctx.Err().Error(), Name: host, IsTimeout: true}
}
