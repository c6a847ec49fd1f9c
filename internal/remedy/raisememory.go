package remedy

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const mebibyte = 1 << 20

// raiseMemoryLimit multiplies the limit by the policy's factor, once more for
// each attempt that did not suffice, and keeps the request in proportion.
var raiseMemoryLimit = remedy{
	name:   v1alpha1.RemedyRaiseMemoryLimit,
	causes: []v1alpha1.Cause{v1alpha1.CauseOOMKilled, v1alpha1.CauseChildOOMKilled},
	propose: func(in Input) (Action, *Refusal) {
		c := container(in.Template, in.Case.Container.Name)
		if c == nil {
			return refuse(v1alpha1.RemedyRaiseMemoryLimit, "container %q is not in the pod template", in.Case.Container.Name)
		}
		present, limited := c.Resources.Limits[corev1.ResourceMemory]
		if !limited || present.Value() <= 0 {
			return refuse(v1alpha1.RemedyRaiseMemoryLimit, "the container has no memory limit of its own: the node or a pod-level limit ran out")
		}
		ceiling := in.Policy.CeilingFor(in.Service)
		if ceiling == nil {
			return refuse(v1alpha1.RemedyRaiseMemoryLimit, "the policy sets no ceiling; set spec.remediation.memory.ceiling or services[].memoryCeiling")
		}
		wanted, bound := in.raised(present.Value(), ceiling.Value())
		if wanted <= present.Value() {
			return refuse(v1alpha1.RemedyRaiseMemoryLimit, "the limit %s cannot be raised: %s", present.String(), bound)
		}
		limit := quantity(wanted)
		return Action{
			Because: fmt.Sprintf("the kernel killed the container at its limit of %s", present.String()),
			Target:  in.workload(),
			Template: in.edit(func(c *corev1.Container) {
				c.Resources.Limits[corev1.ResourceMemory] = limit
				if request, set := c.Resources.Requests[corev1.ResourceMemory]; set && request.Value() > 0 {
					inProportion := float64(request.Value()) * (float64(wanted) / float64(present.Value()))
					c.Resources.Requests[corev1.ResourceMemory] = quantity(min(wanted, roundUp(int64(inProportion))))
				}
			}),
		}, nil
	},
}

// raised is the new limit in bytes, and the bound that held it back.
func (in Input) raised(present, ceiling int64) (limit int64, bound string) {
	wanted := float64(present)
	for range 1 + in.tried(v1alpha1.RemedyRaiseMemoryLimit) {
		wanted *= float64(in.Policy.MemoryFactorPercent) / 100
	}
	limit = roundUp(int64(min(wanted, float64(ceiling))))
	for _, b := range []struct {
		most int64
		name string
	}{
		{ceiling, "the policy's ceiling is " + human(ceiling)},
		{in.Bounds.MaxContainerMemory, "a LimitRange allows a container at most " + human(in.Bounds.MaxContainerMemory)},
		{in.Bounds.LargestNodeMemory, "the largest node has only " + human(in.Bounds.LargestNodeMemory)},
		{in.quotaAllows(present), "the namespace's ResourceQuota leaves no more than " + human(in.quotaAllows(present))},
	} {
		if b.most > 0 && limit > b.most {
			limit, bound = b.most, b.name
		}
	}
	if bound == "" {
		bound = "the policy's ceiling is " + human(ceiling)
	}
	return limit, bound
}

// quotaAllows is the limit that a quota leaves to each replica, 0 without a quota.
func (in Input) quotaAllows(present int64) int64 {
	if in.Bounds.QuotaMemoryLeft == nil {
		return 0
	}
	return present + *in.Bounds.QuotaMemoryLeft/int64(max(1, in.Bounds.Replicas))
}

// tried counts the attempts with a remedy that did not help.
func (in Input) tried(name v1alpha1.RemedyName) int {
	n := 0
	for _, a := range in.Attempts {
		if a.Proposal.Remedy == name && (a.Outcome == v1alpha1.AttemptRolledBack || a.Outcome == v1alpha1.AttemptFailed) {
			n++
		}
	}
	return n
}

func roundUp(bytes int64) int64 { return (bytes + mebibyte - 1) / mebibyte * mebibyte }

func quantity(bytes int64) resource.Quantity { return *resource.NewQuantity(bytes, resource.BinarySI) }

func human(bytes int64) string { q := quantity(bytes); return q.String() }
