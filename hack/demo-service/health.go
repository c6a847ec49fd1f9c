package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// checkTimeout of one dependency's check.
const checkTimeout = time.Second

// Statuses of the service and of its dependencies.
const (
	starting  = "starting"
	healthy   = "healthy"
	unhealthy = "unhealthy"
)

// health answers GET /health: 200 when the service is ready and its
// dependencies answer, otherwise 503; the JSON says the same in detail.
type health struct {
	environment string
	metrics     *metrics

	mu           sync.Mutex
	status       string
	dependencies []dependency
}

type healthReport struct {
	Status         string                      `json:"status"`
	Environment    string                      `json:"environment"`
	Infrastructure map[string]dependencyReport `json:"infrastructure_health"`
	System         systemReport                `json:"system_metrics"`
}

type dependencyReport struct {
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
}

func newHealth(environment string) *health {
	return &health{environment: environment, metrics: newMetrics(), status: starting}
}

// watch adds a dependency that is connected.
func (h *health) watch(d dependency) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dependencies = append(h.dependencies, d)
}

// ready says that the start-up is over.
func (h *health) ready() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = healthy
}

// serve answers until ctx is done, and sends why it could not.
func (h *health) serve(ctx context.Context, port int) <-chan error {
	mux := http.NewServeMux()
	mux.Handle("GET /health", h)
	server := &http.Server{Addr: ":" + strconv.Itoa(port), Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() }) // the process ends
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	return failed
}

// ServeHTTP implements http.Handler.
func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	report := h.report(r.Context())
	w.Header().Set("Content-Type", "application/json")
	if report.Status != healthy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(report) // the client is gone
}

func (h *health) report(ctx context.Context) healthReport {
	h.mu.Lock()
	defer h.mu.Unlock()
	report := healthReport{
		Status:         h.status,
		Environment:    h.environment,
		Infrastructure: map[string]dependencyReport{},
		System:         h.metrics.report(time.Now()),
	}
	for _, d := range h.dependencies {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		err := d.check(ctx)
		cancel()
		if err == nil {
			report.Infrastructure[d.key()] = dependencyReport{Status: healthy}
			continue
		}
		report.Infrastructure[d.key()] = dependencyReport{Status: unhealthy, Error: err.Error()}
		report.Status = unhealthy
	}
	return report
}
