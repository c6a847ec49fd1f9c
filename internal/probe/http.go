package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

func init() { probes[evidence.HTTP] = (*run).http }

// mostBody of an answer that is read, in bytes, mostMembers of its maps that are
// kept, and maxName of a name in it or of a server's version, in bytes.
const (
	mostBody    = 256 << 10
	mostMembers = 64
	maxName     = 128
)

// http asks a health endpoint. Redirects are not followed: they are not 2xx, and
// would lead the probe elsewhere.
func (r *run) http(ctx context.Context) {
	conn := r.connect(ctx, r.settings.Server())
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	r.exchange(ctx, evidence.StageHTTP, func(ctx context.Context) verdict {
		response, body, err := r.get(ctx, conn)
		if err != nil {
			return broken(err)
		}
		facts := readHealth(body)
		facts.Status = response.StatusCode
		r.result.HTTP = &facts
		switch {
		case response.StatusCode < 200 || response.StatusCode > 299:
			return failed(evidence.CodeUnhealthy, fmt.Sprintf("HTTP %s%s", response.Status, saying(facts.Health)))
		case slices.Contains(unhealthy, strings.ToLower(facts.Health)):
			return failed(evidence.CodeUnhealthy, fmt.Sprintf("HTTP %s%s", response.Status, saying(facts.Health)))
		}
		return verdict{}
	})
}

func saying(health string) string {
	if health == "" {
		return ""
	}
	return fmt.Sprintf(", status %q", health)
}

// get sends the request over the connection that is there. The client can
// reach no other.
func (r *run) get(ctx context.Context, conn net.Conn) (*http.Response, []byte, error) {
	path := r.settings.Path
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	server := r.settings.Server()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server.String()+path, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("building the request for %s: %w", path, err)
	}
	request.Header.Set("User-Agent", clientName)
	request.Header.Set("Accept", "application/json, */*;q=0.5")
	transport := &http.Transport{
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
	}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, nil, fmt.Errorf("GET %s: %w", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostBody))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the answer to GET %s: %w", path, err)
	}
	return response, body, nil
}

// unhealthy are words by which services say that they are down though they
// answer. "degraded" is not one: such a service works.
var unhealthy = []string{"unhealthy", "down", "fail", "failed", "error", "critical", "out_of_service", "unavailable", "dead"}

// readHealth reads the JSON that health endpoints answer with. What is no JSON,
// or has other members, says nothing.
func readHealth(body []byte) evidence.HTTPFacts {
	var answer struct {
		Status         any            `json:"status"`
		Infrastructure map[string]any `json:"infrastructure_health"`
		SystemMetrics  map[string]any `json:"system_metrics"`
	}
	var facts evidence.HTTPFacts
	if json.Unmarshal(body, &answer) != nil {
		return facts
	}
	facts.Health = state(answer.Status)
	for name, member := range answer.Infrastructure {
		if s := state(member); s != "" && len(facts.Infrastructure) < mostMembers {
			put(&facts.Infrastructure, text.Clip(name, maxName), s)
		}
	}
	for name, member := range answer.SystemMetrics {
		if n, ok := member.(float64); ok && len(facts.SystemMetrics) < mostMembers {
			put(&facts.SystemMetrics, text.Clip(name, maxName), n)
		}
	}
	return facts
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

// state of a member: a word, a truth value, or an object with either.
func state(member any) string {
	switch m := member.(type) {
	case string:
		return text.Clip(m, maxName)
	case bool:
		if m {
			return "healthy"
		}
		return "unhealthy"
	case map[string]any:
		for _, key := range []string{"status", "state", "health", "healthy", "connected"} {
			if inner, ok := m[key]; ok {
				if _, nested := inner.(map[string]any); !nested {
					return state(inner)
				}
			}
		}
	}
	return ""
}
