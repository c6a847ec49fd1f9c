package remedy

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// boundary is the most that something may be raised to, 0 where there is none.
type boundary struct {
	most int64
	name string
}

// lowest is the amount that all boundaries allow, and the one that held it
// back, or the first where none did.
func lowest(desired int64, boundaries []boundary) (amount int64, bound string) {
	amount, bound = desired, boundaries[0].name
	for _, b := range boundaries {
		if b.most > 0 && amount > b.most {
			amount, bound = b.most, b.name
		}
	}
	return amount, bound
}

// perReplica is the most that a quota lets each replica have, 0 without a quota.
// Where a rollout begins with one more pod than there are, that one has to fit in
// beside the old ones with all that its other containers take: at last, beside
// one old pod and as many new ones as there are replicas but one.
func (in Input) perReplica(present int64, room *QuotaRoom, others int64) int64 {
	replicas := int64(max(1, in.Bounds.Replicas))
	switch {
	case room == nil:
		return 0
	case !in.Bounds.SurgesFirst:
		return present + room.Left/replicas
	}
	return max(1, (room.Left-others+(replicas-1)*present)/replicas)
}

// withoutRoomForAPod is the present amount where a rollout needs one more pod than
// a quota allows, and so can never begin; else 0.
func (in Input) withoutRoomForAPod(present int64) int64 {
	if in.Bounds.SurgesFirst && in.Bounds.QuotaPodsLeft != nil && in.Bounds.QuotaPodsLeft.Left <= 0 {
		return present
	}
	return 0
}

// refusal says which quota holds a raise back, and why it has to leave more than
// the difference.
func (r *QuotaRoom) refusal(surgesFirst bool) string {
	if r == nil {
		return ""
	}
	text := fmt.Sprintf("ResourceQuota %s leaves too little %s", r.Quota, r.Resource)
	if r.Resource == corev1.ResourcePods {
		text = fmt.Sprintf("ResourceQuota %s allows no more pods", r.Quota)
	}
	if surgesFirst {
		text += ", as the rollout starts a new pod before it ends an old one (maxUnavailable is 0)"
	}
	return text
}

// others is what the other containers of a pod that run all the time take of a
// resource: its limits or its requests, as of tells.
func (in Input) others(of func(corev1.ResourceRequirements) corev1.ResourceList, value func(corev1.ResourceList) int64) int64 {
	var sum int64
	for _, c := range in.Template.Spec.Containers {
		if c.Name != in.Case.Container.Name {
			sum += value(of(c.Resources))
		}
	}
	sidecars := slices.DeleteFunc(slices.Clone(in.Template.Spec.InitContainers), func(c corev1.Container) bool {
		return c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways || c.Name == in.Case.Container.Name
	})
	for _, c := range sidecars {
		sum += value(of(c.Resources))
	}
	return sum
}

func limitsOf(r corev1.ResourceRequirements) corev1.ResourceList   { return r.Limits }
func requestsOf(r corev1.ResourceRequirements) corev1.ResourceList { return r.Requests }
func bytesOf(l corev1.ResourceList) int64                          { return l.Memory().Value() }
func millicoresOf(l corev1.ResourceList) int64                     { return l.Cpu().MilliValue() }
