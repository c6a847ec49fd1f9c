package remedy

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
)

const mebibyte = 1 << 20

// raiseMemoryLimit multiplies the limit by the policy's factor, once more for
// each attempt that did not suffice, and keeps the request in proportion.
var raiseMemoryLimit = remedy{
	name:    v1alpha1.RemedyRaiseMemoryLimit,
	summary: "Raises a container's memory limit by a factor, and its request in proportion, up to the policy's ceiling.",
	writes:  v1alpha1.ActionPatchTemplate,

	asksForRoom: true,
	mayChange: func(w TemplateWrite, d difference) bool {
		ceiling := w.ceiling(stack.Policy.CeilingFor)
		return d.raises("limits", corev1.ResourceMemory, ceiling) || d.raises("requests", corev1.ResourceMemory, ceiling)
	},
	needs:  []Need{NeedBounds},
	causes: []v1alpha1.Cause{v1alpha1.CauseOOMKilled, v1alpha1.CauseChildOOMKilled, v1alpha1.CauseHeapExhausted},
	propose: func(in Input) (Action, *Refusal) {
		c := container(in.Template, in.Case.Container.Name)
		if c == nil {
			return refuse(v1alpha1.RemedyRaiseMemoryLimit, "container %q is not in the pod template", in.Case.Container.Name)
		}
		present, limited := c.Resources.Limits[corev1.ResourceMemory]
		if !limited || present.Value() <= 0 {
			told := in.Finding.Cause == v1alpha1.CauseOOMKilled || in.Finding.Cause == v1alpha1.CauseChildOOMKilled
			return refuse(v1alpha1.RemedyRaiseMemoryLimit, "%s", noLimit("memory", in.Case.MemoryLimit(), told, human))
		}
		if in.Bounds.VerticalAutoscaler != "" {
			return refuse(v1alpha1.RemedyRaiseMemoryLimit, "VerticalPodAutoscaler %s owns the container's resources; change its policy", in.Bounds.VerticalAutoscaler)
		}
		if in.Finding.Cause == v1alpha1.CauseHeapExhausted && !in.heapFollowsLimit() {
			return refuse(v1alpha1.RemedyRaiseMemoryLimit, "it is not shown that the runtime's heap follows the container's limit; raise the heap's own size")
		}
		ceiling := in.Policy.CeilingFor(in.Service)
		if ceiling == nil {
			return refuse(v1alpha1.RemedyRaiseMemoryLimit, "the policy sets no ceiling; set spec.remediation.memory.ceiling or services[].memoryCeiling")
		}
		wanted, bound := in.raised(present.Value(), ceiling.Value())
		if wanted <= present.Value() {
			return refuse(v1alpha1.RemedyRaiseMemoryLimit, "the limit %s cannot be raised: %s", present.String(), bound)
		}
		request := in.raisedRequest(c.Resources.Requests.Memory().Value(), float64(wanted)/float64(present.Value()), wanted)
		if request < c.Resources.Requests.Memory().Value() {
			return refuse(v1alpha1.RemedyRaiseMemoryLimit, "the limit %s cannot be raised: %s", present.String(), in.Bounds.QuotaMemoryRequestLeft.refusal(in.Bounds.SurgesFirst))
		}
		return Action{
			Because: in.outOfMemory() + " " + present.String(),
			Target:  in.workload(),
			Template: in.edit(func(c *corev1.Container) {
				c.Resources.Limits[corev1.ResourceMemory] = quantity(wanted)
				if request > c.Resources.Requests.Memory().Value() {
					c.Resources.Requests[corev1.ResourceMemory] = quantity(request)
				}
			}),
		}, nil
	},
}

// raisedRequest is the request in proportion to the new limit, in bytes, as far as
// a quota lets it be raised; 0 stays 0. It is less than the present one where a
// quota leaves no room for the rollout at all.
func (in Input) raisedRequest(present int64, factor float64, limit int64) int64 {
	if present == 0 {
		return 0
	}
	request := min(limit, roundUp(int64(float64(present)*factor)))
	if in.Bounds.MemoryScaler != "" { // its autoscaler would scale down
		request = present
	}
	if most := in.perReplica(present, in.Bounds.QuotaMemoryRequestLeft, in.others(requestsOf, bytesOf)); most > 0 {
		request = min(request, most)
	}
	return request
}

// raised is the new limit in bytes, and the bound that held it back.
func (in Input) raised(present, ceiling int64) (limit int64, bound string) {
	wanted := float64(present)
	for range 1 + in.tried(v1alpha1.RemedyRaiseMemoryLimit) {
		wanted *= float64(in.Policy.MemoryFactorPercent) / 100
	}
	return lowest(roundUp(int64(min(wanted, float64(ceiling)))), []boundary{
		{ceiling, "the policy's ceiling is " + human(ceiling)},
		{in.Bounds.MaxContainerMemory, "a LimitRange allows a container at most " + human(in.Bounds.MaxContainerMemory)},
		{in.Bounds.LargestNodeMemory, "the largest node has only " + human(in.Bounds.LargestNodeMemory)},
		{in.perReplica(present, in.Bounds.QuotaMemoryLeft, in.others(limitsOf, bytesOf)), in.Bounds.QuotaMemoryLeft.refusal(in.Bounds.SurgesFirst)},
		{in.withoutRoomForAPod(present), in.Bounds.QuotaPodsLeft.refusal(in.Bounds.SurgesFirst)},
	})
}

func (in Input) outOfMemory() string {
	if in.Finding.Cause == v1alpha1.CauseHeapExhausted {
		return "the heap, which follows the container's limit, is full at a limit of"
	}
	return "the kernel killed the container at its limit of"
}

// heapFollowsLimit is true for a JVM whose heap is not set by hand: it takes a
// share of the container's limit (MaxRAMPercentage, 25 % by default; JDK-8186248).
func (in Input) heapFollowsLimit() bool {
	java := slices.ContainsFunc(in.Finding.Evidence, func(e v1alpha1.EvidenceItem) bool {
		return strings.Contains(e.Text, "java.lang.OutOfMemoryError: Java heap space") || strings.Contains(e.Text, "java.lang.OutOfMemoryError: GC overhead")
	})
	settings := slices.Concat(in.Case.Container.Command, in.Case.Container.Args)
	for _, name := range []string{"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "JAVA_OPTS", "JAVA_OPTIONS", "KAFKA_HEAP_OPTS", "ES_JAVA_OPTS", "CATALINA_OPTS"} {
		if in.Case.Env.Variables[name].Secret.IsSet() {
			return false
		}
		settings = append(settings, in.Case.Env.Variables[name].Value)
	}
	return java && !slices.ContainsFunc(settings, func(s string) bool {
		return strings.Contains(s, "-Xmx") || strings.Contains(s, "-XX:MaxHeapSize")
	})
}

// tried counts the attempts with a remedy that were in force and did not help.
func (in Input) tried(name v1alpha1.RemedyName) int {
	n := 0
	for _, a := range in.Attempts {
		if a.Proposal.Remedy == name && a.AppliedAt != nil && (a.Outcome == v1alpha1.AttemptRolledBack || a.Outcome == v1alpha1.AttemptFailed) {
			n++
		}
	}
	return n
}

func roundUp(bytes int64) int64 { return (bytes + mebibyte - 1) / mebibyte * mebibyte }

func quantity(bytes int64) resource.Quantity { return *resource.NewQuantity(bytes, resource.BinarySI) }

func human(bytes int64) string { q := quantity(bytes); return q.String() }
