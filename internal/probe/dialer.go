package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/bridgestack/operator/internal/evidence"
)

// mostAddresses of one host that are tried, and mostBytes that are read from
// one connection: enough for any honest server.
const (
	mostAddresses = 4
	mostBytes     = 8 << 20
)

// errNotAllowed is what the dialer says of an address that the guard refuses.
var errNotAllowed = errors.New("not allowed")

// dial is the one way to the network. The target's name was resolved before and
// is not resolved again; each address is checked right here, before its dial.
// It tries the allowed addresses in turn. The connection ends with ctx.
func (p *Prober) dial(ctx context.Context, scope Scope, t target, port int32) (net.Conn, error) {
	var refused, err error
	tried := 0
	for _, address := range t.addresses {
		address = address.WithZone("").Unmap()
		if denied := p.guard.check(scope, t, address); denied != nil {
			refused = fmt.Errorf("%w: %w", errNotAllowed, denied)
			continue
		}
		if tried++; tried > mostAddresses {
			break
		}
		var conn net.Conn
		if conn, err = p.dialAddress(ctx, address, port, len(t.addresses)); err == nil {
			return newBounded(ctx, conn), nil
		}
	}
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	return nil, fmt.Errorf("%w: %s has no address", errNotAllowed, t.host)
}

// dialAddress leaves time for the other addresses.
func (p *Prober) dialAddress(ctx context.Context, address netip.Addr, port int32, addresses int) (net.Conn, error) {
	limit := p.options.Timeouts.Dial
	if addresses > 1 {
		limit /= time.Duration(min(addresses, mostAddresses))
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return p.options.Dial(ctx, "tcp", netip.AddrPortFrom(address, uint16(port)).String())
}

// reach resolves, checks and dials, and gives the verdict of the last of the
// three. It is for addresses beside the probe's own target.
func (p *Prober) reach(ctx context.Context, scope Scope, server evidence.HostPort) (net.Conn, verdict) {
	t, v := p.resolve(ctx, scope, server.Host)
	if !v.passed() {
		return nil, v
	}
	conn, err := p.dial(ctx, scope, t, server.Port)
	if err != nil {
		return nil, dialVerdict(err)
	}
	return conn, verdict{}
}

// dialVerdict is what a failed dial shows.
func dialVerdict(err error) verdict {
	if errors.Is(err, errNotAllowed) {
		return unknown(evidence.CodeNotAllowed, err.Error())
	}
	switch code := networkCode(err); code {
	case evidence.CodeRefused, evidence.CodeTimeout, evidence.CodeNoRoute, evidence.CodeReset:
		return failed(code, err.Error())
	default: // the operator's own trouble, such as no file descriptor left
		return unknown("", err.Error())
	}
}

// connect runs the stages Resolve, Guard and Dial toward a server. nil where
// one of them did not pass.
func (r *run) connect(ctx context.Context, server evidence.HostPort) net.Conn {
	var t target
	timeouts := r.prober.options.Timeouts
	resolved := r.stage(ctx, evidence.StageResolve, timeouts.Resolve, func(ctx context.Context) verdict {
		var v verdict
		t, v = r.prober.resolve(ctx, r.scope, server.Host)
		return v
	})
	r.result.Target, r.result.Addresses = server, texts(t.addresses)
	if !resolved || !r.allowed(t, server) {
		return nil
	}
	var conn net.Conn
	started := r.prober.options.Now()
	v := verdict{}
	var err error
	if conn, err = r.prober.dial(ctx, r.scope, t, server.Port); err != nil {
		v = dialVerdict(err)
	}
	if !r.record(evidence.StageDial, v, r.prober.options.Now().Sub(started)) {
		return nil
	}
	return conn
}

// allowed records the guard's refusal. The dialer would refuse as well; asking
// before gives the stage its name.
func (r *run) allowed(t target, server evidence.HostPort) bool {
	if server.Port < 1 || server.Port > 65535 {
		return r.record(evidence.StageGuard, unknown("", "no port: "+strconv.Itoa(int(server.Port))), 0)
	}
	var refusal error
	for _, a := range t.addresses {
		if refusal = r.prober.guard.check(r.scope, t, a); refusal == nil {
			return true
		}
	}
	return r.record(evidence.StageGuard, unknown(evidence.CodeNotAllowed, fmt.Sprint(refusal)), 0)
}

func texts(addresses []netip.Addr) []string {
	var out []string
	for _, a := range addresses {
		out = append(out, a.Unmap().String())
	}
	slices.Sort(out)
	return slices.Compact(out)
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
