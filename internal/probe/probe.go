// Package probe asks a dependency how it is, stage by stage, over the network.
// It decides nothing: what a result means is diagnosis' business.
//
// Every packet goes through the guarded dialer of package egress. A probe that cannot run is Unknown, never Failed.
package probe

import (
	"cmp"
	"context"
	"crypto/x509"
	"net/netip"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
)

// Options are what is the same for all probes of an operator.
type Options struct {
	// Dialer is the one way to the network.
	Dialer *egress.Dialer
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Total bounds one probe. Default: 3s.
	Total time.Duration
	// All bounds the probes of one incident: those whose turn has not come by then are
	// Unknown. Default: 20s.
	All time.Duration
	// Exchange bounds any one stage that talks to the server. Default: 1s.
	Exchange time.Duration
	// Limits of probes at the same time.
	Limits Limits
	// Observe is told of each probe that ended. Default: nobody is told.
	Observe func(evidence.Probe)
	// RootCAs for verify-ca and verify-full. Default: the system's.
	RootCAs *x509.CertPool
}

// Prober runs probes. It is safe for concurrent use.
type Prober struct {
	options Options
	slots   slots
}

// New makes a Prober and fills in the defaults.
func New(o Options) *Prober {
	if o.Dialer == nil {
		o.Dialer = egress.New(egress.Options{})
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(evidence.Probe) {}
	}
	o.Total = cmp.Or(o.Total, 3*time.Second)
	o.All = cmp.Or(o.All, 20*time.Second)
	o.Exchange = cmp.Or(o.Exchange, time.Second)
	return &Prober{options: o, slots: newSlots(o.Limits)}
}

// Allowed are those of a host's addresses that probes of the scope may reach:
// see egress.Dialer.
func (p *Prober) Allowed(scope egress.Scope, host string, addresses []netip.Addr) []netip.Addr {
	return p.options.Dialer.Allowed(scope, host, addresses)
}

// probes by the protocol that they speak: the file of each registers it.
var probes = map[evidence.Protocol]func(*run, context.Context){}

// Probe asks the connection's server, or Kafka's bootstrap servers, how it is.
// It waits for its turn and then takes at most Options.Total, and never fails
// itself: what went wrong is in the result. Nothing is written to what is probed.
//
// The connection's credentials are sent to the servers in its PasswordFor, and
// nowhere else, whatever the viewpoint. Another server is asked whether it
// accepts connections, without the client's user, database or password.
func (p *Prober) Probe(ctx context.Context, scope egress.Scope, c evidence.Connection, as v1alpha1.ProbeViewpoint) evidence.Probe {
	r := p.newRun(scope, c, as)
	release, err := p.slots.acquire(ctx, scope)
	if err != nil {
		r.record(evidence.StageResolve, unknown("", "it was not its turn: "+err.Error()), 0)
		return r.result
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, p.options.Total)
	defer cancel()
	if ask, known := probes[c.Protocol]; known {
		if _, err := caught(func() (struct{}, error) { ask(r, ctx); return struct{}{}, nil }); err != nil {
			r.record(evidence.StageAccept, broken(err), 0)
		}
	} else {
		r.record(evidence.StageGuard, unknown(evidence.CodeProtocol, "no probe speaks "+string(c.Protocol)), 0)
	}
	p.options.Observe(r.result)
	return r.result
}
