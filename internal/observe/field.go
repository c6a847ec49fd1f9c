package observe

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// fieldValue resolves a fieldRef or a resourceFieldRef; false where the pod
// does not tell, as for a limit that is not set: then it is the node's.
func fieldValue(pod *corev1.Pod, container *corev1.Container, source *corev1.EnvVarSource) (string, bool) {
	switch {
	case source.FieldRef != nil:
		return podField(pod, source.FieldRef.FieldPath)
	case source.ResourceFieldRef != nil:
		return resourceField(pod, container, source.ResourceFieldRef)
	default:
		return "", false // fileKeyRef: written at run time by an init container
	}
}

// podFields are the fields without a subscript that fieldRef allows in env.
var podFields = map[string]func(*corev1.Pod) string{
	"metadata.name":           func(p *corev1.Pod) string { return p.Name },
	"metadata.namespace":      func(p *corev1.Pod) string { return p.Namespace },
	"metadata.uid":            func(p *corev1.Pod) string { return string(p.UID) },
	"spec.nodeName":           func(p *corev1.Pod) string { return p.Spec.NodeName },
	"spec.serviceAccountName": func(p *corev1.Pod) string { return p.Spec.ServiceAccountName },
	"status.hostIP":           func(p *corev1.Pod) string { return p.Status.HostIP },
	"status.podIP":            func(p *corev1.Pod) string { return p.Status.PodIP },
	"status.podIPs": func(p *corev1.Pod) string {
		return joined(p.Status.PodIPs, func(ip corev1.PodIP) string { return ip.IP })
	},
	"status.hostIPs": func(p *corev1.Pod) string {
		return joined(p.Status.HostIPs, func(ip corev1.HostIP) string { return ip.IP })
	},
}

func podField(pod *corev1.Pod, path string) (string, bool) {
	if field, key, ok := subscript(path); ok {
		switch field {
		case "metadata.labels":
			return pod.Labels[key], true
		case "metadata.annotations":
			return pod.Annotations[key], true
		default:
			return "", false
		}
	}
	field, ok := podFields[path]
	if !ok {
		return "", false
	}
	value := field(pod)
	return value, value != ""
}

// subscript splits metadata.labels['key'].
func subscript(path string) (field, key string, ok bool) {
	field, rest, ok := strings.Cut(path, "['")
	if !ok {
		return "", "", false
	}
	key, ok = strings.CutSuffix(rest, "']")
	return field, key, ok
}

func joined[T any](items []T, text func(T) string) string {
	texts := make([]string, 0, len(items))
	for _, item := range items {
		texts = append(texts, text(item))
	}
	return strings.Join(texts, ",")
}

func resourceField(pod *corev1.Pod, container *corev1.Container, ref *corev1.ResourceFieldSelector) (string, bool) {
	if ref.ContainerName != "" {
		container = containerSpec(pod, ref.ContainerName)
	}
	if container == nil {
		return "", false
	}
	which, name, _ := strings.Cut(ref.Resource, ".")
	from := container.Resources.Requests
	if which == "limits" {
		from = container.Resources.Limits
	}
	quantity, ok := from[corev1.ResourceName(name)]
	if !ok {
		return "0", which == "requests"
	}
	divisor := ref.Divisor
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	if name == string(corev1.ResourceCPU) {
		return quotient(quantity.MilliValue(), divisor.MilliValue()), true
	}
	return quotient(quantity.Value(), divisor.Value()), true
}

// quotient rounds up, as the kubelet does.
func quotient(value, divisor int64) string {
	return strconv.FormatInt((value+divisor-1)/max(1, divisor), 10)
}

// containerSpec finds a container of any role, nil if there is none.
func containerSpec(pod *corev1.Pod, name string) *corev1.Container {
	for _, c := range specsOf(pod) {
		if c.Name == name {
			return c
		}
	}
	return nil
}
