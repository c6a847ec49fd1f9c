package observe

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/evidence"
)

// serviceLinks are the variables that the kubelet adds for each Service of the
// namespace, unless the pod's enableServiceLinks is false. They matter because
// a Service named postgres makes POSTGRES_PORT=tcp://10.0.0.1:5432, which many
// programs then read as their port. A container has those of the Services that
// were there when it was last started; the zero time means all.
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
func serviceLinks(pod *corev1.Pod, services []corev1.Service, started time.Time) []evidence.Variable {
	if pod.Spec.EnableServiceLinks != nil && !*pod.Spec.EnableServiceLinks {
		return nil
	}
	var out []evidence.Variable
	for i := range services {
		s := &services[i]
		headless := s.Spec.ClusterIP == "" || s.Spec.ClusterIP == corev1.ClusterIPNone
		if headless || len(s.Spec.Ports) == 0 || !started.IsZero() && s.CreationTimestamp.After(started) {
			continue
		}
		out = append(out, linksOf(s)...)
	}
	return out
}

func linksOf(s *corev1.Service) []evidence.Variable {
	var out []evidence.Variable
	add := func(name, value string) {
		out = append(out, evidence.Variable{Name: name, Value: value,
			Origin: evidence.Origin{Kind: evidence.OriginService, Object: s.Name}})
	}
	prefix := variableName(s.Name)
	first := s.Spec.Ports[0]
	add(prefix+"_SERVICE_HOST", s.Spec.ClusterIP)
	add(prefix+"_SERVICE_PORT", strconv.Itoa(int(first.Port)))
	add(prefix+"_PORT", linkURL(s.Spec.ClusterIP, first))
	for _, port := range s.Spec.Ports {
		number := strconv.Itoa(int(port.Port))
		if port.Name != "" {
			add(prefix+"_SERVICE_PORT_"+variableName(port.Name), number)
		}
		link := fmt.Sprintf("%s_PORT_%s_%s", prefix, number, strings.ToUpper(protocolOf(port)))
		add(link, linkURL(s.Spec.ClusterIP, port))
		add(link+"_PROTO", protocolOf(port))
		add(link+"_PORT", number)
		add(link+"_ADDR", s.Spec.ClusterIP)
	}
	return out
}

func linkURL(host string, port corev1.ServicePort) string {
	return protocolOf(port) + "://" + net.JoinHostPort(host, strconv.Itoa(int(port.Port)))
}

func protocolOf(port corev1.ServicePort) string {
	if port.Protocol == "" {
		return "tcp"
	}
	return strings.ToLower(string(port.Protocol))
}

func variableName(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
