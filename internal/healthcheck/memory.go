// Package healthcheck remembers what the stacks' HTTP health endpoints answered.
package healthcheck

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
)

// Memory is what was seen of health endpoints, by stack and service. It is a
// cache: after a restart they are asked anew. The zero value is empty; it is safe
// for concurrent use.
type Memory struct {
	mu      sync.Mutex
	byStack map[types.NamespacedName]map[string]Endpoint
}

// Endpoint is what was seen of one.
type Endpoint struct {
	// History of its failures.
	History detect.Health
	// Last answer.
	Last evidence.Probe
	// AskedSince is when this process had its first answer.
	AskedSince time.Time
	// HealthySince is since when all answers have been good, zero while they are not.
	HealthySince time.Time
}

// Forget a stack's endpoints.
func (m *Memory) Forget(stack types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byStack, stack)
}

// Keep only what is known of these services of a stack.
func (m *Memory) Keep(stack types.NamespacedName, services []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.byStack[stack], func(service string, _ Endpoint) bool { return !slices.Contains(services, service) })
}

// Record an answer, and return what is known of the endpoint with it.
func (m *Memory) Record(stack types.NamespacedName, service string, answer evidence.Probe, s detect.Settings, now time.Time) Endpoint {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byStack == nil {
		m.byStack = map[types.NamespacedName]map[string]Endpoint{}
	}
	if m.byStack[stack] == nil {
		m.byStack[stack] = map[string]Endpoint{}
	}
	known, asked := m.byStack[stack][service]
	if !asked {
		known.AskedSince = now
	}
	known.History, known.Last = detect.ObserveHealth(known.History, answer.Outcome(), s, now), answer
	switch {
	case answer.Outcome() != v1alpha1.ProbePassed:
		known.HealthySince = time.Time{}
	case known.HealthySince.IsZero():
		known.HealthySince = now
	}
	m.byStack[stack][service] = known
	return known
}

// Get what is known of an endpoint; false where it was not asked yet.
func (m *Memory) Get(stack types.NamespacedName, service string) (Endpoint, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.byStack[stack][service]
	return known, ok
}
