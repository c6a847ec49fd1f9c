package probe

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// One tenant's dependencies hang, many at once: at no time do more probes run
// than the limits say, and a neighbour's is through meanwhile.
func TestATenantsProbesDoNotHoldUpAnothers(t *testing.T) {
	var running, most atomic.Int32
	hangs := serving(t, func(net.Conn) {})
	p := local(impatient, func(o *settings) {
		o.Limits = Limits{Cluster: 6, Namespace: 4}
		o.Connect = func(ctx context.Context, network, address string) (net.Conn, error) {
			n := running.Add(1)
			m := most.Load()
			for n > m && !most.CompareAndSwap(m, n) {
				m = most.Load()
			}
			time.AfterFunc(100*time.Millisecond, func() { running.Add(-1) })
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
	})
	c := evidence.Connection{Protocol: evidence.HTTP, Servers: []evidence.HostPort{hangs}}
	alone := time.Now()
	p.Probe(t.Context(), egress.Scope{Namespace: "neighbour"}, c, v1alpha1.AsDeclared)
	usual := time.Since(alone)
	var wait sync.WaitGroup
	for range 40 {
		wait.Go(func() { p.Probe(t.Context(), egress.Scope{Namespace: "tenant"}, c, v1alpha1.AsDeclared) })
	}
	time.Sleep(50 * time.Millisecond) // the tenant's queue
	started := time.Now()
	p.Probe(t.Context(), egress.Scope{Namespace: "neighbour"}, c, v1alpha1.AsDeclared)
	took := time.Since(started)
	wait.Wait()
	t.Logf("security: a neighbour's probe beside 40 that hang: %.1f times its usual time", float64(took)/float64(usual))
	if took > 2*usual+200*time.Millisecond {
		t.Errorf("the neighbour's probe took %v beside the tenant's, %v alone", took, usual)
	}
	if most.Load() > 5 { // four of the tenant, one of the neighbour
		t.Errorf("%d probes ran at once", most.Load())
	}
	if n := len(p.slots.stacks.of) + len(p.slots.namespaces.of); n != 0 {
		t.Errorf("%d shares are kept", n)
	}
}

// A stack has its share of its namespace's probes, and that one its share of all:
// who waits for the narrower holds none of the wider.
func TestAStacksProbesDoNotHoldUpItsNeighbours(t *testing.T) {
	s := newSlots(Limits{Cluster: 4, Namespace: 3, Stack: 2})
	full, cancel := context.WithCancel(t.Context())
	cancel()
	var held []func()
	for _, step := range []struct {
		namespace, stack string
		full             string
	}{
		{"tenant", "hangs", ""}, {"tenant", "hangs", ""}, {"tenant", "hangs", "stack tenant/hangs"},
		{"tenant", "other", ""}, {"tenant", "other", "namespace tenant"}, {"tenant", "third", "namespace tenant"},
		{"neighbour", "hangs", ""}, {"neighbour", "hangs", "the cluster"}, {"third", "a", "the cluster"},
	} {
		ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
		t.Cleanup(done)
		if step.full != "" {
			ctx = full
		}
		release, err := s.acquire(ctx, egress.Scope{Namespace: step.namespace, Stack: step.stack})
		switch {
		case step.full == "" && err != nil:
			t.Fatalf("%s/%s: %v", step.namespace, step.stack, err)
		case step.full == "":
			held = append(held, release)
		case err == nil || !strings.Contains(err.Error(), step.full):
			t.Errorf("%s/%s: want to wait for %s, got %v", step.namespace, step.stack, step.full, err)
		}
	}
	for _, release := range held {
		release()
	}
	if n := len(s.stacks.of) + len(s.namespaces.of) + len(s.cluster.of); n != 0 {
		t.Errorf("%d shares are kept", n)
	}
	t.Logf("security: probes at once, of one stack, namespace, cluster: %d, %d, %d by default", newSlots(Limits{}).stacks.size, newSlots(Limits{}).namespaces.size, newSlots(Limits{}).cluster.size)
}

// All dependencies of an incident hang, more than there is time for: what was asked is
// told, and of the others that it was not their turn.
func TestAnIncidentsProbesComeToAnEnd(t *testing.T) {
	hangs := serving(t, func(net.Conn) {})
	p := local(impatient, func(o *settings) { o.Limits.Stack, o.All, o.Total = 1, time.Second, 300*time.Millisecond })
	var c evidence.Case
	for range 64 {
		c.Dependencies = append(c.Dependencies, evidence.Dependency{Declared: &evidence.Connection{Protocol: evidence.Kafka, Servers: []evidence.HostPort{hangs}}})
	}
	waited, unknown := 0, 0
	for _, got := range p.ProbeAll(t.Context(), egress.Scope{Namespace: "shop", Stack: "shop"}, c, redact.New()) {
		if got.Outcome() == v1alpha1.ProbeUnknown {
			unknown++
		}
		if strings.Contains(story(got)+got.Last().Message, "not its turn") {
			waited++
		}
	}
	if unknown != 64 || waited == 0 {
		t.Errorf("of 64 probes %d are Unknown, for %d it was not their turn", unknown, waited)
	}
}

func TestAProbeThatIsNeverItsTurnIsUnknown(t *testing.T) {
	p := local(func(o *settings) { o.Limits = Limits{Cluster: 1, Namespace: 1} })
	release, err := p.slots.acquire(t.Context(), egress.Scope{Namespace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	got := p.Probe(ctx, egress.Scope{Namespace: "shop"}, evidence.Connection{Protocol: evidence.TCP, Servers: []evidence.HostPort{closedPort(t)}}, v1alpha1.AsDeclared)
	if got.Outcome() != v1alpha1.ProbeUnknown {
		t.Errorf("it went %q", story(got))
	}
}
