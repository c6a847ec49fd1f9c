package observe

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// well is true of a pod all of whose containers run as they should and never did
// otherwise. Most pods are, for nearly all of the time: the cache keeps of them
// only who they are and that they are well. One that gets into trouble is sent
// by the API server once more, and then all that tells why is kept.
func well(pod *corev1.Pod) bool {
	s := &pod.Status
	return s.Phase == corev1.PodRunning && s.Reason == "" &&
		len(s.ContainerStatuses) == len(pod.Spec.Containers) && len(s.InitContainerStatuses) == len(pod.Spec.InitContainers) &&
		!slices.ContainsFunc(s.ContainerStatuses, inTrouble) && !slices.ContainsFunc(s.InitContainerStatuses, inTroubleBefore)
}

func inTrouble(s corev1.ContainerStatus) bool {
	return s.RestartCount > 0 || s.State.Running == nil || !s.Ready || s.LastTerminationState.Terminated != nil
}

// inTroubleBefore is of an init container, which has done its part or, where it is
// a sidecar, runs.
func inTroubleBefore(s corev1.ContainerStatus) bool {
	done := s.State.Terminated != nil && s.State.Terminated.ExitCode == 0 && s.RestartCount == 0
	return !done && inTrouble(s)
}

// keptOfWell is what is kept of the containers of a pod that is well.
func keptOfWell(containers []corev1.Container) []corev1.Container {
	var kept []corev1.Container
	for i := range containers {
		kept = append(kept, corev1.Container{Name: containers[i].Name, RestartPolicy: containers[i].RestartPolicy, Ports: namedPorts(containers[i].Ports)})
	}
	return kept
}

// namedPorts are those by whose names Services find them.
func namedPorts(ports []corev1.ContainerPort) []corev1.ContainerPort {
	var named []corev1.ContainerPort
	for _, p := range keptPorts(ports) {
		if p.Name != "" {
			named = append(named, p)
		}
	}
	return named
}

// whole is the pod with all that tells why it is in trouble: a pod that looks well
// may yet be looked at, as when its health endpoint shows that it is not.
func (r *Reader) whole(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	if !well(pod) {
		return pod, nil
	}
	live := &corev1.Pod{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(pod), live); err != nil {
		return nil, fmt.Errorf("get Pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	if live.UID != pod.UID {
		return nil, fmt.Errorf("pod %s/%s is another one now: UID %s and not %s", pod.Namespace, pod.Name, live.UID, pod.UID)
	}
	return live, nil
}
