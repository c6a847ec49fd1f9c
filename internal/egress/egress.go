// Package egress is the operator's one way to the network of its tenants:
// probes, notifications and Git all dial through a Dialer. What they dial is
// named by the owners of stacks and not by the cluster's admin, so a name is
// resolved once, as the stack's own pods do, and each address is checked by the
// guard right before its dial. Redirects of any protocol pass here again.
package egress

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mostAddresses of one host that are tried, and mostBytes that are read from
// one connection: enough for any honest server.
const (
	mostAddresses = 4
	mostBytes     = 8 << 20
)

// Options are what is the same for all connections of a Dialer.
type Options struct {
	// ClusterDomain of Service names. Default: cluster.local.
	ClusterDomain string
	// SearchDomains that pods have beside those of their namespace, such as
	// the node's own.
	SearchDomains []string
	// Search is the whole search list where the process runs inside a stack's
	// own pod, in place of the one that pods of the scope's namespace have.
	Search *SearchList
	// AllowedHosts are names outside of a stack's namespace that the cluster's
	// admin allows: exact, or *.example.com for all below it.
	AllowedHosts []string
	// AllowedNetworks are addresses that the admin allows beside those of a
	// stack's own namespace. A denied network is opened only by an allowed one
	// that lies within it: 0.0.0.0/0 does not open loopback, 127.0.0.0/8 does.
	AllowedNetworks []netip.Prefix
	// DeniedNetworks are denied beside loopback, link-local, metadata,
	// multicast and unspecified addresses: the API server's addresses (its
	// ClusterIP too).
	DeniedNetworks []netip.Prefix
	// Denylist are addresses that are denied from the moment on that they are on
	// it: those of the nodes.
	Denylist *Denylist
	// Resolver looks absolute names up. Default: Go's own resolver.
	Resolver Resolver
	// Connect connects to an address that was allowed. Default: net.Dialer.
	Connect func(ctx context.Context, network, address string) (net.Conn, error)
	// ResolveTimeout bounds looking up one host, DialTimeout connecting to one
	// host at all its addresses. Default: 1s each.
	ResolveTimeout, DialTimeout time.Duration
}

// Resolver looks up absolute names: they end with a dot, and no search list
// applies. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Scope says where the connections of one stack may go.
type Scope struct {
	// Namespace of the stack: names are resolved as its pods resolve them.
	Namespace string
	// Stack that the connections are made for: what it may do at once is counted for it.
	Stack string
	// Owned reports whether an address belongs to a pod of Namespace. nil owns
	// nothing.
	Owned func(netip.Addr) bool
	// Owners says in a refusal whose addresses the scope knows. Default: a pod and any
	// Service of Namespace.
	Owners string
	// Behind is where a port of a Service of Namespace leads; false where the address
	// is no such Service's. Its pods are dialled in place of the Service: where that
	// leads to is said by EndpointSlices, and who may write these can name another
	// tenant's pod, or a node. nil knows no Service.
	Behind func(netip.AddrPort) (Backends, bool)
}

// Backends are where a port of a Service leads.
type Backends struct {
	// Pods by their own addresses and ports.
	Pods []netip.AddrPort
	// Others says that the Service leads to pods, too, whose address is not theirs
	// alone: on their host's network, or about to end. They may well answer.
	Others bool
}

// Dialer connects to where its guard allows. It is safe for concurrent use.
type Dialer struct {
	options Options
	guard   guard
}

// New makes a Dialer and fills in the defaults.
func New(o Options) *Dialer {
	o.ClusterDomain = strings.Trim(cmp.Or(o.ClusterDomain, "cluster.local"), ".")
	if o.Resolver == nil {
		o.Resolver = &net.Resolver{PreferGo: true}
	}
	if o.Connect == nil {
		o.Connect = (&net.Dialer{}).DialContext
	}
	o.ResolveTimeout = cmp.Or(o.ResolveTimeout, time.Second)
	o.DialTimeout = cmp.Or(o.DialTimeout, time.Second)
	return &Dialer{options: o, guard: guardOf(o)}
}

// ErrNotAllowed is what the guard's refusals wrap.
var ErrNotAllowed = errors.New("not allowed")

// Target is a host with the addresses that it was resolved to, once.
type Target struct {
	// Host as it was asked for.
	Host string
	// Name that was found, absolute and without its last dot; empty for a
	// literal address.
	Name string
	// Addresses of the host.
	Addresses []netip.Addr
}

// DialAddress connects to a host:port. The connection ends with ctx.
func (d *Dialer) DialAddress(ctx context.Context, scope Scope, address string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the address: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return nil, errors.New("the port is none")
	}
	t, err := d.Resolve(ctx, scope, host)
	if err != nil {
		return nil, err
	}
	return d.Dial(ctx, scope, t, int32(port))
}

// Dial connects to one of the target's addresses: those that the guard allows
// are tried in turn, none is looked up again. A Service is reached at its pods:
// see Scope.Behind. Where the guard allows none, the error wraps ErrNotAllowed.
// The connection ends with ctx.
func (d *Dialer) Dial(ctx context.Context, scope Scope, t Target, port int32) (net.Conn, error) {
	routes, err := d.routes(scope, t, uint16(port))
	if len(routes) == 0 {
		return nil, err
	}
	for _, to := range routes {
		var conn net.Conn
		if conn, err = d.connect(ctx, to, len(routes)); err == nil {
			return newBounded(ctx, conn), nil
		}
	}
	return nil, err
}

// routes are what may be dialled for a port of the target, where nothing may the
// error says why.
func (d *Dialer) routes(scope Scope, t Target, port uint16) (routes []netip.AddrPort, err error) {
	refused := fmt.Errorf("%w: %s has no address", ErrNotAllowed, t.Host)
	var empty error
	for _, address := range t.Addresses {
		to := netip.AddrPortFrom(address.WithZone("").Unmap(), port)
		if denied := d.guard.check(scope, t, to.Addr()); denied != nil {
			refused = fmt.Errorf("%w: %w", ErrNotAllowed, denied)
			continue
		}
		led, others := d.guard.route(scope, t, to)
		switch {
		case len(led) > 0:
		case others:
			refused = fmt.Errorf("%w: the pods behind %s (%s) are on their host's network, about to end, or at an address that is denied", ErrNotAllowed, t.Host, to)
		default: // as kube-proxy answers
			empty = fmt.Errorf("no pod that the Service selects is ready at this port: %w",
				&net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
		}
		routes = append(routes, led...)
	}
	return routes[:min(len(routes), mostAddresses)], cmp.Or(empty, refused)
}

// connect leaves time for the other addresses.
func (d *Dialer) connect(ctx context.Context, to netip.AddrPort, addresses int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.options.DialTimeout/time.Duration(addresses))
	defer cancel()
	return d.options.Connect(ctx, "tcp", to.String())
}

// Check says why none of the target's addresses may be dialled, nil where one may.
func (d *Dialer) Check(scope Scope, t Target) error {
	var refusal error
	for _, a := range t.Addresses {
		if refusal = d.guard.check(scope, t, a); refusal == nil {
			return nil
		}
	}
	return refusal
}

// Allowed are those of a host's addresses that connections of the scope may go
// to. An empty host is no host that the admin allows by name; nor is one that a
// search list may have completed to another.
func (d *Dialer) Allowed(scope Scope, host string, addresses []netip.Addr) []netip.Addr {
	t := Target{Name: strings.TrimSuffix(host, ".")}
	if strings.Count(t.Name, ".") < 2 { // pods have names such as host.service
		t = Target{}
	}
	return slices.DeleteFunc(slices.Clone(addresses), func(a netip.Addr) bool {
		return d.guard.check(scope, t, a) != nil
	})
}

// bounded is a connection that ends with its context and from which no more
// than mostBytes are read: what a client library does not bound, this does.
type bounded struct {
	net.Conn
	left int64
	stop func() bool
}

func newBounded(ctx context.Context, conn net.Conn) net.Conn {
	return &bounded{Conn: conn, left: mostBytes, stop: context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // wakes reads and writes with a time-out
		_ = conn.Close()
	})}
}

var errTooMuch = errors.New("the server sends without end")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (b *bounded) Close() error {
	b.stop()
	return b.Conn.Close()
}
