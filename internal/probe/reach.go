package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
)

// reach resolves, checks and dials, and gives the verdict of the last of the
// three. It is for addresses beside the probe's own target.
func (p *Prober) reach(ctx context.Context, scope egress.Scope, server evidence.HostPort) (net.Conn, verdict) {
	t, err := p.options.Dialer.Resolve(ctx, scope, server.Host)
	if err != nil {
		return nil, resolveVerdict(err)
	}
	conn, err := p.options.Dialer.Dial(ctx, scope, t, server.Port)
	if err != nil {
		return nil, dialVerdict(err)
	}
	return conn, verdict{}
}

// resolveVerdict is what a host that was not resolved shows.
func resolveVerdict(err error) verdict {
	switch {
	case err == nil:
		return verdict{}
	case errors.Is(err, egress.ErrNoSuchHost):
		return failed(evidence.CodeNXDomain, err.Error())
	case errors.Is(err, egress.ErrResolver):
		return unknown(evidence.CodeResolverFailed, err.Error())
	case errors.Is(err, egress.ErrAmbiguous):
		return unknown(evidence.CodeProtocol, err.Error())
	default:
		return unknown("", err.Error())
	}
}

// dialVerdict is what a failed dial shows.
func dialVerdict(err error) verdict {
	if errors.Is(err, egress.ErrNotAllowed) {
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
	if server.Host == evidence.Redacted {
		r.record(evidence.StageResolve, unknown("", "what stands in the host's place is, or may be, a part of a secret: it is not looked up"), 0)
		return nil
	}
	now := r.prober.options.Now
	started := now()
	t, err := r.prober.options.Dialer.Resolve(ctx, r.scope, server.Host)
	resolved := r.record(evidence.StageResolve, resolveVerdict(err), now().Sub(started))
	r.result.Target, r.result.Addresses = server, texts(t.Addresses)
	if !resolved || !r.allowed(t, server) {
		return nil
	}
	started = now()
	conn, err := r.prober.options.Dialer.Dial(ctx, r.scope, t, server.Port)
	v := verdict{}
	if err != nil {
		v = dialVerdict(err)
	}
	if !r.record(evidence.StageDial, v, now().Sub(started)) {
		return nil
	}
	return conn
}

// allowed records the guard's refusal. The dialer would refuse as well; asking
// before gives the stage its name.
func (r *run) allowed(t egress.Target, server evidence.HostPort) bool {
	if server.Port < 1 || server.Port > 65535 {
		return r.record(evidence.StageGuard, unknown("", "no port: "+strconv.Itoa(int(server.Port))), 0)
	}
	if refusal := r.prober.options.Dialer.Check(r.scope, t); refusal != nil {
		return r.record(evidence.StageGuard, unknown(evidence.CodeNotAllowed, fmt.Sprint(refusal)), 0)
	}
	return true
}

func texts(addresses []netip.Addr) []string {
	var out []string
	for _, a := range addresses {
		out = append(out, a.Unmap().String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}
