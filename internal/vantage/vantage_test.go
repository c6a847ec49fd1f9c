package vantage

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/test/servers"
)

var asked = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func question(targets ...Target) Question {
	return Question{AskedAt: asked, Allowed: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Targets: targets}
}

// Nothing that a container is configured with but where it goes gets into the question.
func TestNoCredentialsAreAsked(t *testing.T) {
	c := evidence.Connection{
		Service: "postgres", Protocol: evidence.Postgres, Servers: []evidence.HostPort{{Host: "db", Port: 5432}}, TLS: evidence.TLSVerifyFull,
		User: "hook", Password: evidence.NewSecret("hunter2-hunter2"), Database: "shop", Group: "g", Topics: []string{"t"}, Path: "/p?token=abc",
	}
	text, err := json.Marshal(question(TargetOf(c)))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"askedAt":"2026-11-24T10:00:00Z","allowed":["127.0.0.1"],"targets":[{"service":"postgres","protocol":"Postgres","servers":[{"host":"db","port":5432}],"tls":"require"}]}`
	if got := string(text); got != want {
		t.Errorf("the question is\n%s, want\n%s", got, want)
	}
	c.Protocol, c.Mechanism = evidence.Kafka, "SCRAM-SHA-512"
	if got := TargetOf(c); got.Protocol != evidence.TCP {
		t.Errorf("a broker that wants a login is asked by %s", got.Protocol)
	}
}

func TestTheNameSaysWhatIsAsked(t *testing.T) {
	a := Target{Service: "postgres", Protocol: evidence.Postgres, Servers: []Server{{"db", 5432}}}
	b := a
	b.Servers = []Server{{"db", 5433}}
	name := Name("f", []Target{a})
	if name != Name("f", []Target{a}) || name == Name("f", []Target{b}) || name == Name("g", []Target{a}) {
		t.Error("the same name for other questions, or another for the same")
	}
	if !strings.HasPrefix(name, v1alpha1.ProbeContainerPrefix) || len(name) > 63 {
		t.Errorf("%q is no name of such a container", name)
	}
}

// What the probe inside a pod prints is what the operator reads.
func TestAnswerThereAndBack(t *testing.T) {
	postgres := servers.Postgres(t).Connection()
	broker := servers.Kafka(t).Connection()
	q := question(
		TargetOf(postgres), TargetOf(broker),
		Target{Service: "cache", Protocol: evidence.TCP, Servers: []Server{{"127.0.0.1", 1}}},
		Target{Service: "node", Protocol: evidence.TCP, Servers: []Server{{"127.0.0.2", int32(postgres.Server().Port)}}},
		Target{Service: "gone", Protocol: evidence.TCP, Servers: []Server{{"gone..invalid", 1}}},
	)
	argument, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Run(t.Context(), &out, []string{string(argument)}, "search shop.svc.cluster.local\n"); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("more than one document is printed:\n%s", out.String())
	}
	got, err := ParseAnswer(out.Bytes(), q)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	want := []string{"Accept Passed ", "Listeners Passed ", "Dial Failed ECONNREFUSED", "Guard Unknown NOT_ALLOWED", "Resolve Failed NXDOMAIN"}
	var ends []string
	for i, p := range got {
		ends = append(ends, string(p.Last().Name)+" "+string(p.Outcome())+" "+p.Last().Code)
		if p.Viewpoint != v1alpha1.FromPod || !p.Asked.Equal(asked) || p.Service != q.Targets[i].Service {
			t.Errorf("%+v", p)
		}
	}
	if diff := cmp.Diff(want, ends); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A pod's own resolver that does not answer is told from a name that is not there.
func TestResolverThatDoesNotAnswer(t *testing.T) {
	q := question(Target{Service: "postgres", Protocol: evidence.Postgres, Servers: []Server{{"postgres", 5432}}})
	search := egress.ParseSearchList("search shop.svc.cluster.local\n")
	a := probeAll(t.Context(), q, egress.Options{Search: &search, Resolver: silent{}, ResolveTimeout: 50 * time.Millisecond})
	last := a.Probes[0].Stages[len(a.Probes[0].Stages)-1]
	if last.Code != evidence.CodeResolverFailed || last.Outcome != v1alpha1.ProbeUnknown {
		t.Errorf("%+v", last)
	}
}

func TestQuestionIsRead(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":         ``,
		"no target":       `{"askedAt":"2026-11-24T10:00:00Z","targets":[]}`,
		"another field":   `{"askedAt":"2026-11-24T10:00:00Z","targets":[{"service":"a"}],"password":"x"}`,
		"no address":      `{"askedAt":"2026-11-24T10:00:00Z","allowed":["db"],"targets":[{"service":"a"}]}`,
		"two documents":   `{"targets":[{"service":"a"}]}{}`,
		"too many":        `{"targets":[` + strings.Repeat(`{"service":"a"},`, MostTargets) + `{"service":"a"}]}`,
		"far too long":    `{"targets":[{"service":"` + strings.Repeat("a", mostAnswer) + `"}]}`,
		"not even a JSON": `--help`,
	} {
		if _, err := ParseQuestion([]byte(text)); err == nil {
			t.Errorf("%s: is taken", name)
		}
		if err := Run(t.Context(), &bytes.Buffer{}, []string{text}, ""); err == nil {
			t.Errorf("%s: is probed", name)
		}
	}
}

// The log is hostile: whatever does not fit is refused, and nothing gets
// through that could be taken for something else.
func TestHostileAnswers(t *testing.T) {
	q := question(Target{Service: "postgres", Protocol: evidence.Postgres, Servers: []Server{{"db", 5432}}})
	for name, text := range map[string]string{
		"nothing":           ``,
		"a log":             "panic: runtime error\n",
		"no probe":          `{"probes":[]}`,
		"another service":   `{"probes":[{"service":"kafka","stages":[{"name":"Dial","outcome":"Passed"}]}]}`,
		"no stage":          `{"probes":[{"service":"postgres","stages":[]}]}`,
		"unknown stage":     `{"probes":[{"service":"postgres","stages":[{"name":"Root","outcome":"Failed"}]}]}`,
		"a stage of login":  `{"probes":[{"service":"postgres","stages":[{"name":"Query","outcome":"Passed"}]}]}`,
		"unknown outcome":   `{"probes":[{"service":"postgres","stages":[{"name":"Dial","outcome":"Fine"}]}]}`,
		"a code with text":  `{"probes":[{"service":"postgres","stages":[{"name":"Dial","outcome":"Failed","code":"see http://x"}]}]}`,
		"goes on failed":    `{"probes":[{"service":"postgres","stages":[{"name":"Dial","outcome":"Failed"},{"name":"TLS","outcome":"Passed"}]}]}`,
		"another viewpoint": `{"probes":[{"service":"postgres","viewpoint":"AsConfigured","stages":[{"name":"Dial","outcome":"Passed"}]}]}`,
		"two documents":     `{"probes":[{"service":"postgres","stages":[{"name":"Dial","outcome":"Passed"}]}]} {}`,
		"endless":           `{"probes":[{"service":"postgres","stages":[{"name":"Dial","outcome":"Passed","message":"` + strings.Repeat("a", mostAnswer) + `"}]}]}`,
	} {
		if got, err := ParseAnswer([]byte(text), q); err == nil {
			t.Errorf("%s: is taken as %+v", name, got)
		}
	}
	got, err := ParseAnswer([]byte(`{"probes":[{"service":"postgres","stages":[{"name":"Dial","outcome":"Failed","code":"ETIMEDOUT","message":"\u001b[2Ja\u202eb","milliseconds":-5}]}]}`), q)
	if err != nil {
		t.Fatal(err)
	}
	if last := got[0].Last(); last.Message != "ab" || last.Took != 0 {
		t.Errorf("%+v", last)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"probes":[{"service":"postgres","addresses":["10.0.0.1"],"stages":[{"name":"Resolve","outcome":"Passed"},{"name":"Dial","outcome":"Failed","code":"ETIMEDOUT","message":"m","milliseconds":4000}]}]}`))
	f.Add([]byte(`{"probes":[{"service":"postgres","stages":[{"name":"Guard","outcome":"Unknown"}]}]}`))
	q := question(Target{Service: "postgres", Protocol: evidence.Postgres, Servers: []Server{{"db", 5432}}})
	f.Fuzz(func(t *testing.T, log []byte) {
		probes, err := ParseAnswer(log, q)
		if err != nil {
			return
		}
		for _, p := range probes {
			if p.Viewpoint != v1alpha1.FromPod || p.Target != (evidence.HostPort{Host: "db", Port: 5432}) || len(p.Stages) == 0 {
				t.Errorf("%+v", p)
			}
			for _, s := range p.Stages {
				if len(s.Message) > mostMessage || strings.ContainsAny(s.Message, "\x1b\x00") || s.Took < 0 || s.Took > time.Minute {
					t.Errorf("%+v", s)
				}
			}
		}
	})
}
