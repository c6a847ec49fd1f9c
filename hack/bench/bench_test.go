package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bridgestack/operator/hack/internal/progress"
)

// A quick run: nothing is lost, and nothing is called more often than it must be.
// How long anything takes is for the bench on a machine of its own.
func TestOperatorAtScale(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: run `make test-api`, which builds etcd and kube-apiserver")
	}
	o := options{sizes: sizes{100}, storm: 40, samples: 10, every: 100 * time.Millisecond, idle: 3 * time.Second}
	got, err := measure(t.Context(), o, progress.NewPrinter(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(got.table())
	if err := got.wrong(); err != nil {
		t.Error(err)
	}
	at := got.sizes[0]
	if len(at.outcome.latencies) != o.samples || len(got.storm.many.latencies) != o.storm {
		t.Errorf("%d and %d incidents were seen, want %d and %d", len(at.outcome.latencies), len(got.storm.many.latencies), o.samples, o.storm)
	}
	for name, c := range map[string]struct {
		calls     calls
		incidents int
	}{"one at a time": {at.calls, o.samples}, "storm": {got.storm.calls, got.storm.incidents}} {
		// A log, a list of events and the Secret that the pod refers to, and seldom
		// once more: where the cache lagged behind.
		if limit := 4 * c.incidents; c.calls.reads() > limit {
			t.Errorf("%s: %d reads for %d incidents, want at most %d: %s", name, c.calls.reads(), c.incidents, limit, c.calls.per(c.incidents))
		}
		// The diagnosis, its status, two events and, gathered, the stack's status.
		if limit := 5*c.incidents + 5; c.calls.writes() > limit {
			t.Errorf("%s: %d writes for %d incidents, want at most %d: %s", name, c.calls.writes(), c.incidents, limit, c.calls.per(c.incidents))
		}
	}
	if len(at.idle) > 0 {
		t.Errorf("nothing happens, and the operator calls %s", at.idle.per(1))
	}
	if n := got.storm.after.writes(); n > 0 {
		t.Errorf("incidents stay open, and the operator writes %s", got.storm.after.per(1))
	}
}

func TestAuditLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	write := func(text string) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"verb":"get","objectRef":{"resource":"pods","subresource":"log"}}` + "\n" + `{"verb":"watch","objectRef":{"resource":"pods"}}` + "\n" + `{"verb":"upd`)
	log, err := openAuditLog(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.file.Close() })
	got, err := log.since()
	if diff := cmp.Diff(calls{"get pods/log": 1}, got); diff != "" || err != nil || got.reads() != 1 || got.writes() != 0 {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	write(`ate","objectRef":{"resource":"bridgestacks","subresource":"status"}}` + "\n")
	got, err = log.since()
	if diff := cmp.Diff(calls{"update bridgestacks/status": 1}, got); diff != "" || err != nil || got.writes() != 1 {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestParseStat(t *testing.T) {
	const line = "4242 (kube (api) server) S 17 4242 1 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 9 0 100 1 2"
	name, parent, used, err := parseStat(line)
	if name != "kube (api) server" || parent != 17 || used != 3*time.Second || err != nil {
		t.Errorf("got %q, %d, %s, %v", name, parent, used, err)
	}
	for _, bad := range []string{"", "1 name S 2", "1 (name) S 2", "1 (name) S x 1 1 1 1 1 1 1 1 1 1 1 1 1"} {
		if _, _, _, err := parseStat(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestPercentile(t *testing.T) {
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(100-i))
	}
	if p50, p99, none := percentile(all, 50), percentile(all, 99), percentile(nil, 50); p50 != 51 || p99 != 100 || none != 0 {
		t.Errorf("got %d, %d, %d", p50, p99, none)
	}
}

func TestSpread(t *testing.T) {
	var all []*service
	for range 2 * servicesPerStack {
		all = append(all, &service{namespace: string(rune('a' + len(all)/servicesPerStack))})
	}
	got := ""
	for _, s := range spread(all)[:6] {
		got += s.namespace
	}
	if got != "ababab" || len(spread(all)) != len(all) {
		t.Errorf("got %q of %d", got, len(spread(all)))
	}
}
