package metrics

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/stack"
)

// family is a metric that is made at each scrape.
type family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// families that were made so far, for Describe.
var families []family

func perStack(kind prometheus.ValueType, name, help string, labels ...string) family {
	f := family{kind: kind, desc: prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, append([]string{"namespace", "stack"}, labels...), nil)}
	families = append(families, f)
	return f
}

var (
	stackIncidents = perStack(prometheus.CounterValue, "stack_incidents_total", "Incidents that were opened.")
	escalations    = perStack(prometheus.CounterValue, "escalations_total", "Times that a person was called.")
	restarts       = perStack(prometheus.CounterValue, "container_restarts_total", "Restarts of the service's containers that were seen.", "service")
	healthChecks   = perStack(prometheus.CounterValue, "health_checks_total", "Answers of the service's health endpoint.", "service", "outcome")

	openDiagnoses  = perStack(prometheus.GaugeValue, "open_diagnoses", "Diagnoses that are not over.", "cause", "state", "symptom")
	stackReady     = perStack(prometheus.GaugeValue, "stack_ready", "1 where the policy is resolved and followed.")
	stackHealthy   = perStack(prometheus.GaugeValue, "stack_healthy", "1 where all services are.")
	stackPaused    = perStack(prometheus.GaugeValue, "stack_paused", "1 while spec.paused is true.")
	inMaintenance  = perStack(prometheus.GaugeValue, "stack_in_maintenance", "1 while a maintenance window is open.")
	remediesLeft   = perStack(prometheus.GaugeValue, "stack_remedies_left", "Remedies that the budget allows in this hour.")
	serviceHealthy = perStack(prometheus.GaugeValue, "service_healthy", "1 where it is available and has no open diagnosis.", "service")
	endpointUp     = perStack(prometheus.GaugeValue, "health_endpoint_up", "The health endpoint's last answer: 1 well, 0 not.", "service")
	dependencyUp   = perStack(prometheus.GaugeValue, "dependency_up", "The last probe for an open diagnosis: 1 passed, 0 failed.", "service", "dependency", "viewpoint")
	undelivered    = perStack(prometheus.GaugeValue, "notifications_undelivered", "Messages that a receiver did not accept yet.")
)

// scrape writes the metrics of one stack.
type scrape struct {
	ch    chan<- prometheus.Metric
	stack client.ObjectKey
}

func (s scrape) put(f family, value float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(f.desc, f.kind, value, append([]string{s.stack.Namespace, s.stack.Name}, labels...)...)
}

func (s scrape) is(f family, holds bool, labels ...string) {
	value := 0.0
	if holds {
		value = 1
	}
	s.put(f, value, labels...)
}

// collectStacks shows how the stacks stand. Nothing of the lists is changed, so
// they need not be copies.
func (m *Metrics) collectStacks(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var stacks v1alpha1.BridgeStackList
	var diagnoses v1alpha1.BridgeDiagnosisList
	for _, list := range []client.ObjectList{&stacks, &diagnoses} {
		if err := m.options.Cached.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			ch <- prometheus.NewInvalidMetric(stackReady.desc, err) // the scrape says that it is not whole
			return
		}
	}
	byStack := map[client.ObjectKey][]v1alpha1.BridgeDiagnosis{}
	for i := range diagnoses.Items {
		key := stackOf(&diagnoses.Items[i])
		byStack[key] = append(byStack[key], diagnoses.Items[i])
	}
	// What a policy says now may take a while to work out, and whoever counts
	// something waits for the lock: controllers do.
	for i := range stacks.Items {
		key := client.ObjectKeyFromObject(&stacks.Items[i])
		s := scrape{ch, key}
		s.policy(&stacks.Items[i], byStack[key], m.options.Now())
		s.open(byStack[key])
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := make(map[client.ObjectKey]*tally, len(stacks.Items))
	for i := range stacks.Items {
		key := client.ObjectKeyFromObject(&stacks.Items[i])
		kept[key] = m.of(key)
		scrape{ch, key}.services(&stacks.Items[i], kept[key])
	}
	m.stacks = kept
}

// policy shows what the operator may do for a stack.
func (s scrape) policy(b *v1alpha1.BridgeStack, diagnoses []v1alpha1.BridgeDiagnosis, now time.Time) {
	policy := stack.PolicyOf(b.Spec)
	s.is(stackReady, meta.IsStatusConditionTrue(b.Status.Conditions, v1alpha1.ConditionReady))
	s.is(stackHealthy, meta.IsStatusConditionTrue(b.Status.Conditions, v1alpha1.ConditionHealthy))
	s.is(stackPaused, policy.Paused)
	s.is(inMaintenance, policy.MaintenanceAt(now).Now())
	s.put(remediesLeft, float64(plan.BudgetLeft(policy, diagnoses, now)))
}

// services shows how they are, and what was counted of them.
func (s scrape) services(b *v1alpha1.BridgeStack, t *tally) {
	s.put(stackIncidents, t.incidents)
	s.put(escalations, t.escalations)
	for _, service := range b.Status.Services {
		s.is(serviceHealthy, service.Healthy, service.Name)
		s.put(restarts, t.restarts[service.Name], service.Name)
	}
	for _, service := range asked(b, t) {
		for _, o := range []v1alpha1.ProbeOutcome{v1alpha1.ProbePassed, v1alpha1.ProbeFailed, v1alpha1.ProbeUnknown} {
			s.put(healthChecks, t.checks[service][o], service, string(o))
		}
		if last := t.last[service]; last == v1alpha1.ProbePassed || last == v1alpha1.ProbeFailed {
			s.is(endpointUp, last == v1alpha1.ProbePassed, service)
		}
	}
}

// asked are the services with an HTTP endpoint: those that the policy declares,
// and those that were asked because a compose project does.
func asked(b *v1alpha1.BridgeStack, t *tally) []string {
	var out []string
	for _, service := range b.Spec.Services {
		if service.Endpoint != nil && service.Endpoint.HTTP != nil {
			out = append(out, service.Name)
		}
	}
	if b.Spec.Compose == nil {
		return out
	}
	for _, service := range slices.Sorted(maps.Keys(t.checks)) {
		known := slices.ContainsFunc(b.Status.Services, func(s v1alpha1.ServiceStatus) bool { return s.Name == service })
		if known && !slices.Contains(out, service) {
			out = append(out, service)
		}
	}
	return out
}

// open shows the diagnoses that are not over.
func (s scrape) open(diagnoses []v1alpha1.BridgeDiagnosis) {
	type standing struct{ cause, state, symptom string }
	type dependency struct{ service, dependency, viewpoint string }
	standings, up, missing := map[standing]float64{}, map[dependency]bool{}, 0.0
	for _, d := range diagnoses {
		for _, n := range d.Status.Notifications {
			if n.Failures > 0 {
				missing++
			}
		}
		if d.Status.State.Final() {
			continue
		}
		standings[standing{causeOr(d.Status.Cause), stateOr(d.Status.State), string(d.Spec.Symptom)}]++
		for _, p := range d.Status.Probes {
			if p.Outcome == v1alpha1.ProbeUnknown {
				continue
			}
			key := dependency{d.Spec.Service, p.Service, string(p.Viewpoint)}
			others, seen := up[key]
			up[key] = p.Outcome == v1alpha1.ProbePassed && (others || !seen)
		}
	}
	s.put(undelivered, missing)
	for k, n := range standings {
		s.put(openDiagnoses, n, k.cause, k.state, k.symptom)
	}
	for k, passed := range up {
		s.is(dependencyUp, passed, k.service, k.dependency, k.viewpoint)
	}
}

// causeOr is None until a cause is found.
func causeOr(c v1alpha1.Cause) string {
	if c == "" {
		return "None"
	}
	return string(c)
}

// stateOr is that of a diagnosis of which nothing was written yet.
func stateOr(s v1alpha1.DiagnosisState) string {
	if s == "" {
		return string(v1alpha1.StateDiagnosing)
	}
	return string(s)
}
