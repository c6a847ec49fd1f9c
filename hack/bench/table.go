package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// results of a run.
type results struct {
	machine string
	// base is the operator's memory without a pod.
	base  memory
	sizes []sized
	storm stormed
}

// sized is what was measured at one size.
type sized struct {
	pods int
	// memory in all, and what one more pod, and one more Deployment with its
	// ReplicaSet, added to it.
	memory, perPod, perWorkload memory
	// idle is what was called while nothing happened, with so many incidents open.
	idle calls
	open int
	// outcome of incidents opened one at a time, and what was called for them.
	outcome outcome
	calls   calls
}

// stormed is what was measured of the storm.
type stormed struct {
	many, others outcome
	// took is the time from the first pod's change to the last diagnosis.
	took      time.Duration
	processor times
	incidents int
	calls     calls
	memory    memory
	// after is what was called once all was diagnosed, with so many incidents open.
	after calls
	open  int
}

// machine is what it was taken on.
func machine() string {
	return fmt.Sprintf("%d cores, shared with etcd, the API server and the load; load average at the beginning %s", runtime.NumCPU(), loadAverage())
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(text), " ")
	return load
}

// table is what goes into the README.
func (r results) table() string {
	var b strings.Builder
	row := func(what, format string, arguments ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, arguments...))
	}
	fmt.Fprintf(&b, "%s, at the end %s\n\n| | |\n|---|---|\n", r.machine, loadAverage())
	for _, s := range r.sizes {
		at := fmt.Sprintf("%d pods: ", s.pods)
		row(at+"pod update visible -> diagnosis visible", "p50 %s, p99 %s (%d incidents)", ms(percentile(s.outcome.latencies, 50)), ms(percentile(s.outcome.latencies, 99)), len(s.outcome.latencies))
		row(at+"API calls per incident", "%s", perIncident(s.calls, len(s.outcome.latencies)))
		row(fmt.Sprintf("%sAPI calls while nothing happens, %d incidents open", at, s.open), "%d reads, %d writes", s.idle.reads(), s.idle.writes())
		row(at+"memory per 1,000 pods, and per 1,000 Deployments with a ReplicaSet", "%s and %s (heap)", mib(1000*s.perPod.heap), mib(1000*s.perWorkload.heap))
		row(at+"memory in all", "heap %s (without a pod %s), resident %s", mib(s.memory.heap), mib(r.base.heap), mib(s.memory.resident))
	}
	before, s := r.sizes[len(r.sizes)-1].outcome.latencies, r.storm
	row(fmt.Sprintf("storm of %d: all diagnosed", len(s.many.latencies)+s.many.lost), "%.1f s, %d lost; processor time: %s", s.took.Seconds(), s.many.lost, s.processor)
	row("storm: latency", "p50 %s, p99 %s", ms(percentile(s.many.latencies, 50)), ms(percentile(s.many.latencies, 99)))
	row("storm: API calls per incident", "%s", perIncident(s.calls, s.incidents))
	row("storm: latency in other stacks", "p50 %s, p99 %s (%d incidents): %.1f and %.1f times that of before",
		ms(percentile(s.others.latencies, 50)), ms(percentile(s.others.latencies, 99)), len(s.others.latencies),
		ratio(s.others.latencies, before, 50), ratio(s.others.latencies, before, 99))
	row("storm: memory after it", "heap %s, resident %s", mib(s.memory.heap), mib(s.memory.resident))
	row(fmt.Sprintf("API calls while %d incidents stay open", s.open), "%d reads, %d writes", s.after.reads(), s.after.writes())
	for _, s := range r.sizes {
		fmt.Fprintf(&b, "\n%d pods, calls: %s\n", s.pods, s.calls.per(max(1, len(s.outcome.latencies))))
	}
	fmt.Fprintf(&b, "\nstorm, calls: %s\n", s.calls.per(max(1, s.incidents)))
	return b.String()
}

func perIncident(c calls, incidents int) string {
	n := float64(max(1, incidents))
	return fmt.Sprintf("%.1f reads, %.1f writes", float64(c.reads())/n, float64(c.writes())/n)
}

func ratio(now, before []time.Duration, p int) float64 {
	return float64(percentile(now, p)) / float64(max(1, percentile(before, p)))
}

func ms(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// wrong says what must never be: that an incident was lost, met twice, or taken for
// another one.
func (r results) wrong() error {
	var all outcome
	add := func(o outcome) {
		all.lost, all.twice, all.wrong = all.lost+o.lost, all.twice+o.twice, all.wrong+o.wrong
	}
	for _, s := range r.sizes {
		add(s.outcome)
	}
	add(r.storm.many)
	add(r.storm.others)
	if all.lost+all.twice+all.wrong > 0 {
		return fmt.Errorf("%d incidents were lost, %d have more than one diagnosis, %d have a wrong cause", all.lost, all.twice, all.wrong)
	}
	return nil
}
