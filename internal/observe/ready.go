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

// LongestReady is the pod that has been ready for longest, and since when; false
// where none is. A service is there from when its first pod is: that another one was
// moved a moment ago says nothing of it.
func LongestReady(pods []Pod) (pod Pod, since time.Time, ready bool) {
	for _, p := range pods {
		if at, is := ReadySince(p.Pod); is && (!ready || at.Before(since)) {
			pod, since, ready = p, at, true
		}
	}
	return pod, since, ready
}
