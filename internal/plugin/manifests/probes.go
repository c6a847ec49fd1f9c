package manifests

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	// readinessPeriod is the longest pause between two probes: compose's usual half
	// minute would keep everybody waiting who waits for the service.
	readinessPeriod = 10 * time.Second
	// startupBudget is the least that a first start may take before a liveness probe
	// counts: a database makes its files then.
	startupBudget = 5 * time.Minute
)

// probes makes of a health check a readiness probe. A container that is ill is
// not restarted, as in compose, unless x-bridge asks for it: then it is given
// time for its first start, too.
func (u *unit) probes() {
	h := u.Health
	if h == nil || u.oneShot() && !u.isAwaitedHealthy(u.Name) {
		return
	}
	period := min(h.Interval, readinessPeriod)
	ready := u.probe(period, h.Timeout)
	ready.FailureThreshold = failures(h.Interval, period, h.Retries)
	u.container.ReadinessProbe = ready
	u.decide("healthcheck", "a readiness probe, as compose restarts no container for its health check")
	if u.Bridge.Liveness {
		u.container.LivenessProbe = u.probe(h.Interval, h.Timeout)
		u.container.LivenessProbe.FailureThreshold = max(1, h.Retries)
		startup := u.probe(period, h.Timeout)
		budget := max(startupBudget, h.StartPeriod+time.Duration(h.Retries)*h.Interval)
		startup.FailureThreshold = max(1, int32((budget+period-1)/period))
		u.container.StartupProbe = startup
	}
}

// failures in a row until a service is unhealthy for compose, at another pace.
func failures(interval, period time.Duration, retries int32) int32 {
	n := int32(min(time.Duration(max(1, retries))*interval/period, 1000))
	if n == 3 {
		return 0 // Kubernetes' default
	}
	return max(1, n)
}

func (u *unit) probe(period, timeout time.Duration) *corev1.Probe {
	return &corev1.Probe{ProbeHandler: u.handler(), PeriodSeconds: seconds(period), TimeoutSeconds: seconds(min(timeout, time.Hour))}
}

// handler asks over HTTP where the check does: images need no curl then. What has
// a secret in it stays in the container.
func (u *unit) handler() corev1.ProbeHandler {
	h := u.Health
	if h.HTTP != nil && !u.isSecretCheck(u.Service) {
		get := &corev1.HTTPGetAction{Path: h.HTTP.Path, Port: intstr.FromInt32(h.HTTP.Port)}
		if h.HTTP.Scheme == "https" {
			get.Scheme = corev1.URISchemeHTTPS
		}
		return corev1.ProbeHandler{HTTPGet: get}
	}
	return corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: u.checkCommand()}}
}

// seconds of a duration, a part of one counted as a whole.
func seconds(d time.Duration) int32 {
	return int32(max(1, min((d+time.Second-1)/time.Second, 1<<30)))
}
