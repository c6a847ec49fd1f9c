package metrics

import (
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Outcomes of a try to tell a receiver.
const (
	// Delivered: the receiver accepted the message.
	Delivered = "delivered"
	// Failed: it did not, and is tried again.
	Failed = "failed"
)

// What an incident's end is owed to.
const byRemedy, byItself = "remedy", "itself"

// durations resolve 50 ms to an hour: what is diagnosed in milliseconds and what
// waits for a person.
var durations = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}

// probeDurations end above the longest time that a probe may take, 3 s.
var probeDurations = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 5}

// Options of the metrics.
type Options struct {
	// Cached lists stacks and diagnoses at each scrape.
	Cached client.Reader
	// Elected is closed once this process leads, and its cache is filled.
	Elected <-chan struct{}
	// Now is the clock.
	Now func() time.Time
}

// Metrics is all that the operator measures, a prometheus.Collector. It is safe
// for concurrent use; a nil one counts nothing.
type Metrics struct {
	options Options

	incidents, findings, applied, remedies *prometheus.CounterVec
	probes, notifications                  *prometheus.CounterVec
	diagnosed, patched                     prometheus.Histogram
	recovered, probeDuration               *prometheus.HistogramVec
	build                                  prometheus.Gauge

	mu     sync.Mutex
	stacks map[client.ObjectKey]*tally
}

// New makes metrics that have counted nothing yet.
func New(o Options) *Metrics {
	m := &Metrics{
		options:       o,
		incidents:     counters("incidents_total", "Incidents, by the cause that was found first.", "cause"),
		findings:      counters("findings_total", "Causes found, each time that it is another one.", "cause", "confidence"),
		applied:       counters("remedies_applied_total", "Changes that were accepted.", "remedy"),
		remedies:      counters("remedies_total", "Attempts at a remedy that ended.", "remedy", "outcome"),
		probes:        counters("probes_total", "Probes of dependencies, by the stage at which they ended.", "protocol", "stage", "class", "outcome"),
		notifications: counters("notifications_total", "Tries to tell a receiver.", "outcome"),
		diagnosed:     prometheus.NewHistogram(seconds("incident_diagnosed_seconds", "From the incident being visible to its first cause.", durations)),
		patched:       prometheus.NewHistogram(seconds("incident_patched_seconds", "From the incident being visible to the first accepted change.", durations)),
		recovered:     prometheus.NewHistogramVec(seconds("incident_recovered_seconds", "From the incident being visible to the end of the soak.", durations), []string{"by"}),
		probeDuration: prometheus.NewHistogramVec(seconds("probe_duration_seconds", "What probes of dependencies took.", probeDurations), []string{"protocol", "outcome"}),
		build: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "The operator's version.",
			ConstLabels: prometheus.Labels{"version": version()}}),
		stacks: map[client.ObjectKey]*tally{},
	}
	m.build.Set(1)
	m.fromZero()
	return m
}

const namespace = "bridgestack"

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func seconds(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}
}

// ended are the outcomes that are final.
var ended = []v1alpha1.AttemptOutcome{v1alpha1.AttemptHelped, v1alpha1.AttemptRolledBack, v1alpha1.AttemptWithdrawn, v1alpha1.AttemptConflict, v1alpha1.AttemptReverted, v1alpha1.AttemptFailed}

// fromZero makes the series of the closed lists: a counter that is born with 1
// has not increased, as Prometheus sees it.
func (m *Metrics) fromZero() {
	for _, c := range v1alpha1.Causes {
		m.incidents.WithLabelValues(string(c))
	}
	for _, r := range v1alpha1.Remedies {
		if r == v1alpha1.RemedyEscalate {
			continue // counted as an escalation
		}
		m.applied.WithLabelValues(string(r))
		for _, o := range ended {
			m.remedies.WithLabelValues(string(r), string(o))
		}
	}
	for _, o := range []string{Delivered, Failed} {
		m.notifications.WithLabelValues(o)
	}
	for _, by := range []string{byRemedy, byItself} {
		m.recovered.WithLabelValues(by)
	}
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// vectors are those that keep their own numbers.
func (m *Metrics) vectors() []prometheus.Collector {
	return []prometheus.Collector{m.incidents, m.findings, m.applied, m.remedies, m.probes, m.notifications,
		m.diagnosed, m.patched, m.recovered, m.probeDuration, m.build}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range m.vectors() {
		v.Describe(ch)
	}
	for _, f := range families {
		ch <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, v := range m.vectors() {
		v.Collect(ch)
	}
	select {
	case <-m.options.Elected:
		m.collectStacks(ch)
	default:
	}
}
