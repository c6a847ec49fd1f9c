package manifests

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bridgestack/operator/internal/compose"
)

// startupPeriod is the longest pause between two startup probes: compose's usual
// half minute would keep everybody waiting who waits for the service.
const startupPeriod = 5 * time.Second

// probes makes of a health check a startup probe with the same budget, and a
// readiness probe. A container that is ill is not restarted, as in compose,
// unless x-bridge asks for it.
func (u *unit) probes() {
	h := u.Health
	if h == nil || u.oneShot() {
		return
	}
	budget := h.StartPeriod + time.Duration(h.Retries)*h.Interval
	period := min(h.Interval, startupPeriod)
	startup := u.probe(period, h.Timeout)
	startup.FailureThreshold = max(1, int32((budget+period-1)/period))
	u.container.StartupProbe = startup
	u.container.ReadinessProbe = u.probe(h.Interval, h.Timeout)
	u.container.ReadinessProbe.FailureThreshold = failures(h.Retries)
	if u.Bridge.Liveness {
		u.container.LivenessProbe = u.container.ReadinessProbe.DeepCopy()
	}
}

// failures leaves out Kubernetes' default, which is compose's.
func failures(retries int32) int32 {
	if retries == 3 {
		return 0
	}
	return max(1, retries)
}

func (u *unit) probe(period, timeout time.Duration) *corev1.Probe {
	return &corev1.Probe{ProbeHandler: u.handler(), PeriodSeconds: seconds(period), TimeoutSeconds: seconds(min(timeout, time.Hour))}
}

// handler asks over HTTP where the check does: images need no curl then.
func (u *unit) handler() corev1.ProbeHandler {
	h := u.Health
	if h.HTTP != nil {
		get := &corev1.HTTPGetAction{Path: h.HTTP.Path, Port: intstr.FromInt32(h.HTTP.Port)}
		if h.HTTP.Scheme == "https" {
			get.Scheme = corev1.URISchemeHTTPS
		}
		return corev1.ProbeHandler{HTTPGet: get}
	}
	return corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: u.checkCommand(h)}}
}

func (u *unit) checkCommand(h *compose.HealthCheck) []string {
	var out []string
	if h.Shell {
		out = []string{"/bin/sh", "-c"}
	}
	for _, word := range h.Command {
		out = append(out, u.hidden("healthcheck", word))
	}
	return out
}

// seconds of a duration, a part of one counted as a whole.
func seconds(d time.Duration) int32 {
	return int32(max(1, min((d+time.Second-1)/time.Second, 1<<30)))
}
