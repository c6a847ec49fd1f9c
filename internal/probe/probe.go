// Package probe asks a dependency how it is, stage by stage, over the network.
// It decides nothing: what a result means is diagnosis' business.
//
// Every packet goes through one guarded dialer; see Scope and Options for
// where it may go. A probe that cannot run is Unknown, never Failed.
package probe

import (
	"cmp"
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Options are what is the same for all probes of an operator.
type Options struct {
	// ClusterDomain of Service names. Default: cluster.local.
	ClusterDomain string
	// SearchDomains that pods have beside those of their namespace, such as
	// the node's own.
	SearchDomains []string
	// Search is the whole search list where the probe runs inside a stack's
	// own pod, in place of the one that pods of the scope's namespace have.
	Search *SearchList
	// AllowedHosts are names outside of a stack's namespace that the cluster's
	// admin allows to be probed: exact, or *.example.com for all below it.
	AllowedHosts []string
	// AllowedNetworks are addresses that the admin allows beside those of a
	// stack's own namespace. A denied network is opened only by an allowed one
	// that lies within it: 0.0.0.0/0 does not open loopback, 127.0.0.0/8 does.
	AllowedNetworks []netip.Prefix
	// DeniedNetworks are denied beside loopback, link-local, metadata,
	// multicast and unspecified addresses: the API server's addresses (its
	// ClusterIP too) and the nodes'.
	DeniedNetworks []netip.Prefix
	// Resolver looks absolute names up. Default: Go's own resolver.
	Resolver Resolver
	// Dial connects to an address that was allowed. Default: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Timeouts of the stages.
	Timeouts Timeouts
	// Observe is told of each probe that ended. Default: nobody is told.
	Observe func(evidence.Probe)
	// RootCAs for verify-ca and verify-full. Default: the system's.
	RootCAs *x509.CertPool
}

// Resolver looks up absolute names: they end with a dot, and no search list
// applies. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Timeouts bound a probe.
type Timeouts struct {
	// Total of one probe. Default: 3s.
	Total time.Duration
	// Resolve, Dial and Exchange bound one stage each; Exchange is any stage
	// that talks to the server. Default: 1s each.
	Resolve, Dial, Exchange time.Duration
}

// Scope says where the probes of one stack may go.
type Scope struct {
	// Namespace of the stack: names are resolved as its pods resolve them.
	Namespace string
	// Owned reports whether an address belongs to a pod of Namespace or to a
	// Service of it that selects pods. It must not count Services without a
	// selector, whose endpoints anyone can point anywhere. nil owns nothing.
	Owned func(netip.Addr) bool
}

// Prober runs probes. It is safe for concurrent use.
type Prober struct {
	options Options
	guard   guard
}

// New makes a Prober and fills in the defaults.
func New(o Options) *Prober {
	o.ClusterDomain = strings.Trim(cmp.Or(o.ClusterDomain, "cluster.local"), ".")
	if o.Resolver == nil {
		o.Resolver = &net.Resolver{PreferGo: true}
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(evidence.Probe) {}
	}
	o.Timeouts.Total = cmp.Or(o.Timeouts.Total, 3*time.Second)
	o.Timeouts.Resolve = cmp.Or(o.Timeouts.Resolve, time.Second)
	o.Timeouts.Dial = cmp.Or(o.Timeouts.Dial, time.Second)
	o.Timeouts.Exchange = cmp.Or(o.Timeouts.Exchange, time.Second)
	return &Prober{options: o, guard: guardOf(o)}
}

// Allowed are those of a host's addresses that the guard lets probes of the
// scope reach. An empty host is no host that the admin allows by name.
func (p *Prober) Allowed(scope Scope, host string, addresses []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addresses), func(a netip.Addr) bool {
		return p.guard.check(scope, target{host: host}, a) != nil
	})
}

// Probe asks the connection's server, or Kafka's bootstrap servers, how it is.
// It takes at most Timeouts.Total, and never fails itself: what went wrong is
// in the result. Nothing is written to what is probed.
//
// The connection's credentials are sent to the host that it names, and nowhere
// else: the controllers make the connection either of the container's own
// settings (AsConfigured), or of these towards the server that the stack's
// owner declares as that very dependency, within the stack's namespace
// (AsDeclared, Proposed). In the second case PostgreSQL servers that ask for
// the password in the clear do not get it.
func (p *Prober) Probe(ctx context.Context, scope Scope, c evidence.Connection, as v1alpha1.ProbeViewpoint) evidence.Probe {
	ctx, cancel := context.WithTimeout(ctx, p.options.Timeouts.Total)
	defer cancel()
	r := p.newRun(scope, c, as)
	switch c.Protocol {
	case evidence.Postgres:
		r.postgres(ctx)
	case evidence.Kafka:
		r.kafka(ctx)
	case evidence.HTTP:
		r.http(ctx)
	case evidence.TCP:
		r.tcp(ctx)
	default:
		r.record(evidence.StageGuard, unknown(evidence.CodeProtocol, "no probe speaks "+string(c.Protocol)), 0)
	}
	p.options.Observe(r.result)
	return r.result
}
