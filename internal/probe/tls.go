package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/bridgestack/operator/internal/evidence"
)

// tlsConfig for what a client asks of TLS, toward a host as it is configured.
func (p *Prober) tlsConfig(mode evidence.TLSMode, host string) *tls.Config {
	// Whether the chain holds is for verify to say: Go's own check would stop
	// at the first thing that is wrong.
	return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, //nolint:gosec // verified below
		VerifyConnection: func(state tls.ConnectionState) error { return p.verify(mode, host, state.PeerCertificates) }}
}

// verify the server's certificate as far as the mode asks: in libpq's words,
// require takes any, verify-ca wants a known authority, verify-full the host's
// name as well.
func (p *Prober) verify(mode evidence.TLSMode, host string, chain []*x509.Certificate) error {
	if mode != evidence.TLSVerifyCA && mode != evidence.TLSVerifyFull {
		return nil
	}
	if len(chain) == 0 {
		return errors.New("the server sent no certificate")
	}
	if mode == evidence.TLSVerifyFull {
		if err := chain[0].VerifyHostname(host); err != nil {
			return err
		}
	}
	options := x509.VerifyOptions{Roots: p.options.RootCAs, CurrentTime: p.options.Now(), Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	if now := p.options.Now(); now.After(chain[0].NotAfter) || now.Before(chain[0].NotBefore) {
		return x509.CertificateInvalidError{Cert: chain[0], Reason: x509.Expired, Detail: fmt.Sprintf("valid from %s to %s", chain[0].NotBefore, chain[0].NotAfter)}
	}
	_, err := chain[0].Verify(options)
	return err
}

// handshake makes the connection a TLS one, within the time of one exchange.
func (p *Prober) handshake(ctx context.Context, conn net.Conn, mode evidence.TLSMode, host string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.options.Exchange)
	defer cancel()
	secure := tls.Client(conn, p.tlsConfig(mode, host))
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secure, nil
}

// tlsVerdict is what a failed handshake shows. A certificate of an authority
// that the probe does not know may be well known to the client, whose own CA
// file the probe has not: that is Unknown. A wrong name or an expired
// certificate is wrong for everyone.
func tlsVerdict(err error) verdict {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &name), errors.As(err, &invalid):
		return failed(evidence.CodeCertificate, err.Error())
	case errors.As(err, &authority):
		return unknown(evidence.CodeCertificate, err.Error()+"; the client may have a CA of its own, which the probe has not")
	case errors.As(err, &record):
		return failed(evidence.CodeTLSRefused, "the server answers in plaintext: "+err.Error())
	case isAlert(err):
		return unknown(evidence.CodeProtocol, err.Error())
	default:
		return broken(err)
	}
}

// speaksTLS reports whether a server answers a TLS greeting with TLS, whatever
// it thinks of the greeting.
func (p *Prober) speaksTLS(ctx context.Context, conn net.Conn, host string) bool {
	_, err := p.handshake(ctx, conn, evidence.TLSRequire, host)
	return err == nil || isAlert(err)
}

// isAlert reports whether the peer answered with a TLS alert.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}
