package notify

import (
	"context"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/egress"
)

// sender is one whose admin allows receivers on this machine, or not.
func sender(allowed bool) *Sender {
	o := egress.Options{Resolver: nobody{}}
	if allowed {
		o.AllowedNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	return &Sender{Dialer: egress.New(o), Now: func() time.Time { return now }}
}

type nobody struct{}

func (nobody) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host == "metadata.shop.svc.cluster.local." {
		return []netip.Addr{netip.MustParseAddr("169.254.169.254")}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

var shop = egress.Scope{Namespace: "shop", Owned: func(netip.Addr) bool { return true }}

func send(t *testing.T, s *Sender, url string, ca []byte) *Refusal {
	t.Helper()
	err := s.Send(t.Context(), shop, Request{URL: url, Body: []byte(`{"a":1}`), Header: http.Header{IDHeader: {"7"}}, CA: ca})
	var refusal *Refusal
	if err != nil && !errors.As(err, &refusal) {
		t.Fatalf("no refusal: %v", err)
	}
	return refusal
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func TestSend(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string // empty is accepted
		retry  time.Duration
	}{
		"accepts":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }, "", 0},
		"fails":      {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secret", 500) }, "HTTP 500", 0},
		"is too hot": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "120"); w.WriteHeader(429) }, "HTTP 429", 2 * time.Minute},
		"is too hot until a time": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", now.Add(time.Minute).Format(http.TimeFormat))
			w.WriteHeader(503)
		}, "HTTP 503", time.Minute},
		"asks for nonsense": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "-5"); w.WriteHeader(503) }, "HTTP 503", 0},
		"redirects to metadata": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusTemporaryRedirect)
		}, "redirects", 0},
		"answers without end": {func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, "", 0},
		"has endless headers": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, "no answer", 0},
		"hangs up": {func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				conn.Close()
			}
		}, "no answer", 0},
	} {
		t.Run(name, func(t *testing.T) {
			refusal := send(t, sender(true), serve(t, c.answer)+"/token", nil)
			switch {
			case c.says == "" && refusal == nil:
			case refusal == nil || !strings.Contains(refusal.Because, c.says) || c.says == "":
				t.Errorf("got %v, want %q", refusal, c.says)
			case refusal.RetryAfter != c.retry:
				t.Errorf("again after %s, want %s", refusal.RetryAfter, c.retry)
			case strings.Contains(refusal.Because, "token"), strings.Contains(refusal.Because, "secret"):
				t.Errorf("tells the URL or the answer: %s", refusal.Because)
			}
		})
	}
}

func TestReceiverThatHangs(t *testing.T) {
	over := make(chan struct{})
	url := serve(t, func(http.ResponseWriter, *http.Request) { <-over })
	defer close(over)
	s := sender(true)
	s.Timeout = 200 * time.Millisecond
	started := time.Now()
	if refusal := send(t, s, url, nil); refusal == nil || time.Since(started) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(started), refusal)
	}
}

// Where the admin allowed nothing, no stack's owner reaches what is not his own.
func TestGuardHolds(t *testing.T) {
	var reached atomic.Int32
	url := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	for _, u := range []string{url, strings.Replace(url, "127.0.0.1", "localhost", 1), strings.Replace(url, "127.0.0.1", "[::ffff:127.0.0.1]", 1),
		"http://169.254.169.254/latest/meta-data", "http://metadata/", "http://[fe80::1]/", "http://2130706433/"} {
		if refusal := send(t, sender(false), u, nil); refusal == nil {
			t.Errorf("%s was reached", u)
		}
	}
	if reached.Load() != 0 {
		t.Errorf("reached %d times", reached.Load())
	}
	// So that the above can fail: it is the guard that kept it away.
	if refusal := send(t, sender(true), url, nil); refusal != nil {
		t.Error(refusal)
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	if refusal := send(t, sender(true), server.URL, nil); refusal == nil || !strings.Contains(refusal.Because, "certificate") {
		t.Errorf("a stranger is trusted: %v", refusal)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if refusal := send(t, sender(true), server.URL, ca); refusal != nil {
		t.Errorf("with its CA: %v", refusal)
	}
	if refusal := send(t, sender(true), server.URL, []byte("no certificate")); refusal == nil || !strings.Contains(refusal.Because, "caFrom") {
		t.Errorf("a CA that is none: %v", refusal)
	}
}
