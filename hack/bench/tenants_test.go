package main

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bridgestack/operator/hack/internal/progress"
)

// Under the memory limit of its own manifest the operator outlives a tenant who does
// his worst, and others are diagnosed meanwhile. How much slower is printed; what is
// asserted is that they are at all, as the machine may be busy with more than this.
func TestTenantsWorst(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: run `make test-security`, which builds etcd and kube-apiserver")
	}
	log.SetLogger(logr.Discard())
	ctx, folder, limits := t.Context(), t.TempDir(), manifestOf(t)
	binary, err := buildOperator(ctx, folder, "..")
	if err != nil {
		t.Fatal(err)
	}
	all, err := startServers(ctx, folder, "..")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = all.environment.Stop() }()
	b := &bench{options: options{every: time.Second}, printer: progress.NewPrinter(os.Stderr)}
	if b.load, err = newLoad(all.config); err != nil {
		t.Fatal(err)
	}
	logs, err := startKubelet(ctx, b.load.typed)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.stop()

	held := "the kernel's limit of its cgroup"
	cage, err := newCage(t, limits.memory)
	if err != nil {
		held, cage = "no cgroup could be made ("+err.Error()+"): its own memory, as it was looked at", nil
	}
	b.operator, err = startOperator(ctx, binary, all.kubeconfig, folder, func(c *exec.Cmd) {
		c.Env = append(os.Environ(), "GOMEMLIMIT="+limits.goMemory)
		if cage != nil {
			cage.hold(c)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	watching := watchMemory(b.operator.command.Process.Pid, ended)

	const incidents = 12
	if err := b.load.grow(ctx, 4*incidents, func(string, int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	usual := b.diagnosed(t, incidents)
	w := &worst{load: b.load, t: t}
	w.begin(ctx)
	stop := w.goOn(ctx)
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		missing, err := w.underWay(ctx)
		if err == nil && missing == "" {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the operator has not begun with %s: %v\n%s", missing, err, b.operator.says())
		}
	}
	beside := b.diagnosed(t, incidents)
	if err := stop(); err != nil {
		t.Error(err)
	}

	close(ended)
	most := watching()
	if err := b.operator.command.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the operator is gone: %v\n%s", err, b.operator.says())
	}
	if cage != nil {
		if killed, err := cage.killed(); err != nil || killed > 0 {
			t.Errorf("the kernel killed the operator %d times: %v", killed, err)
		}
	} else if most.own > limits.memory {
		t.Errorf("the operator had %d MiB, its limit is %d MiB", most.own>>20, limits.memory>>20)
	}
	if err := b.operator.stop(); err != nil {
		t.Errorf("the operator did not outlive it: %v\n%s", err, b.operator.says())
	}
	t.Logf("security: the operator's process under the manifest's %d MiB (%s; GOMEMLIMIT %s): lived, at most %d MiB resident, %d MiB without files",
		limits.memory>>20, held, limits.goMemory, most.resident>>20, most.own>>20)
	t.Logf("security: a neighbour's incident beside tenants who do their worst: %.1f times its usual time (median %s, %s without them)",
		float64(beside)/float64(usual), beside.Round(time.Millisecond), usual.Round(time.Millisecond))
	t.Logf("security: meanwhile: %d packs that grow, %d health checks, %d probes and %d messages that hang, %d restarts of %d loops",
		w.bombs.Load(), w.hung[healthPort].Load(), w.hung[probePort].Load(), w.hung[receiverPort].Load(), w.restarts, len(w.loops))
}

// diagnosed lets so many services loop, one a while after the other is diagnosed, and returns
// the median of the times from what is seen of it to its cause.
func (b *bench) diagnosed(t *testing.T, n int) time.Duration {
	t.Helper()
	services, err := b.next(n)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := b.load.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer seen.stop()
	for _, s := range services {
		if err := b.load.crash(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(seen.await(t.Context(), []*service{s}, patience), wait(t.Context(), b.every)); err != nil {
			t.Fatal(err)
		}
	}
	out := seen.outcome(services)
	if out.lost > 0 || out.wrong > 0 {
		t.Fatalf("of %d incidents %d were not diagnosed within %s, and %d wrongly\n%s", n, out.lost, patience, out.wrong, b.operator.says())
	}
	return percentile(out.latencies, 50)
}

// peak of a process' memory, in bytes.
type peak struct{ resident, own int64 }

// watchMemory of a process until it is enough.
func watchMemory(pid int, enough <-chan struct{}) func() peak {
	var most peak
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			if all, own, err := resident(pid); err == nil {
				most = peak{max(most.resident, all), max(most.own, own)}
			}
			select {
			case <-enough:
				return
			case <-ticker.C:
			}
		}
	})
	return func() peak { done.Wait(); return most }
}
