// Package probe asks a dependency how it is, stage by stage, over the network.
// It decides nothing: what a result means is diagnosis' business.
//
// Every packet goes through one guarded dialer; see Scope and Options for
// where it may go. A probe that cannot run is Unknown, never Failed.
package probe

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
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
type Prober struct{ options Options }

// New makes a Prober and fills in the defaults.
func New(o Options) *Prober { return &Prober{o} }

// Probe asks the connection's server, or Kafka's bootstrap servers, how it is.
// It takes at most Timeouts.Total, and never fails itself: what went wrong is
// in the result.
func (p *Prober) Probe(ctx context.Context, scope Scope, c evidence.Connection, as v1alpha1.ProbeViewpoint) evidence.Probe {
	return evidence.Probe{Service: c.Service, Protocol: c.Protocol, Viewpoint: as, Target: c.Server()}
}

// CreateTopic creates a Kafka topic as declared. A topic that is already there
// is success, whatever its partitions.
func (p *Prober) CreateTopic(ctx context.Context, scope Scope, c evidence.Connection, topic v1alpha1.DeclaredTopic) error {
	return nil
}
