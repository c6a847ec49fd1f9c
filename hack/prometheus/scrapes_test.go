package prometheus

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"
)

var language = parser.NewParser(parser.Options{})

// target is what a ServiceMonitor adds to each series.
var target = map[string]string{"job": "bridgestack-metrics", "instance": "10.0.0.7:8443"}

// sample is one line of a scrape.
type sample struct {
	series labels.Labels
	value  float64
}

// scrape is what the operator exported at one point of its test.
type scrape struct {
	name    string
	samples []sample
}

// exported runs the controllers' test of metrics, real operator and API server, once
// for all tests, into a folder. Where BRIDGESTACK_SCRAPES names the folder of an
// earlier run, that is taken.
var exported = sync.OnceValues(func() (string, error) {
	if folder := os.Getenv("BRIDGESTACK_SCRAPES"); folder != "" {
		return folder, nil
	}
	folder, err := os.MkdirTemp("", "scrapes")
	if err != nil {
		return "", err
	}
	ours = folder
	run := exec.Command("go", "test", "-count=1", "-run", "^TestWhatIsMeasured$", "./controllers")
	run.Dir, run.Env = filepath.Join("..", ".."), append(os.Environ(), "BRIDGESTACK_SCRAPES="+folder)
	if out, err := run.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", run, err, out)
	}
	return folder, nil
})

// ours is the folder to be removed in the end.
var ours string

func TestMain(m *testing.M) {
	code := m.Run()
	if ours != "" {
		_ = os.RemoveAll(ours)
	}
	os.Exit(code)
}

// scrapes reads what the operator exported.
func scrapes(t *testing.T) []scrape {
	t.Helper()
	folder, err := exported()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.prom"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scrape in %s: %v", folder, err)
	}
	slices.Sort(files)
	var out []scrape
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".prom")
		out = append(out, scrape{name[len("01-"):], parse(t, text)})
	}
	return out
}

func parse(t *testing.T, text []byte) []sample {
	t.Helper()
	reader := expfmt.NewTextParser(model.LegacyValidation)
	families, err := reader.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	decoder := expfmt.DecodeOptions{Timestamp: model.Time(1)}
	var out []sample
	for _, f := range families {
		vector, err := expfmt.ExtractSamples(&decoder, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range vector {
			b := labels.NewBuilder(labels.EmptyLabels())
			for name, value := range target {
				b.Set(name, value)
			}
			for name, value := range s.Metric {
				b.Set(string(name), string(value))
			}
			out = append(out, sample{b.Labels(), float64(s.Value)})
		}
	}
	return out
}

// period between two scrapes.
const period = 30 * time.Second

// began is when the first scrape was.
var began = time.Unix(1_700_000_000, 0).UTC()

// history is a Prometheus' storage to which each scrape was told as often as said,
// by name: what was exported stays the same while nothing happens.
type history struct {
	storage *teststorage.TestStorage
	engine  *promql.Engine
	// ends says when each was last told.
	ends map[string]time.Time
}

func record(t *testing.T, all []scrape, times map[string]int) history {
	t.Helper()
	h := history{storage: teststorage.New(t), ends: map[string]time.Time{}}
	now := began
	var last scrape
	for _, s := range all {
		if times[s.name] == 0 {
			t.Fatalf("scrape %s is not expected", s.name)
		}
		for range times[s.name] {
			into := h.storage.Appender(t.Context())
			for _, line := range append(gone(last, s), s.samples...) {
				if _, err := into.Append(0, line.series, now.UnixMilli(), line.value); err != nil {
					t.Fatalf("%s: %v", line.series, err)
				}
			}
			last = s
			if err := into.Commit(); err != nil {
				t.Fatal(err)
			}
			h.ends[s.name] = now
			now = now.Add(period)
		}
	}
	h.engine = promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000_000, Timeout: time.Minute, LookbackDelta: 2 * period, Parser: language})
	return h
}

// gone marks the series that a scrape has no more, as Prometheus does.
func gone(before, after scrape) []sample {
	there := map[uint64]bool{}
	for _, line := range after.samples {
		there[line.series.Hash()] = true
	}
	var out []sample
	for _, line := range before.samples {
		if !there[line.series.Hash()] {
			out = append(out, sample{line.series, math.Float64frombits(value.StaleNaN)})
		}
	}
	return out
}

// known is which labels each metric has.
func known(all []scrape) map[string]map[string]bool {
	out := map[string]map[string]bool{"up": {"job": true, "instance": true}}
	for _, s := range all {
		for _, line := range s.samples {
			name := line.series.Get(labels.MetricName)
			if out[name] == nil {
				out[name] = map[string]bool{}
			}
			line.series.Range(func(l labels.Label) { out[name][l.Name] = true })
		}
	}
	return out
}

// speaksOf checks that an expression asks for metrics and labels that there are.
func speaksOf(t *testing.T, where, text string, metrics map[string]map[string]bool) parser.Expr {
	t.Helper()
	expr, err := language.ParseExpr(text)
	if err != nil {
		t.Errorf("%s: %s: %v", where, text, err)
		return nil
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			has, found := metrics[n.Name]
			if !found {
				t.Errorf("%s: the operator exports no %s", where, n.Name)
			}
			for _, m := range n.LabelMatchers {
				if !has[m.Name] {
					t.Errorf("%s: %s has no label %s", where, n.Name, m.Name)
				}
			}
		case *parser.AggregateExpr:
			for _, label := range n.Grouping {
				if !n.Without && !anyHas(n, label, metrics) {
					t.Errorf("%s: nothing in %s has the label %s", where, n, label)
				}
			}
		}
		return nil
	})
	return expr
}

func anyHas(in parser.Node, label string, metrics map[string]map[string]bool) bool {
	found := false
	parser.Inspect(in, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok && metrics[s.Name][label] {
			found = true
		}
		return nil
	})
	return found
}
