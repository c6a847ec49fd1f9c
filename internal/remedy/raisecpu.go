package remedy

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
)

// raiseCPULimit multiplies a throttled container's limit by the policy's
// factor. The request stays: it is what the scheduler reserves, and throttling
// comes from the limit alone.
var raiseCPULimit = remedy{
	name:    v1alpha1.RemedyRaiseCPULimit,
	summary: "Raises a throttled container's CPU limit by a factor, up to the policy's ceiling.",
	writes:  v1alpha1.ActionPatchTemplate,
	mayChange: func(w TemplateWrite, d difference) bool {
		return d.raises("limits", corev1.ResourceCPU, w.ceiling(stack.Policy.CPUCeilingFor))
	},
	needs:  []Need{NeedBounds},
	causes: []v1alpha1.Cause{v1alpha1.CauseCPUStarved},
	propose: func(in Input) (Action, *Refusal) {
		c := container(in.Template, in.Case.Container.Name)
		if c == nil {
			return refuse(v1alpha1.RemedyRaiseCPULimit, "container %q is not in the pod template", in.Case.Container.Name)
		}
		present, limited := c.Resources.Limits[corev1.ResourceCPU]
		ceiling := in.Policy.CPUCeilingFor(in.Service)
		switch {
		case !limited || present.MilliValue() <= 0:
			return refuse(v1alpha1.RemedyRaiseCPULimit, "%s", noLimit("CPU", in.Case.CPULimit(), false, millicores))
		case in.Bounds.VerticalAutoscaler != "":
			return refuse(v1alpha1.RemedyRaiseCPULimit, "VerticalPodAutoscaler %s owns the container's resources; change its policy", in.Bounds.VerticalAutoscaler)
		case ceiling == nil:
			return refuse(v1alpha1.RemedyRaiseCPULimit, "the policy sets no ceiling; set spec.remediation.cpu.ceiling or services[].cpuCeiling")
		}
		wanted, bound := in.raisedCPU(present.MilliValue(), ceiling)
		if wanted <= present.MilliValue() {
			return refuse(v1alpha1.RemedyRaiseCPULimit, "the limit %s cannot be raised: %s", present.String(), bound)
		}
		return Action{
			Because: fmt.Sprintf("the container was throttled at its limit of %s", present.String()),
			Target:  in.workload(),
			Template: in.edit(func(c *corev1.Container) {
				c.Resources.Limits[corev1.ResourceCPU] = *resource.NewMilliQuantity(wanted, resource.DecimalSI)
			}),
		}, nil
	},
}

// raisedCPU is the new limit in millicores, and the bound that held it back.
func (in Input) raisedCPU(present int64, ceiling *resource.Quantity) (limit int64, bound string) {
	limit = present
	for range 1 + in.tried(v1alpha1.RemedyRaiseCPULimit) {
		limit = limit * int64(in.Policy.CPUFactorPercent) / 100
	}
	return lowest(limit, []boundary{
		{ceiling.MilliValue(), "the policy's ceiling is " + ceiling.String()},
		{in.Bounds.MaxContainerCPU, fmt.Sprintf("a LimitRange allows a container at most %dm", in.Bounds.MaxContainerCPU)},
		{in.Bounds.LargestNodeCPU, fmt.Sprintf("the largest node has only %dm", in.Bounds.LargestNodeCPU)},
		{in.perReplica(present, in.Bounds.QuotaCPULeft, in.others(limitsOf, millicoresOf)), in.Bounds.QuotaCPULeft.refusal(in.Bounds.SurgesFirst)},
		{in.withoutRoomForAPod(present), in.Bounds.QuotaPodsLeft.refusal(in.Bounds.SurgesFirst)},
	})
}
