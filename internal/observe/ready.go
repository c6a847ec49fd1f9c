package observe

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// ReadySince is when a pod last became ready; false while it is not.
func ReadySince(pod *corev1.Pod) (time.Time, bool) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time, true
		}
	}
	return time.Time{}, false
}
