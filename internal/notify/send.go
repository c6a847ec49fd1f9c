package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bridgestack/operator/internal/egress"
)

// mostHeader is the largest header of an answer, in bytes; of its body nothing
// is read.
const mostHeader = 64 << 10

// Sender sends requests. Receivers are named by the owners of stacks and not by
// the cluster's admin: every connection goes through the guard, and
// redirects are not followed.
type Sender struct {
	// Dialer connects to where its guard lets it.
	Dialer *egress.Dialer
	// Now is the clock.
	Now func() time.Time
	// Timeout of one message. Default: 10s.
	Timeout time.Duration
}

// Refusal is a message that was not accepted. It names no URL, which may be a
// secret, and nothing of the answer's text, which may be of a server that the
// stack's owner could not ask himself.
type Refusal struct {
	// Because says what came instead.
	Because string
	// RetryAfter is when the receiver wants to be asked again, 0 if it does not say.
	RetryAfter time.Duration
}

func (r *Refusal) Error() string { return r.Because }

// Send sends a request, and returns a *Refusal where it was not accepted.
func (s *Sender) Send(ctx context.Context, scope egress.Scope, r Request) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.Timeout, 10*time.Second))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return &Refusal{Because: "the receiver's URL cannot be sent to"}
	}
	request.Header = r.Header.Clone()
	request.Header.Set("User-Agent", "bridgestack")
	trusted, err := roots(r.CA)
	if err != nil {
		return err
	}
	transport := &http.Transport{
		// The transport's own context ends with the dial, and the connection with it.
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			return s.Dialer.DialAddress(ctx, scope, address)
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: mostHeader,
	}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request) // which follows no redirect
	if err != nil {
		return &Refusal{Because: "no answer: " + withoutURL(err).Error()}
	}
	_ = response.Body.Close()
	return s.verdict(response)
}

func (s *Sender) verdict(response *http.Response) error {
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		return &Refusal{Because: fmt.Sprintf("the receiver redirects (HTTP %d), which is not followed", code)}
	default:
		return &Refusal{Because: fmt.Sprintf("the receiver answers HTTP %d %s", code, http.StatusText(code)),
			RetryAfter: retryAfter(response.Header.Get("Retry-After"), s.Now())}
	}
}

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), int(longestRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// roots are the certificates to trust, nil for those of the image.
func roots(pem []byte) (*x509.CertPool, error) {
	if len(pem) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &Refusal{Because: "caFrom holds no certificate in PEM"}
	}
	return pool, nil
}

func withoutURL(err error) error {
	if named, ok := errors.AsType[*url.Error](err); ok {
		return named.Err
	}
	return err
}
