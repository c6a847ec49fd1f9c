package observe

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/workload"
)

// Transform is the cache's transform for Pods: it keeps what the conversions
// here, the environment and the search for owners need, and of a pod that is well
// not even that: see well. What comes out of the cache is for reading only: an
// Update with it would drop the rest.
func Transform(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil // a tombstone
	}
	kept := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:              pod.Name,
			Namespace:         pod.Namespace,
			UID:               pod.UID,
			ResourceVersion:   pod.ResourceVersion,
			CreationTimestamp: pod.CreationTimestamp,
			DeletionTimestamp: pod.DeletionTimestamp,
			Labels:            pod.Labels,
			OwnerReferences:   pod.OwnerReferences,
		},
		Spec: corev1.PodSpec{
			EphemeralContainers: keptProbes(pod.Spec.EphemeralContainers),
			RestartPolicy:       pod.Spec.RestartPolicy,
			NodeName:            pod.Spec.NodeName,
			HostNetwork:         pod.Spec.HostNetwork,
			ReadinessGates:      pod.Spec.ReadinessGates,
		},
		Status: corev1.PodStatus{
			Phase:                      pod.Status.Phase,
			Reason:                     pod.Status.Reason,
			Message:                    pod.Status.Message,
			Conditions:                 keptConditions(pod),
			HostIP:                     pod.Status.HostIP,
			HostIPs:                    pod.Status.HostIPs,
			PodIP:                      pod.Status.PodIP,
			PodIPs:                     pod.Status.PodIPs,
			InitContainerStatuses:      keptStatuses(pod.Status.InitContainerStatuses),
			ContainerStatuses:          keptStatuses(pod.Status.ContainerStatuses),
			EphemeralContainerStatuses: keptProbeStatuses(pod.Status.EphemeralContainerStatuses),
		},
	}
	if well(pod) {
		kept.Spec.InitContainers, kept.Spec.Containers = keptOfWell(pod.Spec.InitContainers), keptOfWell(pod.Spec.Containers)
	} else {
		keepWhatTells(kept, pod)
	}
	shareWords(kept)
	return kept, nil
}

// keepWhatTells keeps what tells why a pod is in trouble.
func keepWhatTells(kept, pod *corev1.Pod) {
	kept.Annotations = keptAnnotations(pod)
	kept.Spec.Volumes = keptVolumes(pod.Spec.Volumes)
	kept.Spec.InitContainers, kept.Spec.Containers = keptContainers(pod.Spec.InitContainers), keptContainers(pod.Spec.Containers)
	if r := pod.Spec.Resources; r != nil {
		kept.Spec.Resources = &corev1.ResourceRequirements{Limits: r.Limits, Requests: r.Requests}
	}
	kept.Spec.ServiceAccountName, kept.Spec.EnableServiceLinks = pod.Spec.ServiceAccountName, pod.Spec.EnableServiceLinks
	if s := pod.Spec.SecurityContext; s != nil && (s.RunAsNonRoot != nil || s.RunAsUser != nil) {
		kept.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: s.RunAsNonRoot, RunAsUser: s.RunAsUser}
	}
}

// keptAnnotations are the operator's own, that of the VerticalPodAutoscaler, and those that an env variable refers to.
func keptAnnotations(pod *corev1.Pod) map[string]string {
	kept := map[string]string{}
	for key, value := range pod.Annotations {
		if strings.HasPrefix(key, v1alpha1.GroupVersion.Group+"/") || key == annotationVPA {
			kept[key] = value
		}
	}
	for _, c := range specsOf(pod) {
		for i := range c.Env {
			if key, ok := annotationIn(c.Env[i].ValueFrom); ok && pod.Annotations[key] != "" {
				kept[key] = pod.Annotations[key]
			}
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

func annotationIn(source *corev1.EnvVarSource) (string, bool) {
	if source == nil || source.FieldRef == nil {
		return "", false
	}
	path, key, ok := subscript(source.FieldRef.FieldPath)
	return key, ok && path == "metadata.annotations"
}

// keptVolumes are those that hold Secrets and ConfigMaps.
func keptVolumes(volumes []corev1.Volume) []corev1.Volume {
	var kept []corev1.Volume
	for i := range volumes {
		if len(volumeReferences(&volumes[i])) > 0 {
			kept = append(kept, volumes[i])
		}
	}
	return kept
}

func keptContainers(containers []corev1.Container) []corev1.Container {
	kept := make([]corev1.Container, len(containers))
	for i := range containers {
		c := &containers[i]
		kept[i] = corev1.Container{
			Name:           c.Name,
			Image:          c.Image,
			Command:        c.Command,
			Args:           c.Args,
			Ports:          keptPorts(c.Ports),
			EnvFrom:        c.EnvFrom,
			Env:            c.Env,
			Resources:      corev1.ResourceRequirements{Limits: c.Resources.Limits, Requests: c.Resources.Requests},
			RestartPolicy:  c.RestartPolicy,
			VolumeMounts:   keptMounts(c.VolumeMounts),
			LivenessProbe:  c.LivenessProbe,
			ReadinessProbe: c.ReadinessProbe,
			StartupProbe:   c.StartupProbe,
		}
		if s := c.SecurityContext; s != nil && (s.RunAsNonRoot != nil || s.RunAsUser != nil || s.ReadOnlyRootFilesystem != nil) {
			kept[i].SecurityContext = &corev1.SecurityContext{
				RunAsNonRoot:           s.RunAsNonRoot,
				RunAsUser:              s.RunAsUser,
				ReadOnlyRootFilesystem: s.ReadOnlyRootFilesystem,
			}
		}
	}
	return kept
}

// keptPorts are where the container says it listens: probes may name them.
func keptPorts(ports []corev1.ContainerPort) []corev1.ContainerPort {
	var kept []corev1.ContainerPort
	for _, p := range ports {
		kept = append(kept, corev1.ContainerPort{Name: shared(p.Name), ContainerPort: p.ContainerPort, Protocol: shared(p.Protocol)})
	}
	return kept
}

// keptProbes are the operator's own ephemeral containers, as far as they say
// what they were asked; people's own are of no interest.
func keptProbes(containers []corev1.EphemeralContainer) []corev1.EphemeralContainer {
	var kept []corev1.EphemeralContainer
	for i := range containers {
		if c := &containers[i]; strings.HasPrefix(c.Name, v1alpha1.ProbeContainerPrefix) {
			kept = append(kept, corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: c.Name, Args: c.Args}})
		}
	}
	return kept
}

func keptProbeStatuses(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var own []corev1.ContainerStatus
	for i := range statuses {
		if strings.HasPrefix(statuses[i].Name, v1alpha1.ProbeContainerPrefix) {
			own = append(own, statuses[i])
		}
	}
	if own == nil {
		return nil
	}
	return keptStatuses(own)
}

// keptMounts say which volumes a container has, not where. The service
// account's token, which every pod has, is of no interest.
func keptMounts(mounts []corev1.VolumeMount) []corev1.VolumeMount {
	var kept []corev1.VolumeMount
	for i := range mounts {
		if !strings.HasPrefix(mounts[i].MountPath, "/var/run/secrets/kubernetes.io/serviceaccount") {
			kept = append(kept, corev1.VolumeMount{Name: mounts[i].Name})
		}
	}
	return kept
}

func keptStatuses(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	kept := make([]corev1.ContainerStatus, len(statuses))
	for i := range statuses {
		s := &statuses[i]
		kept[i] = corev1.ContainerStatus{
			Name:                 s.Name,
			State:                keptState(s.State),
			LastTerminationState: keptState(s.LastTerminationState),
			ImageID:              shared(s.ImageID),
			Ready:                s.Ready,
			RestartCount:         s.RestartCount,
			Started:              s.Started,
		}
	}
	return kept
}

// keptConditions are whether the pod is ready, and since when, its readiness gates, and
// whether a node was found for one that has none.
func keptConditions(pod *corev1.Pod) []corev1.PodCondition {
	var kept []corev1.PodCondition
	for _, c := range pod.Status.Conditions {
		isGate := slices.ContainsFunc(pod.Spec.ReadinessGates, func(g corev1.PodReadinessGate) bool { return g.ConditionType == c.Type })
		switch {
		case c.Type == corev1.PodReady, isGate:
			kept = append(kept, corev1.PodCondition{Type: c.Type, Status: c.Status, LastTransitionTime: c.LastTransitionTime})
		case c.Type == corev1.PodScheduled && pod.Spec.NodeName == "":
			kept = append(kept, corev1.PodCondition{Type: c.Type, Status: c.Status, Reason: c.Reason, LastTransitionTime: c.LastTransitionTime})
		}
	}
	return kept
}

func keptState(s corev1.ContainerState) corev1.ContainerState {
	if s.Terminated == nil {
		return s
	}
	ended := *s.Terminated
	ended.ContainerID = ""
	s.Terminated = &ended
	return s
}

// TransformReplicaSet is the cache's transform for ReplicaSets: owner, revision
// and counts, and no pod template. Who needs that reads past the cache.
func TransformReplicaSet(obj any) (any, error) {
	rs, ok := obj.(*appsv1.ReplicaSet)
	if !ok {
		return obj, nil // a tombstone
	}
	kept := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name:              rs.Name,
			Namespace:         rs.Namespace,
			UID:               rs.UID,
			ResourceVersion:   rs.ResourceVersion,
			CreationTimestamp: rs.CreationTimestamp,
			DeletionTimestamp: rs.DeletionTimestamp,
			Labels:            sharedLabels(rs.Labels),
			OwnerReferences:   rs.OwnerReferences,
		},
		Spec:   appsv1.ReplicaSetSpec{Replicas: rs.Spec.Replicas, Selector: rs.Spec.Selector},
		Status: appsv1.ReplicaSetStatus{Replicas: rs.Status.Replicas, ReadyReplicas: rs.Status.ReadyReplicas, AvailableReplicas: rs.Status.AvailableReplicas},
	}
	if number, ok := rs.Annotations[workload.AnnotationRevision]; ok {
		kept.Annotations = map[string]string{workload.AnnotationRevision: number}
	}
	return kept, nil
}

// TransformWorkload is the cache's transform for workloads: the record of who set
// which field, often half of the object, is of use only beside a GitOps controller,
// which owns the others.
func TransformWorkload(obj any) (any, error) {
	o, ok := obj.(client.Object)
	if !ok {
		return obj, nil // a tombstone
	}
	w, ok := workload.Of(o)
	if !ok {
		return obj, nil
	}
	workload.Trim(w)
	if gitops.OwnerOf(gitops.ObjectOf(w)).Reconciles() && workload.TraitsOf(w.Kind()).Lock == "" {
		return obj, nil
	}
	o.SetManagedFields(nil)
	delete(o.GetAnnotations(), corev1.LastAppliedConfigAnnotation)
	return o, nil
}

// TransformNode is the cache's transform for Nodes: what NodeOf reads, and what says
// which pods a node takes, without the
// long list of the images that are there.
func TransformNode(obj any) (any, error) {
	node, ok := obj.(*corev1.Node)
	if !ok {
		return obj, nil // a tombstone
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion, CreationTimestamp: node.CreationTimestamp, Labels: node.Labels},
		Spec:       corev1.NodeSpec{Taints: node.Spec.Taints, Unschedulable: node.Spec.Unschedulable},
		Status:     corev1.NodeStatus{Allocatable: node.Status.Allocatable, Conditions: node.Status.Conditions, Addresses: node.Status.Addresses},
	}, nil
}

// volumeReferences are the Secrets and ConfigMaps that a volume is made of.
func volumeReferences(v *corev1.Volume) []reference {
	var out []reference
	if s := v.Secret; s != nil {
		out = append(out, reference{kindSecret, s.SecretName, isTrue(s.Optional), keysOf(s.Items)})
	}
	if c := v.ConfigMap; c != nil {
		out = append(out, reference{kindConfigMap, c.Name, isTrue(c.Optional), keysOf(c.Items)})
	}
	if v.Projected == nil {
		return out
	}
	for i := range v.Projected.Sources {
		source := &v.Projected.Sources[i]
		if s := source.Secret; s != nil {
			out = append(out, reference{kindSecret, s.Name, isTrue(s.Optional), keysOf(s.Items)})
		}
		// Every namespace has this one, and every pod mounts it.
		if c := source.ConfigMap; c != nil && c.Name != "kube-root-ca.crt" {
			out = append(out, reference{kindConfigMap, c.Name, isTrue(c.Optional), keysOf(c.Items)})
		}
	}
	return out
}

func keysOf(items []corev1.KeyToPath) []string {
	var keys []string
	for _, item := range items {
		keys = append(keys, item.Key)
	}
	return keys
}

func isTrue(b *bool) bool { return b != nil && *b }
