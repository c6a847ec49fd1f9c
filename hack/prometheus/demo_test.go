package prometheus

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
)

// afterwards is how long nothing more is recorded after the demo: what it left open
// stays so, and what loops then does so unseen.
const afterwards = 20 * time.Minute

// timed is what was exported at a time after the first scrape.
type timed struct {
	after   time.Duration
	samples []sample
}

// recorded reads what hack/scrape kept of a run of the demo: for each scrape its time
// in seconds, behind an @, then each series that is new or has another value, and,
// behind a -, each that is there no more.
func recorded(t *testing.T, file string) []timed {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []timed
	series := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimPrefix(string(text), "@"), "\n@") {
		head, changes, _ := strings.Cut(part, "\n")
		seconds, err := strconv.ParseFloat(head, 64)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for line := range strings.Lines(changes) {
			line = strings.TrimSpace(line)
			if gone, isGone := strings.CutPrefix(line, "-"); isGone {
				delete(series, gone)
			} else if cut := strings.LastIndexByte(line, ' '); cut > 0 {
				series[line[:cut]] = line[cut+1:]
			}
		}
		var whole bytes.Buffer
		for name, value := range series {
			fmt.Fprintf(&whole, "%s %s\n", name, value)
		}
		out = append(out, timed{time.Duration(seconds * float64(time.Second)), parse(t, whole.Bytes())})
	}
	return out
}

// replay tells a Prometheus' storage of the scrapes, and of the last one again and
// again afterwards.
func replay(t *testing.T, all []timed) (h history, end time.Time) {
	t.Helper()
	last := all[len(all)-1]
	for after := last.after + period; after < last.after+afterwards; after += period {
		all = append(all, timed{after, last.samples})
	}
	h = history{storage: teststorage.New(t)}
	var before scrape
	for _, s := range all {
		now := scrape{samples: s.samples}
		into := h.storage.Appender(t.Context())
		for _, line := range append(gone(before, now), now.samples...) {
			if _, err := into.Append(0, line.series, began.Add(s.after).UnixMilli(), line.value); err != nil {
				t.Fatalf("%s: %v", line.series, err)
			}
		}
		if err := into.Commit(); err != nil {
			t.Fatal(err)
		}
		before = now
	}
	h.engine = promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000_000, Timeout: time.Minute, LookbackDelta: 2 * period, Parser: language})
	return h, began.Add(all[len(all)-1].after)
}

// firing is when an alert fired, by what it was about.
type firing struct{ from, to time.Duration }

// watch evaluates an alert every 5 seconds.
func (h history) watch(t *testing.T, r rule, end time.Time) map[string]firing {
	t.Helper()
	expr, err := language.ParseExpr(r.Expr)
	if err != nil {
		t.Fatal(err)
	}
	alert := rules.NewAlertingRule(r.Alert, expr, duration(t, r.For), duration(t, r.KeepFiringFor), labels.FromMap(r.Labels),
		labels.FromMap(r.Annotations), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
	query := rules.EngineQueryFunc(h.engine, h.storage)
	out := map[string]firing{}
	for now := began; !now.After(end); now = now.Add(5 * time.Second) {
		if _, err := alert.Eval(context.WithoutCancel(t.Context()), 0, now, query, &url.URL{}, 0); err != nil {
			t.Fatalf("%s at %s: %v", r.Alert, now, err)
		}
		for _, a := range alert.ActiveAlerts() {
			if a.State != rules.StateFiring {
				continue
			}
			about := strings.Trim(a.Labels.Get("namespace")+"/"+a.Labels.Get("service"), "/")
			f, known := out[about]
			if !known {
				f.from = now.Sub(began)
			}
			f.to = now.Sub(began)
			out[about] = f
		}
	}
	return out
}

// In a run of the demo, on real pods, the alert on restart loops fires for the
// service that loops until a person acts, and ends once it is up again; a person is
// called for what is left to one. What hack/record-demo recorded is replayed.
func TestAlertsFireAndEndInTheDemo(t *testing.T) {
	all := recorded(t, "testdata/demo.scrapes")
	h, end := replay(t, all)
	over := end.Sub(began)
	_, alerts := alerts(t)
	fired := map[string]map[string]firing{}
	for _, a := range alerts {
		fired[a.Alert] = h.watch(t, a, end)
		for about, f := range fired[a.Alert] {
			t.Logf("%s fires for %s from %s to %s of %s", a.Alert, about, f.from, f.to, over)
		}
	}
	// The wrong password: no remedy cures it.
	const publisher = "bridgestack-demo/event-publisher"
	f, did := fired["BridgeStackRestartLoop"][publisher]
	if !did || f.from > all[len(all)-1].after {
		t.Errorf("during the demo no alert fires for %s, which loops", publisher)
	}
	if f.to > over-period {
		t.Errorf("the alert for %s does not end, and it is up", publisher)
	}
	// A limit that the policy does not let be raised further: it stays open.
	f, did = fired["BridgeStackNeedsPerson"]["bridgestack-demo-4"]
	if !did || f.to < over-period {
		t.Errorf("no alert calls a person for what is left to one: %v", f)
	}
	delete(fired, "BridgeStackRestartLoop")
	delete(fired, "BridgeStackNeedsPerson")
	for alert, about := range fired {
		if len(about) > 0 {
			t.Errorf("%s fires for %v, and there is nothing of it", alert, about)
		}
	}
}
