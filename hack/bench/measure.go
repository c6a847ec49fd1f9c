package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bridgestack/operator/hack/internal/progress"
)

// patience is how long incidents may take before they count as lost.
const patience = 3 * time.Minute

// bench is one run.
type bench struct {
	options
	printer  *progress.Printer
	load     *load
	operator *operatorProcess
	audit    *auditLog
	// used is how many services have looped already.
	used int
	// before is the operator's memory before it grew.
	before memory
}

func measure(ctx context.Context, o options, printer *progress.Printer) (results, error) {
	folder, err := os.MkdirTemp("", "bench")
	if err != nil {
		return results{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	hack, err := os.Getwd()
	if err != nil {
		return results{}, err
	}
	if filepath.Base(hack) == "bench" { // its test
		hack = filepath.Dir(hack)
	}
	if o.operator == "" {
		if err := printer.Step("build the operator", func() (err error) {
			o.operator, err = buildOperator(ctx, folder, hack)
			return err
		}); err != nil {
			return results{}, err
		}
	}
	all, err := startServers(ctx, folder, hack)
	if err != nil {
		return results{}, err
	}
	out, err := measureOn(ctx, all, folder, o, printer)
	return out, errors.Join(err, all.environment.Stop())
}

func measureOn(ctx context.Context, on *servers, folder string, o options, printer *progress.Printer) (out results, err error) {
	b := &bench{options: o, printer: printer}
	if b.load, err = newLoad(on.config); err != nil {
		return out, err
	}
	logs, err := startKubelet(ctx, b.load.typed)
	if err != nil {
		return out, err
	}
	defer logs.stop()
	if b.operator, err = startOperator(ctx, o.operator, on.kubeconfig, folder); err != nil {
		return out, err
	}
	defer func() {
		if stopErr := b.operator.stop(); err == nil {
			err = stopErr
		}
	}()
	if b.audit, err = openAuditLog(on.audit); err != nil {
		return out, err
	}
	defer func() { _ = b.audit.file.Close() }()
	return b.run(ctx)
}

// run measures at each size, and a storm at the last.
func (b *bench) run(ctx context.Context) (results, error) {
	out := results{machine: machine()}
	if err := b.quiet(ctx); err != nil {
		return out, err
	}
	var err error
	if b.before, err = b.operator.memory(ctx); err != nil {
		return out, err
	}
	out.base = b.before
	for _, pods := range b.sizes {
		at, err := b.at(ctx, pods)
		if err != nil {
			return out, err
		}
		out.sizes = append(out.sizes, at)
	}
	out.storm, err = b.stormed(ctx)
	return out, err
}

// at measures with so many pods.
func (b *bench) at(ctx context.Context, pods int) (sized, error) {
	out := sized{pods: pods}
	grown := map[string]memory{}
	last := b.before
	err := b.printer.Step(fmt.Sprintf("grow to %d pods", pods), func() error {
		return b.load.grow(ctx, pods, func(what string, made int) error {
			if err := b.quiet(ctx); err != nil {
				return err
			}
			now, err := b.operator.memory(ctx)
			grown[what] = memory{heap: (now.heap - last.heap) / int64(made), resident: (now.resident - last.resident) / int64(made)}
			last = now
			return err
		})
	})
	if err != nil {
		return out, err
	}
	out.perWorkload, out.perPod, out.memory = grown["workloads"], grown["pods"], last
	out.open = b.used
	if out.idle, err = b.count(ctx, "nothing happens", b.idle); err != nil {
		return out, err
	}
	err = b.printer.Step(fmt.Sprintf("open %d incidents, one at a time", b.samples), func() error {
		out.outcome, out.calls, err = b.oneAtATime(ctx)
		return err
	})
	if err != nil {
		return out, err
	}
	b.before, err = b.operator.memory(ctx)
	return out, err
}

// quiet waits until the operator has called nothing for two seconds.
func (b *bench) quiet(ctx context.Context) error {
	for since := time.Now(); time.Since(since) < 2*time.Second; {
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		// Of incidents that are open some are always looked at again.
		if c, err := b.audit.since(); err != nil {
			return err
		} else if c.reads()+c.writes() > 20 {
			since = time.Now()
		}
	}
	return nil
}

// count what the operator calls in a time; what says why, for who waits.
func (b *bench) count(ctx context.Context, what string, long time.Duration) (calls, error) {
	if _, err := b.audit.since(); err != nil {
		return nil, err
	}
	if err := b.printer.Step(what, func() error { return wait(ctx, long) }); err != nil {
		return nil, err
	}
	return b.audit.since()
}

// untilNow is what was called since the last time; events are written a little later.
func (b *bench) untilNow(ctx context.Context) (calls, error) {
	if err := wait(ctx, time.Second); err != nil {
		return nil, err
	}
	return b.audit.since()
}

func wait(ctx context.Context, long time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(long):
		return nil
	}
}

// next services that have not looped yet.
func (b *bench) next(n int) ([]*service, error) {
	if b.used+n > len(b.load.services) {
		return nil, fmt.Errorf("%d pods are too few: %d are to loop", len(b.load.services), b.used+n)
	}
	b.used += n
	return b.load.services[b.used-n : b.used], nil
}

func (b *bench) oneAtATime(ctx context.Context) (outcome, calls, error) {
	services, err := b.next(b.samples)
	if err != nil {
		return outcome{}, nil, err
	}
	seen, err := b.load.look(ctx)
	if err != nil {
		return outcome{}, nil, err
	}
	defer seen.stop()
	if _, err := b.audit.since(); err != nil {
		return outcome{}, nil, err
	}
	begun, err := b.oneByOne(ctx, spread(services), b.every, func() bool { return false })
	if err != nil {
		return outcome{}, nil, err
	}
	if err := seen.await(ctx, begun, patience); err != nil {
		return outcome{}, nil, err
	}
	made, err := b.untilNow(ctx)
	if err != nil {
		return outcome{}, nil, err
	}
	return seen.outcome(begun), made, seen.end()
}

// spread is the services so that neighbours are of different stacks.
func spread(services []*service) []*service {
	var out []*service
	for first := range min(servicesPerStack, len(services)) {
		for i := first; i < len(services); i += servicesPerStack {
			out = append(out, services[i])
		}
	}
	return out
}

// oneByOne lets services loop, one every so often, until all do or it is enough.
func (b *bench) oneByOne(ctx context.Context, services []*service, every time.Duration, enough func() bool) ([]*service, error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for i, s := range services {
		if enough() {
			return services[:i], nil
		}
		if err := b.load.crash(ctx, s); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
	return services, nil
}

// stormed lets many services loop at once, and others, in other stacks, one by one.
func (b *bench) stormed(ctx context.Context) (out stormed, err error) {
	b.used = (b.used + servicesPerStack - 1) / servicesPerStack * servicesPerStack
	many, err := b.next(b.storm)
	if err != nil {
		return out, err
	}
	b.used = (b.used + servicesPerStack - 1) / servicesPerStack * servicesPerStack
	seen, err := b.load.look(ctx)
	if err != nil {
		return out, err
	}
	defer seen.stop()
	profiled, err := b.profileStorm(ctx)
	if err != nil {
		return out, err
	}
	if out, err = b.timed(ctx, seen, many, spread(b.load.services[b.used:])); err != nil {
		return out, err
	}
	if err := errors.Join(profiled(), seen.end(), b.drain(ctx, out.calls)); err != nil {
		return out, err
	}
	if out.memory, err = b.operator.memory(ctx); err != nil {
		return out, err
	}
	out.open = b.used + len(out.others.latencies)
	out.after, err = b.count(ctx, "the incidents stay open", b.idle)
	return out, err
}

// drain adds the events that are still written, at the pace that the operator
// keeps for them.
func (b *bench) drain(ctx context.Context, made calls) error {
	const events = "create events"
	return b.printer.Step("the last events are written", func() error {
		for {
			if err := wait(ctx, 2*time.Second); err != nil {
				return err
			}
			more, err := b.audit.since()
			if err != nil || more[events] == 0 {
				return err
			}
			made[events] += more[events]
		}
	})
}

// timed is the storm itself, with what was called for it and what it took.
func (b *bench) timed(ctx context.Context, seen *sightings, many, others []*service) (out stormed, err error) {
	if _, err := b.audit.since(); err != nil {
		return out, err
	}
	used, err := processorTimes()
	if err != nil {
		return out, err
	}
	begin := time.Now()
	var begun []*service
	err = b.printer.Step(fmt.Sprintf("a storm of %d", len(many)), func() error {
		begun, err = b.letLoop(ctx, seen, many, others)
		return err
	})
	if err != nil {
		return out, err
	}
	after, err := processorTimes()
	if err != nil {
		return out, err
	}
	if err := seen.await(ctx, begun, patience); err != nil {
		return out, err
	}
	out.processor, out.incidents = after.since(used), len(many)+len(begun)
	out.many, out.others = seen.outcome(many), seen.outcome(begun)
	out.took = out.many.last.Sub(begin)
	out.calls, err = b.untilNow(ctx)
	return out, err
}

// letLoop begins the storm, and ends once all of it is diagnosed.
func (b *bench) letLoop(ctx context.Context, seen *sightings, many, others []*service) ([]*service, error) {
	group, ctx := errgroup.WithContext(ctx)
	over := make(chan struct{})
	group.Go(func() error {
		return b.load.each(ctx, many, func(ctx context.Context, _ int, s *service) error { return b.load.crash(ctx, s) })
	})
	group.Go(func() error {
		defer close(over)
		return seen.await(ctx, many, patience)
	})
	var begun []*service
	group.Go(func() (err error) {
		// Seldom enough not to be a storm of their own.
		begun, err = b.oneByOne(ctx, others, 5*b.every, func() bool {
			select {
			case <-over:
				return true
			default:
				return false
			}
		})
		return err
	})
	return begun, group.Wait()
}

// profileStorm begins to profile; the result waits for the profiles' end.
func (b *bench) profileStorm(ctx context.Context) (func() error, error) {
	if b.profiles == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for profiles: %w", err)
	}
	var errCPU, errServer error
	var wait sync.WaitGroup
	wait.Go(func() { errCPU = b.operator.profile(ctx, b.profiles, "profile?seconds=10", "cpu.pprof") })
	wait.Go(func() {
		text, err := b.load.typed.CoreV1().RESTClient().Get().AbsPath("/debug/pprof/profile").Param("seconds", "10").DoRaw(ctx)
		if errServer = err; err == nil {
			errServer = os.WriteFile(filepath.Join(b.profiles, "kube-apiserver.pprof"), text, 0o600)
		}
	})
	return func() error {
		wait.Wait()
		errs := []error{errCPU, errServer}
		for _, what := range []string{"heap", "allocs"} {
			errs = append(errs, b.operator.profile(ctx, b.profiles, what, what+".pprof"))
		}
		return errors.Join(errs...)
	}, nil
}

// percentile of durations, 0 to 100.
func percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}
