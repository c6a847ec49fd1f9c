package probe

import (
	"context"
	"net"

	"github.com/bridgestack/operator/internal/evidence"
)

// secured runs the stage TLS of a protocol that begins with TLS or does without,
// where the client asks for it. answers says whether a server answers in the clear.
func (r *run) secured(ctx context.Context, conn net.Conn, answers func(context.Context, net.Conn) bool) (net.Conn, bool) {
	if !wantsTLS(r.settings.TLS) {
		return conn, true
	}
	secure := conn
	// As long as the two that come one after the other here.
	ok := r.stage(ctx, evidence.StageTLS, 2*r.prober.options.Exchange, func(ctx context.Context) verdict {
		made, err := r.prober.handshake(ctx, conn, r.settings.TLS, r.settings.Server().Host)
		if err == nil {
			secure = made
			return verdict{}
		}
		v := tlsVerdict(err)
		if v.code == evidence.CodeReset || v.code == evidence.CodeTimeout {
			if plain, reached := r.prober.reach(ctx, r.scope, r.settings.Server()); reached.passed() {
				defer func() { _ = plain.Close() }()
				if answers(ctx, plain) {
					return failed(evidence.CodeTLSRefused, "the server speaks plaintext; the client is configured for TLS")
				}
			}
		}
		return v
	})
	return secure, ok
}

// wantsTLS says that a client of such a protocol begins with TLS.
func wantsTLS(mode evidence.TLSMode) bool {
	switch mode {
	case evidence.TLSRequire, evidence.TLSVerifyCA, evidence.TLSVerifyFull:
		return true
	case evidence.TLSUnset, evidence.TLSDisable, evidence.TLSPrefer:
	}
	return false
}

// orWantsTLS finds out whether a server that broke off wants TLS, of which the client
// knows nothing.
func (r *run) orWantsTLS(ctx context.Context, v verdict) verdict {
	brokeOff := v.code == evidence.CodeReset || v.code == evidence.CodeTimeout || v.code == evidence.CodeProtocol
	if v.passed() || !brokeOff || wantsTLS(r.settings.TLS) {
		return v
	}
	conn, reached := r.prober.reach(ctx, r.scope, r.settings.Server())
	if !reached.passed() {
		return v
	}
	defer func() { _ = conn.Close() }()
	if !r.prober.speaksTLS(ctx, conn, r.settings.Server().Host) {
		return v
	}
	return failed(evidence.CodeTLSRequired, "the server speaks TLS; the client is configured without")
}
