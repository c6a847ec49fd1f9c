package metrics

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// tally is what was counted of one stack. It is shown while there is the stack.
type tally struct {
	incidents, escalations float64
	restarts               map[string]float64                           // by service
	checks                 map[string]map[v1alpha1.ProbeOutcome]float64 // by service
	last                   map[string]v1alpha1.ProbeOutcome             // by service
}

// of finds a stack's tally. The caller holds m.mu.
func (m *Metrics) of(stack client.ObjectKey) *tally {
	t := m.stacks[stack]
	if t == nil {
		t = &tally{restarts: map[string]float64{}, checks: map[string]map[v1alpha1.ProbeOutcome]float64{}, last: map[string]v1alpha1.ProbeOutcome{}}
		m.stacks[stack] = t
	}
	return t
}

// Diagnosis counts what changed between two statuses of a diagnosis, the second
// of which was just persisted in place of the first.
func (m *Metrics) Diagnosis(before, after *v1alpha1.BridgeDiagnosis) {
	if m == nil {
		return
	}
	was, is := before.Status, after.Status
	m.stations(was, is)
	if is.Cause != "" && (is.Cause != was.Cause || is.Confidence != was.Confidence) {
		m.findings.WithLabelValues(string(is.Cause), string(is.Confidence)).Inc()
	}
	m.attempts(was.Attempts, is.Attempts)
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.of(stackOf(after))
	if was.State == "" && is.State != "" {
		t.incidents++
	}
	if first(was.Times.Escalated, is.Times.Escalated) {
		t.escalations++
	}
}

// first is true where a station was reached just now.
func first(was, is *metav1.MicroTime) bool { return was == nil && is != nil }

// stations observes how long it took to those that were reached just now.
func (m *Metrics) stations(was, is v1alpha1.BridgeDiagnosisStatus) {
	if first(was.Times.Diagnosed, is.Times.Diagnosed) {
		m.incidents.WithLabelValues(string(is.Cause)).Inc()
		m.diagnosed.Observe(since(is.Times.Visible, is.Times.Diagnosed))
	}
	if first(was.Times.Patched, is.Times.Patched) {
		m.patched.Observe(since(is.Times.Visible, is.Times.Patched))
	}
	if first(was.Times.Recovered, is.Times.Recovered) {
		m.recovered.WithLabelValues(owedTo(is.Attempts)).Observe(since(is.Times.Visible, is.Times.Recovered))
	}
}

func stackOf(d *v1alpha1.BridgeDiagnosis) client.ObjectKey {
	return client.ObjectKey{Namespace: d.Namespace, Name: d.Spec.Stack}
}

// since is the time between two stations, in seconds.
func since(from, to *metav1.MicroTime) float64 {
	if from == nil {
		return 0
	}
	return max(0, to.Sub(from.Time).Seconds())
}

func owedTo(attempts []v1alpha1.Attempt) string {
	for _, a := range attempts {
		if a.Outcome == v1alpha1.AttemptHelped {
			return byRemedy
		}
	}
	return byItself
}

func (m *Metrics) attempts(was, is []v1alpha1.Attempt) {
	known := map[string]v1alpha1.Attempt{}
	for _, a := range was {
		known[a.ID] = a
	}
	for _, a := range is {
		old, seen := known[a.ID]
		if old.AppliedAt == nil && a.AppliedAt != nil {
			m.applied.WithLabelValues(string(a.Proposal.Remedy)).Inc()
		}
		if (!seen || old.Outcome.InForce()) && !a.Outcome.InForce() {
			m.remedies.WithLabelValues(string(a.Proposal.Remedy), string(a.Outcome)).Inc()
		}
	}
}

// Deliveries counts what changed between two records of whom was told.
func (m *Metrics) Deliveries(before, after []v1alpha1.Delivery) {
	if m == nil {
		return
	}
	known := map[string]v1alpha1.Delivery{}
	for _, d := range before {
		known[d.Receiver] = d
	}
	for _, d := range after {
		old := known[d.Receiver]
		switch {
		case d.Failures > old.Failures:
			m.notifications.WithLabelValues(Failed).Inc()
		case d.DeliveredAt != nil && !d.DeliveredAt.Equal(old.DeliveredAt):
			m.notifications.WithLabelValues(Delivered).Inc()
		}
	}
}

// Restarts counts restarts of a service's containers.
func (m *Metrics) Restarts(stack client.ObjectKey, service string, n int32) {
	if m == nil || n <= 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of(stack).restarts[service] += float64(n)
}

// Health counts an answer of a service's health endpoint.
func (m *Metrics) Health(stack client.ObjectKey, service string, outcome v1alpha1.ProbeOutcome) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.of(stack)
	if t.checks[service] == nil {
		t.checks[service] = map[v1alpha1.ProbeOutcome]float64{}
	}
	t.checks[service][outcome]++
	t.last[service] = outcome
}

// Probe counts a probe that ended.
func (m *Metrics) Probe(p evidence.Probe) {
	if m == nil {
		return
	}
	last := p.Last()
	m.probes.WithLabelValues(string(p.Protocol), string(last.Name), string(classOf(p.Protocol, last)), string(last.Outcome)).Inc()
	m.probeDuration.WithLabelValues(string(p.Protocol), string(last.Outcome)).Observe(p.Took().Round(time.Microsecond).Seconds())
}
