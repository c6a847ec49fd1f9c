package diagnosis

import (
	"fmt"
	"slices"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

// rule decides a case or leaves it to the next.
type rule struct {
	name   string
	decide func(evidence.Case, reading) (Finding, bool)
}

// rules in the order of the chain of events: what the kubelet and the kernel
// decided comes before what the program said, and what the program said before
// what may be guessed.
var rules = []rule{
	{"deadline of a run", onCase(byDeadline)},
	{"run whose pods are gone", onCase(byLostPods)},
	{"pods that are not created", onCase(byNotCreated)},
	{"scheduler's word", onCase(byScheduling)},
	{"kubelet that does not admit the pod", onCase(byTurnedAway)},
	{"node that does not answer", onCase(byNodeLost)},
	{"waiting state", onCase(byWaiting)},
	{"eviction", onCase(byEviction)},
	{"pod events", onCase(byPodEvents)},
	{"init container that does not end", byInitWaiting},
	{"readiness", byNotReady},
	{"memory", onCase(byMemory)},
	{"start of the process", onCase(byStart)},
	{"kubelet's kill", onCase(byKubelet)},
	{"probe that was failing", byProbeTiming},
	{"signal", bySignalAndLog},
	{"completion", byCompletion},
	{"shell's exit code", byShell},
	{"log, dependencies and probes", byConnectionsAndPod},
}

func onCase(decide func(evidence.Case) (Finding, bool)) func(evidence.Case, reading) (Finding, bool) {
	return func(c evidence.Case, _ reading) (Finding, bool) { return decide(c) }
}

// Diagnose decides what ended the container. Where the evidence shows nothing
// it says Unknown; it never guesses with more than Low confidence.
func Diagnose(c evidence.Case) Finding {
	r := read(c, c.Last())
	for i, rule := range rules {
		if f, ok := rule.decide(c, r); ok {
			f = stillProved(c, f)
			f.RunnerUp = runnerUp(c, r, f, rules[i+1:])
			return complete(c, f)
		}
	}
	return complete(c, stillProved(c, unknown(c)))
}

// runnerUp is what the rules that come later would have decided, or else the first
// cause that was refuted.
func runnerUp(c evidence.Case, r reading, f Finding, later []rule) *v1alpha1.RefutedCause {
	for _, rule := range later {
		second, ok := rule.decide(c, r)
		if !ok || second.Cause == f.Cause || second.Cause == v1alpha1.CauseUnknown {
			continue
		}
		for _, known := range f.Refuted {
			if known.Cause == second.Cause {
				return &known
			}
		}
		lost := refute(second.Cause, "it would be the cause (confidence %s) but for %s, which stands before it in the chain of events: %s", second.Confidence, f.Cause, text.Clip(second.Message, 300))
		return &lost
	}
	if len(f.Refuted) == 0 || f.Confidence == v1alpha1.ConfidenceHigh {
		return nil // What a fact rules out is no second answer.
	}
	return &f.Refuted[0]
}

// unknown says what was looked at in vain.
func unknown(c evidence.Case) Finding {
	f := Finding{Cause: v1alpha1.CauseUnknown, Confidence: v1alpha1.ConfidenceLow, Message: "Nothing in the evidence shows why the container ends."}
	if ended := c.Container.Ended(); ended != nil {
		f.Evidence = append(f.Evidence, terminationItem(ended))
		if ended.ExitCode == 137 || ended.ExitCode == 143 {
			f.Message = fmt.Sprintf("The container was ended by a signal from outside (exit code %d); no event says by whom, and the kernel did not report it as out of memory. Look for a rollout, an eviction or a deletion at that time, and at the node's memory.", ended.ExitCode)
			f.Refuted = append(f.Refuted,
				refute(v1alpha1.CauseOOMKilled, "the termination's reason is %s", ended.Reason),
				refute(v1alpha1.CauseLivenessProbeFailed, "no event says that the kubelet killed the container"))
		}
	}
	switch {
	case c.Log.Unavailable != "":
		f.Message += " Its log could not be read: " + text.Clip(c.Log.Unavailable, 200)
	case len(c.Last()) == 0:
		f.Message += " It wrote no log."
	}
	return f
}

// complete adds what a reader wants to know with any cause: how the container
// ended, what its revision and its node are like.
func complete(c evidence.Case, f Finding) Finding {
	if ended := c.Container.Ended(); ended != nil && !cites(f, v1alpha1.SourceTermination) {
		f.Evidence = append(f.Evidence, terminationItem(ended))
	}
	f = withHolders(c, f)
	f.Evidence = slices.Concat(changedBefore(c), f.Evidence, surroundings(c, f))
	f.Command = firstOf(f.Command, scaleUp(c, f))
	if f.Confidence == "" {
		f.Confidence = v1alpha1.ConfidenceLow
	}
	return f
}

// surroundings are a revision that loops beside one that works, and a node in trouble.
func surroundings(c evidence.Case, f Finding) []v1alpha1.EvidenceItem {
	var items []v1alpha1.EvidenceItem
	if r := c.Rollout; r.Known && r.OlderReady > 0 && r.UpdatedReady == 0 {
		items = append(items, item(v1alpha1.SourceRollout, r.TemplateChanged,
			fmt.Sprintf("the newest revision %s of %s %s has no ready pod, older ones have %d", r.Revision, r.Kind, r.Name, r.OlderReady)))
	}
	if len(c.Differences) > 0 {
		shown := c.Differences[:min(len(c.Differences), maxDifferences)]
		items = append(items, item(v1alpha1.SourceRollout, time.Time{}, "the pod is not what its template says: "+fieldsSaid(shown, len(c.Differences)-len(shown))))
	}
	items = append(items, runItems(c, cites(f, v1alpha1.SourceWorkload))...)
	if n := c.Node; n.Known && (!n.Ready || n.MemoryPressure || n.DiskPressure || n.PIDPressure) {
		items = append(items, item(v1alpha1.SourceNode, c.Now,
			fmt.Sprintf("node %s: ready %t, memory pressure %t, disk pressure %t, PID pressure %t", n.Name, n.Ready, n.MemoryPressure, n.DiskPressure, n.PIDPressure)))
	}
	return items
}

// maxDifferences bounds what is told of a pod that differs from its template.
const maxDifferences = 8

func cites(f Finding, source v1alpha1.EvidenceSource) bool {
	for _, i := range f.Evidence {
		if i.Source == source {
			return true
		}
	}
	return false
}

// bySignalAndLog decides by the signal that ended the process, unless the
// runtime raised it itself: V8 and the JVM abort when their heap is full, .NET
// and C++ on an exception that nobody caught.
func bySignalAndLog(c evidence.Case, r reading) (Finding, bool) {
	f, ok := bySignal(c)
	if !ok {
		return Finding{}, false
	}
	for _, k := range slices.Backward(r.clues) {
		if k.cause == v1alpha1.CauseHeapExhausted && !k.survived {
			heap := r.finding(c, k)
			heap.Evidence = append(heap.Evidence, f.Evidence...)
			heap.Refuted = append(heap.Refuted, refute(v1alpha1.CauseSegfault, "the runtime ended itself because its heap was full"))
			return heap, true
		}
	}
	if _, found := lastMatching(c.Last(), raisedByRuntime); found && c.Container.Ended().ExitCode == 134 {
		return Finding{}, false
	}
	if k, ok := r.decisive(); ok && k.cause == v1alpha1.CauseSegfault {
		f.Evidence = append(f.Evidence, logItem(k.text))
	}
	return f, true
}

// Looping says whether the container is in trouble now. It is not where it is
// ready and has been running for longer than settled: its restarts are old.
func Looping(c evidence.Case) bool {
	k := c.Container
	switch {
	case k.Role == evidence.RoleInit && k.Terminated != nil && k.Terminated.ExitCode == 0:
		return false
	case k.Waiting != nil || k.Terminated != nil:
		return true
	case k.Restarts == 0 && k.LastTermination == nil:
		return !k.Ready && k.RunningSince.IsZero()
	}
	return !hasSettled(k, c.Now)
}

// hasSettled says that a container that was restarted is well again: it is ready, and
// its last end is old against the newest time that the evidence holds. Where nothing
// is later than its start, too few restarts for a loop must speak for it.
func hasSettled(k evidence.Container, now time.Time) bool {
	if k.RunningSince.IsZero() || !k.Ready {
		return false
	}
	since := k.RunningSince
	if last := k.LastTermination; last != nil && !last.Finished.IsZero() {
		since = last.Finished
	}
	return now.Sub(since) >= settled || !now.After(k.RunningSince) && k.Restarts < fewRestarts
}

// fewRestarts is how many make no loop by themselves.
const fewRestarts = 3
