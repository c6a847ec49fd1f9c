package controllers_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// scraper reads an operator's metrics as Prometheus does. The folder that
// BRIDGESTACK_SCRAPES names keeps what was read, in its order, for the tests of
// alerts and dashboard: see hack/prometheus.
type scraper struct {
	registry *prometheus.Registry
	kept     int
}

func (s *scraper) read(t *testing.T) map[string]float64 {
	t.Helper()
	return s.scrape(t, "")
}

// keep reads them and keeps them under a name.
func (s *scraper) keep(t *testing.T, name string) map[string]float64 {
	t.Helper()
	return s.scrape(t, name)
}

func (s *scraper) scrape(t *testing.T, name string) map[string]float64 {
	t.Helper()
	families, err := prometheus.Gatherers{s.registry, ctrlmetrics.Registry}.Gather()
	if err != nil {
		t.Fatalf("scrape: %v", err)
	}
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	if folder := os.Getenv("BRIDGESTACK_SCRAPES"); folder != "" && name != "" {
		s.kept++
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%02d-%s.prom", s.kept, name)), text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := map[string]float64{}
	for line := range strings.Lines(text.String()) {
		at := strings.LastIndex(line, " ")
		if value, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64); err == nil && !strings.HasPrefix(line, "#") {
			out[line[:at]] = value
		}
	}
	return out
}

// shows waits until the metrics show what is wanted.
func (s *scraper) shows(t *testing.T, want map[string]float64) {
	t.Helper()
	var differs string
	until(t, func() bool {
		differs = differences(s.read(t), want)
		return differs == ""
	}, func() string { return "shown by the metrics:\n" + differs })
}

func differences(got, want map[string]float64) string {
	var out strings.Builder
	for series, value := range want {
		if now, found := got[series]; !found || now != value {
			fmt.Fprintf(&out, "  %s is %v (there: %v), want %v\n", series, now, found, value)
		}
	}
	return out.String()
}

// measured is a stack of four services: api needs a database that is not there,
// web has a health endpoint, and of two receivers one cannot be reached.
func measured(t *testing.T, ns string, h *healthEndpoint, in *inbox) *v1alpha1.BridgeStack {
	t.Helper()
	s := h.watched(t, ns)
	s.Spec.Services[0].Name, s.Spec.Services[0].Workload.Name = "web", "web"
	db := v1alpha1.Service{Name: "db", External: true, Endpoint: &v1alpha1.Endpoint{Postgres: &v1alpha1.PostgresEndpoint{Host: "127.0.0.1", Port: 1}}}
	s.Spec.Services = append(s.Spec.Services, db, service("api", "db"), service("billing"), service("worker"))
	one := int32(1)
	s.Spec.Remediation.MaxAttempts = &one
	s.Spec.Notifications = []v1alpha1.Receiver{
		{Name: "hook", Webhook: &v1alpha1.WebhookReceiver{URL: in.server.URL}},
		{Name: "lost", Webhook: &v1alpha1.WebhookReceiver{URL: "http://127.0.0.1:1"}},
	}
	return s
}

// What the operator did is in its metrics, once each, and how the stack stands.
func TestWhatIsMeasured(t *testing.T) {
	t.Parallel()
	ns, h, in := namespace(t), newHealthEndpoint(t), newInbox(t)
	s := measured(t, ns, h, in)
	create(t, s)
	set := really()
	set.registry = prometheus.NewRegistry()
	first, m := start(t, ns, set), &scraper{registry: set.registry}
	for _, app := range []string{"web", "api", "billing", "worker"} {
		deploy(t, ns, app, runs)
	}
	stack := fmt.Sprintf(`namespace="%s",stack="shop"`, ns)
	of := func(service string) string {
		return fmt.Sprintf(`namespace="%s",service="%s",stack="shop"`, ns, service)
	}
	m.shows(t, map[string]float64{
		"bridgestack_stack_healthy{" + stack + "}":                                                                     1,
		"bridgestack_stack_ready{" + stack + "}":                                                                       1,
		"bridgestack_stack_paused{" + stack + "}":                                                                      0,
		"bridgestack_container_restarts_total{" + of("api") + "}":                                                      0,
		"bridgestack_health_endpoint_up{" + of("web") + "}":                                                            1,
		fmt.Sprintf(`bridgestack_health_checks_total{namespace="%s",outcome="Failed",service="web",stack="shop"}`, ns): 0,
		"bridgestack_escalations_total{" + stack + "}":                                                                 0,
		"bridgestack_incidents_total{cause=\"OOMKilled\"}":                                                             0,
	})
	left := m.keep(t, "well")["bridgestack_stack_remedies_left{"+stack+"}"]

	// One that recovers.
	becomes(t, ns, "api", needs("192Mi"))
	await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	m.shows(t, map[string]float64{
		`bridgestack_incidents_total{cause="OOMKilled"}`:                         1,
		`bridgestack_findings_total{cause="OOMKilled",confidence="High"}`:        1,
		`bridgestack_remedies_applied_total{remedy="RaiseMemoryLimit"}`:          1,
		`bridgestack_remedies_total{outcome="Helped",remedy="RaiseMemoryLimit"}`: 1,
		`bridgestack_incident_diagnosed_seconds_count`:                           1,
		`bridgestack_incident_patched_seconds_count`:                             1,
		`bridgestack_incident_recovered_seconds_count{by="remedy"}`:              1,
		`bridgestack_incident_recovered_seconds_bucket{by="remedy",le="60"}`:     1,
		`bridgestack_incident_recovered_seconds_bucket{by="remedy",le="0.5"}`:    0, // the soak alone is longer
		"bridgestack_container_restarts_total{" + of("api") + "}":                5,
		"bridgestack_stack_incidents_total{" + stack + "}":                       1,
		"bridgestack_stack_remedies_left{" + stack + "}":                         left - 1,
		"bridgestack_stack_healthy{" + stack + "}":                               1,
		"bridgestack_escalations_total{" + stack + "}":                           0,
	})
	if got := m.keep(t, "recovered"); got[`bridgestack_probes_total{class="network",outcome="Failed",protocol="Postgres",stage="Dial"}`] == 0 {
		t.Error("that the database was probed in vain is not counted")
	}

	// One that a person is called for, and of whom one of two receivers is told.
	becomes(t, ns, "billing", missingSetting)
	escalated := await(t, ns, "billing", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	open := func(cause v1alpha1.Cause) string {
		return fmt.Sprintf(`bridgestack_open_diagnoses{cause="%s",namespace="%s",stack="shop",state="Escalated",symptom="RestartLoop"}`, cause, ns)
	}
	m.shows(t, map[string]float64{
		fmt.Sprintf(`bridgestack_incidents_total{cause="%s"}`, escalated.Status.Cause): 1,
		open(escalated.Status.Cause):                                1,
		"bridgestack_escalations_total{" + stack + "}":              1,
		"bridgestack_service_healthy{" + of("billing") + "}":        0,
		"bridgestack_stack_healthy{" + stack + "}":                  0,
		`bridgestack_notifications_total{outcome="delivered"}`:      1,
		"bridgestack_notifications_undelivered{" + stack + "}":      1,
		`bridgestack_incident_diagnosed_seconds_count`:              2,
		`bridgestack_incident_recovered_seconds_count{by="itself"}`: 0,
	})
	m.keep(t, "escalated")

	// One that is taken back.
	becomes(t, ns, "worker", outOfMemory)
	await(t, ns, "worker", v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted)
	m.shows(t, map[string]float64{
		`bridgestack_incidents_total{cause="OOMKilled"}`:                             2,
		`bridgestack_remedies_applied_total{remedy="RaiseMemoryLimit"}`:              2,
		`bridgestack_remedies_total{outcome="Helped",remedy="RaiseMemoryLimit"}`:     1,
		`bridgestack_remedies_total{outcome="RolledBack",remedy="RaiseMemoryLimit"}`: 1,
		// Before the raise, with it, and after it was taken back.
		"bridgestack_container_restarts_total{" + of("worker") + "}": 15,
		open(v1alpha1.CauseOOMKilled):                                1,
		"bridgestack_escalations_total{" + stack + "}":               2,
	})
	m.keep(t, "taken-back")

	// One that a health endpoint shows.
	h.unwell.Store(true)
	m.shows(t, map[string]float64{
		"bridgestack_stack_incidents_total{" + stack + "}":        4,
		"bridgestack_health_endpoint_up{" + of("web") + "}":       0,
		"bridgestack_container_restarts_total{" + of("web") + "}": 0,
	})
	unwell := m.keep(t, "unwell")
	if n := unwell[fmt.Sprintf(`bridgestack_health_checks_total{namespace="%s",outcome="Failed",service="web",stack="shop"}`, ns)]; n < 3 {
		t.Errorf("%v failed checks are counted, and it took 3", n)
	}

	// Another process counts nothing of it again, and shows what is open.
	first.stop()
	set.registry = prometheus.NewRegistry()
	start(t, ns, set)
	next := &scraper{registry: set.registry, kept: m.kept}
	next.shows(t, map[string]float64{
		open(v1alpha1.CauseOOMKilled):                                            1,
		open(escalated.Status.Cause):                                             1,
		`bridgestack_incidents_total{cause="OOMKilled"}`:                         0,
		`bridgestack_remedies_total{outcome="Helped",remedy="RaiseMemoryLimit"}`: 0,
		`bridgestack_notifications_total{outcome="delivered"}`:                   0,
		"bridgestack_escalations_total{" + stack + "}":                           0,
		"bridgestack_container_restarts_total{" + of("worker") + "}":             0,
		"bridgestack_notifications_undelivered{" + stack + "}":                   2,
	})

	// All is well again: what was open is gone.
	h.unwell.Store(false)
	for _, app := range []string{"billing", "worker"} {
		becomes(t, ns, app, runs)
	}
	next.shows(t, map[string]float64{
		"bridgestack_stack_healthy{" + stack + "}":                  1,
		"bridgestack_health_endpoint_up{" + of("web") + "}":         1,
		`bridgestack_incident_recovered_seconds_count{by="itself"}`: 3,
		`bridgestack_incident_recovered_seconds_count{by="remedy"}`: 0,
	})
	for series := range next.keep(t, "well-again") {
		if strings.HasPrefix(series, "bridgestack_open_diagnoses{") {
			t.Errorf("nothing is open, and there is %s", series)
		}
	}
	if err := k8s.Delete(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		for series := range next.read(t) {
			if strings.Contains(series, `stack="shop"`) {
				return false
			}
		}
		return true
	}, func() string { return "nothing is shown of a stack that was deleted" })
}
