// Package observe reads Kubernetes objects and turns them into evidence. It
// decides nothing. The conversions are pure and need no cluster: the offline
// classifier uses them too.
package observe

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bridgestack/operator/internal/evidence"
)

// PodOf is the pod as rules see it.
func PodOf(pod *corev1.Pod) evidence.Pod {
	ready, since := readiness(pod)
	var resources evidence.Resources
	if r := pod.Spec.Resources; r != nil {
		resources = resourcesOf(*r)
	}
	return evidence.Pod{
		Namespace:     pod.Namespace,
		Name:          pod.Name,
		UID:           string(pod.UID),
		Phase:         string(pod.Status.Phase),
		Reason:        pod.Status.Reason,
		Message:       pod.Status.Message,
		RestartPolicy: string(cmp.Or(pod.Spec.RestartPolicy, corev1.RestartPolicyAlways)),
		Created:       pod.CreationTimestamp.Time,
		Resources:     resources,
		Terminating:   pod.DeletionTimestamp != nil,

		Scheduled:       pod.Spec.NodeName != "",
		Unplaced:        unplaced(pod),
		Ready:           ready,
		ReadySince:      since,
		ContainersReady: containersReady(pod),
		ClosedGates:     closedGates(pod),
	}
}

// unplaced says that the scheduler found no node that takes the pod.
func unplaced(pod *corev1.Pod) bool {
	return pod.Spec.NodeName == "" && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable
	})
}

// closedGates are the readiness gates of a pod that are not True.
func closedGates(pod *corev1.Pod) []string {
	var out []string
	for _, g := range pod.Spec.ReadinessGates {
		open := slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == g.ConditionType && c.Status == corev1.ConditionTrue
		})
		if !open {
			out = append(out, string(g.ConditionType))
		}
	}
	return out
}

// readiness is the pod's condition Ready, and since when it has been so. Unknown
// as the condition's status is no readiness either.
func readiness(pod *corev1.Pod) (ready evidence.Readiness, since time.Time) {
	for _, c := range pod.Status.Conditions {
		if c.Type != corev1.PodReady {
			continue
		}
		if c.Status == corev1.ConditionTrue {
			return evidence.ReadinessTrue, c.LastTransitionTime.Time
		}
		return evidence.ReadinessFalse, c.LastTransitionTime.Time
	}
	return evidence.ReadinessUnknown, time.Time{}
}

// containersReady says that the kubelet reported every main container as ready.
func containersReady(pod *corev1.Pod) bool {
	notReady := func(s corev1.ContainerStatus) bool { return !s.Ready }
	statuses := pod.Status.ContainerStatuses
	return len(statuses) == len(pod.Spec.Containers) && len(statuses) > 0 && !slices.ContainsFunc(statuses, notReady)
}

// Containers are all containers of the pod in the order in which they start:
// init containers and sidecars, then the main ones. A container without a
// status, as right after scheduling, has no state at all.
func Containers(pod *corev1.Pod) []evidence.Container {
	out := make([]evidence.Container, 0, len(pod.Spec.InitContainers)+len(pod.Spec.Containers))
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		role := evidence.RoleInit
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			role = evidence.RoleSidecar
		}
		out = append(out, containerOf(pod, c, role, pod.Status.InitContainerStatuses))
	}
	for i := range pod.Spec.Containers {
		out = append(out, containerOf(pod, &pod.Spec.Containers[i], evidence.RoleMain, pod.Status.ContainerStatuses))
	}
	return out
}

// ContainerOf is one container of the pod, by its name; false if it has none of it.
func ContainerOf(pod *corev1.Pod, name string) (evidence.Container, bool) {
	all := Containers(pod)
	i := slices.IndexFunc(all, func(c evidence.Container) bool { return c.Name == name })
	if i < 0 {
		return evidence.Container{}, false
	}
	return all[i], true
}

// caseOf is the pod as far as it tells by itself of one of its containers; false
// if it has none of that name.
func caseOf(pod *corev1.Pod, name string) (evidence.Case, bool) {
	c := evidence.Case{Pod: PodOf(pod)}
	known := false
	for _, container := range Containers(pod) {
		if container.Name == name {
			c.Container, known = container, true
			continue
		}
		c.Siblings = append(c.Siblings, container)
	}
	return c, known
}

func containerOf(pod *corev1.Pod, spec *corev1.Container, role evidence.ContainerRole, statuses []corev1.ContainerStatus) evidence.Container {
	c := evidence.Container{
		Name:      spec.Name,
		Role:      role,
		Image:     spec.Image,
		Command:   spec.Command,
		Args:      spec.Args,
		Resources: resourcesOf(spec.Resources),
		Liveness:  probeOf(spec.LivenessProbe, spec.Ports),
		Startup:   probeOf(spec.StartupProbe, spec.Ports),
		Readiness: probeOf(spec.ReadinessProbe, spec.Ports),
	}
	for _, p := range spec.Ports {
		if p.Protocol == "" || p.Protocol == corev1.ProtocolTCP {
			c.Ports = append(c.Ports, p.ContainerPort)
		}
	}
	setSecurity(&c, pod.Spec.SecurityContext, spec.SecurityContext)
	i := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == spec.Name })
	if i >= 0 {
		setStatus(&c, &statuses[i])
	}
	return c
}

func setStatus(c *evidence.Container, s *corev1.ContainerStatus) {
	c.Ready = s.Ready
	c.Started = s.Started != nil && *s.Started
	c.Restarts = s.RestartCount
	if w := s.State.Waiting; w != nil {
		c.Waiting = &evidence.Waiting{Reason: w.Reason, Message: w.Message}
	}
	if r := s.State.Running; r != nil {
		c.RunningSince = r.StartedAt.Time
	}
	c.Terminated = terminationOf(s.State.Terminated)
	c.LastTermination = terminationOf(s.LastTerminationState.Terminated)
}

func terminationOf(t *corev1.ContainerStateTerminated) *evidence.Termination {
	if t == nil {
		return nil
	}
	return &evidence.Termination{
		ExitCode:  t.ExitCode,
		Signal:    t.Signal,
		Reason:    t.Reason,
		Message:   t.Message,
		StartedAt: known(t.StartedAt),
		Finished:  known(t.FinishedAt),
	}
}

// known is the time, or zero where the runtime did not tell it: the kubelet
// then writes the epoch.
func known(t metav1.Time) time.Time {
	if t.Unix() <= 0 {
		return time.Time{}
	}
	return t.Time
}

// setSecurity merges the pod's security context and the container's, which wins.
func setSecurity(c *evidence.Container, pod *corev1.PodSecurityContext, own *corev1.SecurityContext) {
	if pod != nil {
		c.RunAsNonRoot, c.RunAsUser = pod.RunAsNonRoot, pod.RunAsUser
	}
	if own == nil {
		return
	}
	c.RunAsNonRoot = cmp.Or(own.RunAsNonRoot, c.RunAsNonRoot)
	c.RunAsUser = cmp.Or(own.RunAsUser, c.RunAsUser)
	c.ReadOnlyRoot = own.ReadOnlyRootFilesystem != nil && *own.ReadOnlyRootFilesystem
}

func resourcesOf(r corev1.ResourceRequirements) evidence.Resources {
	return evidence.Resources{
		MemoryRequest: r.Requests.Memory().Value(),
		MemoryLimit:   r.Limits.Memory().Value(),
		CPURequest:    r.Requests.Cpu().MilliValue(),
		CPULimit:      r.Limits.Cpu().MilliValue(),
	}
}

// The kubelet's defaults, which the API server writes into every probe; a pod
// from a file may lack them.
const (
	defaultProbePeriod           = 10
	defaultProbeTimeout          = 1
	defaultProbeFailureThreshold = 3
)

func probeOf(p *corev1.Probe, ports []corev1.ContainerPort) *evidence.ProbeSpec {
	if p == nil {
		return nil
	}
	out := &evidence.ProbeSpec{
		Kind:             probeKind(p.ProbeHandler),
		InitialDelay:     time.Duration(p.InitialDelaySeconds) * time.Second,
		Period:           time.Duration(cmp.Or(p.PeriodSeconds, defaultProbePeriod)) * time.Second,
		Timeout:          time.Duration(cmp.Or(p.TimeoutSeconds, defaultProbeTimeout)) * time.Second,
		FailureThreshold: cmp.Or(p.FailureThreshold, defaultProbeFailureThreshold),
	}
	switch {
	case p.HTTPGet != nil:
		out.Scheme, out.Path = cmp.Or(string(p.HTTPGet.Scheme), string(corev1.URISchemeHTTP)), cmp.Or(p.HTTPGet.Path, "/")
		out.Port = portOf(p.HTTPGet.Port, ports)
		out.Own = p.HTTPGet.Host != "" || len(p.HTTPGet.HTTPHeaders) > 0
	case p.TCPSocket != nil:
		out.Port = portOf(p.TCPSocket.Port, ports)
	case p.GRPC != nil:
		out.Port = p.GRPC.Port
	}
	return out
}

// portOf is a port by its number, or by its name among those of the container; 0 where
// there is none of it.
func portOf(port intstr.IntOrString, named []corev1.ContainerPort) int32 {
	if port.Type == intstr.Int {
		return port.IntVal
	}
	for _, p := range named {
		if p.Name == port.StrVal {
			return p.ContainerPort
		}
	}
	return 0
}

func probeKind(h corev1.ProbeHandler) string {
	switch {
	case h.HTTPGet != nil:
		return "httpGet"
	case h.TCPSocket != nil:
		return "tcpSocket"
	case h.Exec != nil:
		return "exec"
	case h.GRPC != nil:
		return "grpc"
	default:
		return ""
	}
}

// NodeOf is the node as rules see it.
func NodeOf(node *corev1.Node) evidence.Node {
	n := evidence.Node{
		Name:              node.Name,
		Created:           node.CreationTimestamp.Time,
		Known:             true,
		AllocatableMemory: node.Status.Allocatable.Memory().Value(),
		AllocatableCPU:    node.Status.Allocatable.Cpu().MilliValue(),
	}
	for _, c := range node.Status.Conditions {
		isTrue := c.Status == corev1.ConditionTrue
		switch c.Type {
		case corev1.NodeReady:
			n.Ready, n.ReadySince = isTrue, c.LastTransitionTime.Time
			if !isTrue {
				n.NotReady = strings.Trim(c.Reason+": "+c.Message, ": ")
			}
		case corev1.NodeMemoryPressure:
			n.MemoryPressure = isTrue
		case corev1.NodeDiskPressure:
			n.DiskPressure = isTrue
		case corev1.NodePIDPressure:
			n.PIDPressure = isTrue
		default:
		}
	}
	return n
}
