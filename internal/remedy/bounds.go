package remedy

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Limits is what bounds a workload's resources beside the policy.
type Limits struct {
	Nodes       []corev1.Node
	LimitRanges []corev1.LimitRange
	Quotas      []corev1.ResourceQuota
	Autoscalers []autoscalingv2.HorizontalPodAutoscaler
}

// BoundsOf are the bounds that apply to a workload. VerticalAutoscaler is not
// among them: its kind may not be installed.
func BoundsOf(l Limits, kind v1alpha1.WorkloadKind, name string, replicas int32) Bounds {
	b := Bounds{Replicas: replicas}
	for _, n := range l.Nodes {
		b.LargestNodeMemory = max(b.LargestNodeMemory, n.Status.Allocatable.Memory().Value())
		b.LargestNodeCPU = max(b.LargestNodeCPU, n.Status.Allocatable.Cpu().MilliValue())
	}
	b.MaxContainerMemory = mostPerContainer(l.LimitRanges, corev1.ResourceMemory) / 1000
	b.MaxContainerCPU = mostPerContainer(l.LimitRanges, corev1.ResourceCPU)
	b.QuotaMemoryLeft = whole(quotaLeft(l.Quotas, corev1.ResourceLimitsMemory))
	b.QuotaMemoryRequestLeft = whole(quotaLeft(l.Quotas, corev1.ResourceRequestsMemory, corev1.ResourceMemory))
	b.QuotaPodsLeft = whole(quotaLeft(l.Quotas, corev1.ResourcePods))
	b.QuotaCPULeft = quotaLeft(l.Quotas, corev1.ResourceLimitsCPU)
	for _, a := range l.Autoscalers {
		if a.Spec.ScaleTargetRef.Kind == string(kind) && a.Spec.ScaleTargetRef.Name == name && scalesByMemory(a.Spec.Metrics) {
			b.MemoryScaler = a.Name
		}
	}
	return b
}

// mostPerContainer is the smallest of the LimitRanges' maxima, in thousandths, 0 where there is none.
func mostPerContainer(ranges []corev1.LimitRange, name corev1.ResourceName) int64 {
	var most int64
	for _, r := range ranges {
		for _, item := range r.Spec.Limits {
			if m, set := item.Max[name]; set && item.Type == corev1.LimitTypeContainer && (most == 0 || m.MilliValue() < most) {
				most = m.MilliValue()
			}
		}
	}
	return most
}

// QuotaRoom is what the tightest ResourceQuota leaves of a resource.
type QuotaRoom struct {
	// Quota is the ResourceQuota's name.
	Quota string
	// Resource as the quota names it, such as limits.memory.
	Resource corev1.ResourceName
	// Left of it, in the unit that the field of Bounds names.
	Left int64
}

// whole is the room in whole units, where it was counted in thousandths.
func whole(room *QuotaRoom) *QuotaRoom {
	if room != nil {
		room.Left /= 1000
	}
	return room
}

// quotaLeft is what the tightest quota leaves of a resource, by any of its names,
// in thousandths; nil without one.
func quotaLeft(quotas []corev1.ResourceQuota, names ...corev1.ResourceName) *QuotaRoom {
	var least *QuotaRoom
	for _, q := range quotas {
		for _, name := range names {
			hard, set := q.Status.Hard[name]
			if !set {
				continue
			}
			used := q.Status.Used[name]
			left := max(0, hard.MilliValue()-used.MilliValue())
			if least == nil || left < least.Left {
				least = &QuotaRoom{Quota: q.Name, Resource: name, Left: left}
			}
		}
	}
	return least
}

// scalesByMemory is true of metrics that count use in proportion to the request.
func scalesByMemory(metrics []autoscalingv2.MetricSpec) bool {
	for _, m := range metrics {
		byResource := m.Resource != nil && m.Resource.Name == corev1.ResourceMemory && m.Resource.Target.AverageUtilization != nil
		byContainer := m.ContainerResource != nil && m.ContainerResource.Name == corev1.ResourceMemory && m.ContainerResource.Target.AverageUtilization != nil
		if byResource || byContainer {
			return true
		}
	}
	return false
}
