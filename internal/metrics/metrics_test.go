package metrics

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

func at(second int) *metav1.MicroTime {
	t := metav1.NewMicroTime(time.Date(2026, 1, 1, 0, 0, second, 0, time.UTC))
	return &t
}

// What an attempt comes to is counted once, though it is persisted many times.
func TestTransitionsCountOnce(t *testing.T) {
	m := New(Options{Elected: nil})
	d := &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1"}, Spec: v1alpha1.BridgeDiagnosisSpec{Stack: "shop", Service: "api"}}
	persist := func(change func(*v1alpha1.BridgeDiagnosisStatus)) {
		after := d.DeepCopy()
		change(&after.Status)
		m.Diagnosis(d, after)
		m.Diagnosis(after, after.DeepCopy()) // again, with nothing new
		d = after
	}
	persist(func(s *v1alpha1.BridgeDiagnosisStatus) {
		s.State, s.Times.Visible = v1alpha1.StateDiagnosing, at(0)
	})
	persist(func(s *v1alpha1.BridgeDiagnosisStatus) {
		s.Cause, s.Confidence, s.Times.Diagnosed = v1alpha1.CauseUnknown, v1alpha1.ConfidenceLow, at(1)
	})
	persist(func(s *v1alpha1.BridgeDiagnosisStatus) {
		s.Cause, s.Confidence = v1alpha1.CauseOOMKilled, v1alpha1.ConfidenceHigh
		s.Attempts = []v1alpha1.Attempt{{ID: "a-1", Outcome: v1alpha1.AttemptRecorded, Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedyRaiseMemoryLimit}}}
	})
	now := metav1.Now()
	persist(func(s *v1alpha1.BridgeDiagnosisStatus) {
		s.Attempts[0].Outcome, s.Attempts[0].AppliedAt, s.Times.Patched = v1alpha1.AttemptApplied, &now, at(2)
	})
	persist(func(s *v1alpha1.BridgeDiagnosisStatus) { s.Attempts[0].Outcome = v1alpha1.AttemptRollingBack })
	persist(func(s *v1alpha1.BridgeDiagnosisStatus) { s.Attempts[0].Outcome = v1alpha1.AttemptRolledBack })
	persist(func(s *v1alpha1.BridgeDiagnosisStatus) {
		s.State, s.Times.Escalated = v1alpha1.StateEscalated, at(3)
	})
	persist(func(s *v1alpha1.BridgeDiagnosisStatus) {
		s.State, s.Times.Recovered = v1alpha1.StateRecovered, at(4)
	})
	for name, got := range map[string]float64{
		"incidents":   testutil.ToFloat64(m.incidents.WithLabelValues("Unknown")),
		"findings":    testutil.ToFloat64(m.findings.WithLabelValues("OOMKilled", "High")),
		"applied":     testutil.ToFloat64(m.applied.WithLabelValues("RaiseMemoryLimit")),
		"rolled back": testutil.ToFloat64(m.remedies.WithLabelValues("RaiseMemoryLimit", "RolledBack")),
		"opened":      m.stacks[stackOf(d)].incidents,
		"escalations": m.stacks[stackOf(d)].escalations,
	} {
		if got != 1 {
			t.Errorf("%s: %v, want 1", name, got)
		}
	}
	want := `
# HELP bridgestack_incident_recovered_seconds From the incident being visible to the end of the soak.
# TYPE bridgestack_incident_recovered_seconds histogram
`
	for _, by := range []string{"itself", "remedy"} {
		n := map[string]string{"itself": "1", "remedy": "0"}[by]
		for _, le := range []string{"0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "120", "300", "600", "1800", "3600", "+Inf"} {
			count := n
			if slices.Contains([]string{"0.05", "0.1", "0.25", "0.5", "1", "2.5"}, le) {
				count = "0" // 4 seconds
			}
			want += `bridgestack_incident_recovered_seconds_bucket{by="` + by + `",le="` + le + `"} ` + count + "\n"
		}
		sum := map[string]string{"itself": "4", "remedy": "0"}[by]
		want += `bridgestack_incident_recovered_seconds_sum{by="` + by + `"} ` + sum + "\n" + `bridgestack_incident_recovered_seconds_count{by="` + by + `"} ` + n + "\n"
	}
	if err := testutil.CollectAndCompare(m.recovered, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// A delivery that failed counts each time, one that was accepted once.
func TestDeliveriesCount(t *testing.T) {
	m := New(Options{})
	early, late := metav1.NewTime(time.Unix(10, 0)), metav1.NewTime(time.Unix(20, 0))
	steps := [][]v1alpha1.Delivery{
		{{Receiver: "hook"}},
		{{Receiver: "hook", Failures: 1}},
		{{Receiver: "hook", Failures: 2}},
		{{Receiver: "hook", Delivered: v1alpha1.NotificationEscalated, DeliveredAt: &early}},
		{{Receiver: "hook", Delivered: v1alpha1.NotificationEscalated, DeliveredAt: &early}, {Receiver: "new"}},
		{{Receiver: "hook", Delivered: v1alpha1.NotificationResolved, DeliveredAt: &late}, {Receiver: "new"}},
	}
	for i := range len(steps) - 1 {
		m.Deliveries(steps[i], steps[i+1])
	}
	if failed, delivered := testutil.ToFloat64(m.notifications.WithLabelValues(Failed)), testutil.ToFloat64(m.notifications.WithLabelValues(Delivered)); failed != 2 || delivered != 2 {
		t.Errorf("%v failed and %v delivered, want 2 and 2", failed, delivered)
	}
}

// Whatever a server answers, the labels are of closed lists.
func TestClasses(t *testing.T) {
	for protocol, codes := range map[evidence.Protocol]map[string]server.Class{
		evidence.Postgres: {
			"28P01": server.ClassCredentials, "3D000": server.ClassMissing, "42P01": server.ClassMissing, "42501": server.ClassPermission,
			"53300": server.ClassCapacity, "57P03": server.ClassUnavailable,
			"NXDOMAIN": server.ClassName, "ECONNREFUSED": server.ClassNetwork, "TLS_VERIFY": server.ClassTLS,
		},
		evidence.Kafka: {
			"SASL_AUTHENTICATION_FAILED": server.ClassCredentials, "TOPIC_AUTHORIZATION_FAILED": server.ClassPermission, "UNKNOWN_TOPIC_OR_PARTITION": server.ClassMissing,
			"LEADER_NOT_AVAILABLE": server.ClassUnavailable, "REQUEST_TIMED_OUT": server.ClassNetwork, "NOT_ALLOWED": server.ClassProbe,
		},
		evidence.HTTP: {"UNHEALTHY": server.ClassUnhealthy, "ECONNREFUSED": server.ClassNetwork},
	} {
		codes["ABCDE"], codes[""], codes["whatever a hostile server says"] = classUnclassified, classUnclassified, classUnclassified
		for code, want := range codes {
			if got := classOf(protocol, evidence.Stage{Outcome: v1alpha1.ProbeFailed, Code: code}); got != want {
				t.Errorf("%s: %q is %s, want %s", protocol, code, got, want)
			}
		}
	}
	if got := classOf(evidence.Postgres, evidence.Stage{Outcome: v1alpha1.ProbePassed}); got != classOK {
		t.Errorf("what passed is %s", got)
	}
}

// The lists from which counters begin at 0 are those of the API.
func TestListsAreWhole(t *testing.T) {
	text, err := os.ReadFile("../../config/crd/bases/bridgestack.dev_bridgediagnoses.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	status := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
	attempt := status.Properties["attempts"].Items.Schema
	enum := func(p apiextensionsv1.JSONSchemaProps) []string {
		var out []string
		for _, e := range p.Enum {
			var name string
			if err := json.Unmarshal(e.Raw, &name); err != nil {
				t.Fatal(err)
			}
			out = append(out, name)
		}
		slices.Sort(out)
		return out
	}
	same := func(what string, got, want []string) {
		t.Helper()
		if slices.Sort(got); !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%s: %v, the API has %v", what, got, want)
		}
	}
	same("remedies", names(v1alpha1.Remedies), enum(status.Properties["remedy"]))
	same("outcomes", append(names(ended), "Recorded", "Applied", "RollingBack"), enum(attempt.Properties["outcome"]))
}

func names[T ~string](list []T) []string {
	var out []string
	for _, e := range list {
		out = append(out, string(e))
	}
	return out
}

// Names and help follow the rules of Prometheus' own linter.
func TestNames(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(Options{}))
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// What a policy says now is worked out while nobody who counts waits for it.
func TestScrapeKeepsNobodyWaiting(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	s := &v1alpha1.BridgeStack{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop"}}
	elected := make(chan struct{})
	close(elected)
	var m *Metrics
	counted := make(chan struct{}, 1)
	m = New(Options{Cached: fake.NewClientBuilder().WithScheme(scheme).WithObjects(s).Build(), Elected: elected, Now: func() time.Time {
		done := make(chan struct{})
		go func() { m.Restarts(client.ObjectKeyFromObject(s), "api", 1); close(done) }()
		select {
		case <-done:
			counted <- struct{}{}
		case <-time.After(5 * time.Second):
		}
		return time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	}})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	if _, err := registry.Gather(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-counted:
	default:
		t.Error("a restart could not be counted while a policy was looked at")
	}
}
