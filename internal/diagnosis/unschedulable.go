package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/scheduling"
	"github.com/bridgestack/operator/internal/text"
)

// byScheduling decides by why no node takes the pod.
func byScheduling(c evidence.Case) (Finding, bool) {
	said, at := c.Scheduling.Message, c.Scheduling.Since
	if c.Pod.Scheduled || c.Pod.Name == "" || said == "" {
		return Finding{}, false
	}
	s := scheduling.Parse(said)
	cited := item(v1alpha1.SourceEvent, at, firstOf(c.Scheduling.Reason, "Unschedulable")+": "+said)
	if s.Has(scheduling.ClaimMissing) || s.Has(scheduling.ClaimUnbound) {
		return claimPending(c, s, cited), true
	}
	f := Finding{
		Cause: v1alpha1.CauseUnschedulable, Confidence: v1alpha1.ConfidenceHigh,
		Message: "No node takes the pod: " + refusals(c, s) + ".", Evidence: []v1alpha1.EvidenceItem{cited}, Command: describe(c),
	}
	if s.Has(scheduling.Gated) {
		f.Message = "The pod waits for a scheduling gate: " + text.AsClause(text.Clip(printable(said), maxSaid)) + "."
		return f, true
	}
	for _, narrow := range []func(evidence.Case, scheduling.Sentence, Finding) (Finding, bool){shortOfRoom, keptOut} {
		if told, ok := narrow(c, s, f); ok {
			return told, true
		}
	}
	return f, true
}

// refusals lists how many nodes refuse for what, those of most nodes first.
func refusals(c evidence.Case, s scheduling.Sentence) string {
	reasons := slices.Clone(s.Reasons)
	slices.SortStableFunc(reasons, func(a, b scheduling.Reason) int { return b.Nodes - a.Nodes })
	var parts []string
	for _, r := range reasons {
		part := refusal(c, r)
		if r.Nodes > 0 {
			part = fmt.Sprintf("%d %s", r.Nodes, part)
		}
		parts = append(parts, part)
	}
	list := strings.Join(parts, "; ")
	if s.Nodes > 0 {
		return fmt.Sprintf("of %d, %s", s.Nodes, list)
	}
	return list
}

// phrases go on from a number of nodes.
var phrases = map[scheduling.Kind]string{
	scheduling.TooManyPods:     "with as many pods as their kubelet takes",
	scheduling.Cordoned:        "closed to new pods (cordoned)",
	scheduling.NodeAffinity:    "that its node affinity excludes",
	scheduling.NodeName:        "with another name than spec.nodeName",
	scheduling.PodAffinity:     "without a pod that its affinity wants there",
	scheduling.PodAntiAffinity: "with a pod that an anti-affinity keeps it from",
	scheduling.TopologySpread:  "where its topology spread constraints allow no further pod",
	scheduling.Ports:           "where a host port that it wants is taken",
	scheduling.VolumeZone:      "in another zone, or another one, than its volume",
	scheduling.VolumeLimit:     "to which no further volume can be attached",
	scheduling.VolumeInUse:     "where its volume is in use by another pod, and allows only one",
	scheduling.NoVolume:        "from which no volume can be reached that fits its claim",
}

// refusal is one reason in words that go on from a number of nodes.
func refusal(c evidence.Case, r scheduling.Reason) string {
	clip := func(s string) string { return text.Clip(printable(s), maxSaid) }
	selector := c.Scheduling.NodeSelector
	switch {
	case r.Kind == scheduling.Insufficient:
		return "with too little " + clip(r.Resource) + " left"
	case r.Kind == scheduling.Taint && r.Taint == "":
		return "with a taint that the pod does not tolerate" + taintsOf(c)
	case r.Kind == scheduling.Taint:
		return "with the taint " + clip(r.Taint) + ", which the pod does not tolerate"
	case r.Kind == scheduling.NodeAffinity && len(selector) > 0:
		return "without the labels that its nodeSelector asks for (" + strings.Join(selector[:min(len(selector), maxNamed)], ", ") + ")"
	}
	return firstOf(phrases[r.Kind], clip(r.Text))
}

// maxNamed bounds a list of names in a sentence.
const maxNamed = 4

// taintsOf names the taints that keep the pod out, as the scheduler does not since
// Kubernetes 1.34.
func taintsOf(c evidence.Case) string {
	var named []string
	for _, n := range c.Scheduling.Nodes {
		for _, t := range n.Taints {
			if !slices.Contains(named, t) && len(named) < maxNamed {
				named = append(named, t)
			}
		}
	}
	if len(named) == 0 {
		return ""
	}
	return " (" + strings.Join(named, ", ") + ")"
}

// amount is a resource that the operator knows the measures of.
type amount struct {
	name string
	of   func(evidence.Resources) int64
	// text of an amount, and the same as an argument of kubectl, rounded down.
	text, argument func(int64) string
}

var amounts = []amount{
	{"memory", func(r evidence.Resources) int64 { return r.MemoryRequest }, gibibytes, func(n int64) string { return fmt.Sprintf("%dMi", n>>20) }},
	{"cpu", func(r evidence.Resources) int64 { return r.CPURequest }, cores, func(n int64) string { return fmt.Sprintf("%dm", n) }},
}

func gibibytes(n int64) string {
	if n < 1<<30 {
		return mebibytes(n >> 20 << 20)
	}
	return fmt.Sprintf("%.1fGi", float64(n)/(1<<30))
}

func cores(n int64) string { return fmt.Sprintf("%dm", n) }

// shortOfRoom tells what the pod asks for beside what there is, and which request
// would fit.
func shortOfRoom(c evidence.Case, s scheduling.Sentence, f Finding) (Finding, bool) {
	for _, a := range amounts {
		if !slices.ContainsFunc(s.Of(scheduling.Insufficient), func(r scheduling.Reason) bool { return r.Resource == a.name }) {
			continue
		}
		asked := a.of(c.Scheduling.Requests)
		open := slices.DeleteFunc(slices.Clone(c.Scheduling.Nodes), func(n evidence.NodeRoom) bool { return !n.Open() })
		if asked == 0 || len(open) == 0 {
			continue
		}
		largest := slices.MaxFunc(open, func(x, y evidence.NodeRoom) int { return cmp.Compare(a.of(x.Allocatable), a.of(y.Allocatable)) })
		f.Message += fmt.Sprintf(" The pod requests %s of %s; the largest node that it may use, %s, has %s for pods in all",
			a.text(asked), a.name, largest.Name, a.text(a.of(largest.Allocatable)))
		if freest, known := mostFree(open, a); known {
			f.Message += fmt.Sprintf(", and %s has the most free: %s", freest.Name, a.text(max(0, a.of(freest.Free))))
		}
		f.Message += "."
		if asked > a.of(largest.Allocatable) {
			f.Message += " No node of this size can ever take it."
		}
		return wouldFit(c, s, a, open, f), true
	}
	return f, false
}

// mostFree is the node with most of a resource left, of those of which that is known.
func mostFree(nodes []evidence.NodeRoom, a amount) (evidence.NodeRoom, bool) {
	known := slices.DeleteFunc(slices.Clone(nodes), func(n evidence.NodeRoom) bool { return !n.FreeKnown })
	if len(known) == 0 {
		return evidence.NodeRoom{}, false
	}
	return slices.MaxFunc(known, func(x, y evidence.NodeRoom) int { return cmp.Compare(a.of(x.Free), a.of(y.Free)) }), true
}

// wouldFit adds which request of the container that asks for most would fit, and the
// command that sets it: where the pod lacks nothing but this one resource on the node
// that has most of it, as far as the scheduler and the nodes tell.
func wouldFit(c evidence.Case, s scheduling.Sentence, a amount, open []evidence.NodeRoom, f Finding) Finding {
	if slices.ContainsFunc(s.Reasons, func(r scheduling.Reason) bool { return !weighed(r) }) {
		return f
	}
	freest, known := mostFree(slices.DeleteFunc(slices.Clone(open), func(n evidence.NodeRoom) bool { return lacksOther(c, n, a) }), a)
	if !known {
		return f
	}
	most := c.Container
	for _, s := range c.Siblings {
		if s.Role == evidence.RoleMain && a.of(s.Resources) > a.of(most.Resources) {
			most = s
		}
	}
	tooMuch := a.of(c.Scheduling.Requests) - max(0, a.of(freest.Free))
	request := a.of(most.Resources) - tooMuch
	if request <= 0 || tooMuch <= 0 || a.argument(request)[0] == '0' {
		return f
	}
	f.Message += fmt.Sprintf(" A request of at most %s for container %s would fit now.", a.argument(request), most.Name)
	if w := changeable(c); w != "" {
		f.Command = kubectl(c, "set resources %s -c %s --requests=%s=%s", w, most.Name, a.name, a.argument(request))
	}
	return f
}

// weighed says that a reason is one by which the operator knows itself which nodes give it.
func weighed(r scheduling.Reason) bool {
	switch r.Kind {
	case scheduling.Insufficient:
		return slices.ContainsFunc(amounts, func(a amount) bool { return a.name == r.Resource })
	case scheduling.Taint, scheduling.Cordoned, scheduling.NodeAffinity:
		return true
	default:
		return false
	}
}

// lacksOther says that a node has too little left of another resource, too.
func lacksOther(c evidence.Case, n evidence.NodeRoom, than amount) bool {
	return slices.ContainsFunc(amounts, func(a amount) bool {
		return a.name != than.name && n.FreeKnown && a.of(c.Scheduling.Requests) > a.of(n.Free)
	})
}

// troubles are the taints that the node controller gives a node which is in trouble by
// itself (k8s.io/api/core/v1, well_known_taints.go).
var troubles = []string{
	"node.kubernetes.io/disk-pressure", "node.kubernetes.io/memory-pressure", "node.kubernetes.io/pid-pressure",
	"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "node.kubernetes.io/network-unavailable",
}

// inTrouble is the first node that only a trouble of its own keeps the pod from, empty
// where there is none: all services that were there are down for it.
func inTrouble(c evidence.Case) string {
	var first string
	for _, n := range c.Scheduling.Nodes {
		own := len(n.Taints) > 0 && !n.Cordoned && !n.Unmatched && !slices.ContainsFunc(n.Taints, func(t string) bool {
			return !slices.ContainsFunc(troubles, func(key string) bool { return strings.HasPrefix(t, key+":") || strings.HasPrefix(t, key+"=") })
		})
		if own && isObjectName(n.Name) && (first == "" || n.Name < first) {
			first = n.Name
		}
	}
	return first
}

// keptOut finds the command that shows what keeps the pod from the nodes.
func keptOut(c evidence.Case, s scheduling.Sentence, f Finding) (Finding, bool) {
	switch {
	case s.Has(scheduling.Cordoned):
		for _, n := range c.Scheduling.Nodes {
			if n.Cordoned && isObjectName(n.Name) {
				f.Message += fmt.Sprintf(" Somebody closed node %s to new pods, to drain it as a rule: once they are done, kubectl uncordon %s lets pods in again.", n.Name, n.Name)
				f.Command = "kubectl describe node " + n.Name
				return f, true
			}
		}
		f.Command = "kubectl get nodes"
	case s.Has(scheduling.Taint) && inTrouble(c) != "":
		node := inTrouble(c)
		f.Subject.Beside, f.Command = "Node/"+node, "kubectl describe node "+node
	case s.Has(scheduling.Taint):
		f.Command = "kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints"
	case s.Has(scheduling.NodeAffinity):
		f.Command = "kubectl get nodes --show-labels"
	default:
		return f, false
	}
	return f, true
}
