package observe

import (
	"unique"

	corev1 "k8s.io/api/core/v1"
)

// shared lets equal words of objects in the cache be one in memory. Decoded, each
// has its own: the keys of labels, names of namespaces, nodes and containers.
func shared[T ~string](word T) T { return T(unique.Make(string(word)).Value()) }

func sharedLabels(labels map[string]string) map[string]string {
	if len(labels) == 0 {
		return nil
	}
	out := make(map[string]string, len(labels))
	for key, value := range labels {
		out[shared(key)] = shared(value)
	}
	return out
}

// shareWords of a pod that is kept.
func shareWords(pod *corev1.Pod) {
	pod.Namespace, pod.Labels = shared(pod.Namespace), sharedLabels(pod.Labels)
	for i := range pod.OwnerReferences {
		o := &pod.OwnerReferences[i]
		o.APIVersion, o.Kind, o.Name, o.UID = shared(o.APIVersion), shared(o.Kind), shared(o.Name), shared(o.UID)
	}
	pod.Spec.RestartPolicy, pod.Spec.NodeName = shared(pod.Spec.RestartPolicy), shared(pod.Spec.NodeName)
	pod.Status.Phase, pod.Status.HostIP = shared(pod.Status.Phase), shared(pod.Status.HostIP)
	for i := range pod.Status.Conditions {
		c := &pod.Status.Conditions[i]
		c.Type, c.Status = shared(c.Type), shared(c.Status)
	}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			containers[i].Name, containers[i].Image = shared(containers[i].Name), shared(containers[i].Image)
		}
	}
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			statuses[i].Name = shared(statuses[i].Name)
		}
	}
}
