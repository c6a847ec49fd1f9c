package diagnosis

import (
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// views are a probe from the operator and one from inside the pod.
func views(outside, inside evidence.Probe) []evidence.Probe {
	outside.Viewpoint, inside.Viewpoint = v1alpha1.AsConfigured, v1alpha1.FromPod
	inside.Target = evidence.HostPort{Host: "postgres", Port: 5432}
	outside.Target = inside.Target
	return []evidence.Probe{outside, inside}
}

// TestWhatOnlyThePodSees: the operator's probes leave open why the container
// cannot reach its dependency, and the pod's own probe decides.
func TestWhatOnlyThePodSees(t *testing.T) {
	const passed, failed, unknown = v1alpha1.ProbePassed, v1alpha1.ProbeFailed, v1alpha1.ProbeUnknown
	const timedOut = "ERROR - failed to connect to `user=bridge database=shop`: 10.96.0.7:5432 (postgres): dial error: dial tcp 10.96.0.7:5432: i/o timeout\n"
	const noResolver = "ERROR - failed to connect to `user=bridge database=shop`: hostname resolving error: lookup postgres on 10.244.0.250:53: read udp 10.244.0.7:49152->10.244.0.250:53: i/o timeout\n"
	const noSuchHost = "psycopg2.OperationalError: could not translate host name \"postgres\" to address: Name or service not known\n"
	resolves := stage(evidence.StageResolve, passed, "")
	dials := stage(evidence.StageDial, passed, "")
	answers := probe("", resolves, dials, stage(evidence.StageQuery, passed, ""))
	silent := probe("", stage(evidence.StageResolve, unknown, evidence.CodeResolverFailed))
	notThere := probe("", stage(evidence.StageResolve, failed, evidence.CodeNXDomain))
	dropped := probe("", resolves, stage(evidence.StageDial, failed, evidence.CodeTimeout))
	rejected := probe("", resolves, stage(evidence.StageDial, failed, evidence.CodeRefused))
	through := probe("", resolves, dials, stage(evidence.StageAccept, passed, ""))
	notRun := probe("", stage(evidence.StageGuard, unknown, evidence.CodeNotRun))
	elsewhere := probe("", resolves, stage(evidence.StageDial, failed, evidence.CodeTimeout))
	elsewhere.Addresses = []string{"10.9.9.9"}
	at := answers
	at.Addresses = []string{"10.96.0.7"}

	for name, c := range map[string]struct {
		log        string
		probes     []evidence.Probe
		cause      v1alpha1.Cause
		confidence v1alpha1.Confidence
		podOnly    bool
		says       string
	}{
		"its resolver is silent":                {noResolver, views(answers, silent), v1alpha1.CauseDNSUnavailable, v1alpha1.ConfidenceHigh, true, "dnsConfig"},
		"its resolver does not know the name":   {noSuchHost, views(answers, notThere), v1alpha1.CausePostgresHostNotFound, v1alpha1.ConfidenceHigh, true, "does not exist for the pod's own resolver"},
		"another failure of DNS than the log's": {noSuchHost, views(answers, silent), v1alpha1.CauseDNSUnavailable, v1alpha1.ConfidenceHigh, true, "dnsConfig"},
		"its packets are dropped":               {timedOut, views(answers, dropped), v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceHigh, true, "NetworkPolicy"},
		"its packets are rejected":              {timedOut, views(answers, rejected), v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceHigh, true, "NetworkPolicy"},
		"its resolver names another address":    {timedOut, views(at, elsewhere), v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceHigh, true, "10.9.9.9"},
		"it gets through":                       {timedOut, views(answers, through), v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceLow, false, "comes and goes"},
		"it could not be asked":                 {timedOut, views(answers, notRun), v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceLow, false, "contradict"},
		"the operator cannot resolve it either": {noResolver, views(silent, silent), v1alpha1.CauseDNSUnavailable, v1alpha1.ConfidenceHigh, false, "gets the same answer"},
		"it was not asked":                      {timedOut, views(answers, through)[:1], v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceLow, false, "contradict"},
	} {
		t.Run(name, func(t *testing.T) {
			given := stack("postgres", 5432, c.log, c.probes...)
			given.Dependencies[0].Workload.ReadySince = started.Add(-time.Hour)
			for i := range given.Probes {
				given.Probes[i].Asked = finished
			}
			f := Diagnose(given)
			if f.Cause != c.cause || f.Confidence != c.confidence || f.PodOnly != c.podOnly || !strings.Contains(f.Message, c.says) {
				t.Fatalf("got %s, %s, pod only %t: %s\nwant %s, %s, %t, saying %q", f.Cause, f.Confidence, f.PodOnly, f.Message, c.cause, c.confidence, c.podOnly, c.says)
			}
			if len(c.probes) > 1 && !citesText(f, "FromPod") {
				t.Errorf("the pod's own probe is not cited: %v", f.Evidence)
			}
			if c.podOnly && (f.Subject.Variable != "" || f.Subject.Dependency != "postgres") {
				t.Errorf("subject %+v", f.Subject)
			}
		})
	}

	t.Run("the server came up after the pod was asked", func(t *testing.T) {
		given := stack("postgres", 5432, timedOut, views(answers, dropped)...)
		given.Probes[1].Asked = finished
		given.Dependencies[0].Workload.ReadySince = finished.Add(-time.Second)
		if f := Diagnose(given); f.PodOnly {
			t.Errorf("blames the network for a server that was down: %s", f.Message)
		}
	})
	t.Run("a broker's advertised address", func(t *testing.T) {
		conn := evidence.Connection{Service: "kafka", Protocol: evidence.Kafka, Servers: []evidence.HostPort{{Host: "kafka", Port: 9092}}}
		given := ended(1, "Error", "")
		given.Log.Previous = []byte("kafka: client has run out of available brokers to talk to: dial tcp 10.244.0.9:9092: i/o timeout\n")
		given.Dependencies = []evidence.Dependency{{Service: "kafka", Required: true, Declared: &conn, Configured: &conn, Workload: evidence.DependencyWorkload{Known: true, Ready: true}}}
		listed := stage(evidence.StageMetadata, passed, "")
		for _, p := range views(probe("", resolves, dials, listed, stage(evidence.StageListeners, passed, "")), probe("", resolves, dials, listed, stage(evidence.StageListeners, failed, evidence.CodeTimeout))) {
			p.Service, p.Protocol = "kafka", evidence.Kafka
			given.Probes = append(given.Probes, p)
		}
		f := Diagnose(given)
		if f.Cause != v1alpha1.CauseKafkaAdvertisedListenerMismatch || f.Confidence != v1alpha1.ConfidenceHigh || !f.PodOnly {
			t.Errorf("got %s, %s: %s", f.Cause, f.Confidence, f.Message)
		}
	})
}

func citesText(f Finding, text string) bool {
	for _, i := range f.Evidence {
		if strings.Contains(i.Text, text) {
			return true
		}
	}
	return false
}

// TestDisputed: a pod is asked only where its answer may tell something.
func TestDisputed(t *testing.T) {
	const passed, failed, unknown = v1alpha1.ProbePassed, v1alpha1.ProbeFailed, v1alpha1.ProbeUnknown
	const timedOut = "ERROR - failed to connect to `user=bridge database=shop`: 10.96.0.7:5432 (postgres): dial error: dial tcp 10.96.0.7:5432: i/o timeout\n"
	answers := probe(v1alpha1.AsConfigured, stage(evidence.StageResolve, passed, ""), stage(evidence.StageDial, passed, ""))
	down := stack("postgres", 5432, timedOut, answers)
	down.Dependencies[0].Workload.Ready = false
	anyName := ended(1, "Error", "")
	anyName.Log.Previous = []byte("socket.gaierror: [Errno -3] Temporary failure in name resolution\n")
	anyName.Dependencies = stack("postgres", 5432, "").Dependencies
	for name, c := range map[string]struct {
		evidence evidence.Case
		want     int
	}{
		"unreachable, and the operator reaches it":   {stack("postgres", 5432, timedOut, answers), 1},
		"a resolver that fails for whatever":         {anyName, 1},
		"unreachable for the operator, too":          {stack("postgres", 5432, timedOut, probe(v1alpha1.AsConfigured, stage(evidence.StageResolve, passed, ""), stage(evidence.StageDial, failed, evidence.CodeTimeout))), 0},
		"the guard lets no probe through":            {stack("postgres", 5432, timedOut, probe(v1alpha1.AsConfigured, stage(evidence.StageResolve, passed, ""), stage(evidence.StageGuard, unknown, evidence.CodeNotAllowed))), 0},
		"its own loopback":                           {stack("localhost", 5432, strings.ReplaceAll(timedOut, "10.96.0.7", "127.0.0.1"), probe(v1alpha1.AsConfigured, stage(evidence.StageGuard, unknown, evidence.CodeNotAllowed))), 0},
		"the dependency is down":                     {down, 0},
		"a login, which is the same from everywhere": {stack("postgres", 5432, "FATAL: password authentication failed for user \"bridge\"\n", answers), 0},
		"killed by the kernel":                       {ended(137, "OOMKilled", ""), 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := Diagnose(c.evidence)
			got := Disputed(c.evidence, f)
			if len(got) != c.want {
				t.Fatalf("%s (%s): asks about %v, want %d", f.Cause, f.Confidence, got, c.want)
			}
			if c.want == 1 && got[0].Service != "postgres" {
				t.Errorf("asks about %q", got[0].Service)
			}
		})
	}
}
