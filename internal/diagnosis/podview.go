package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Disputed are the connections that are worth a probe from inside the failing
// pod: the container could not resolve or reach them, and what is known does
// not show why. None where the finding is sure, or about something else.
func Disputed(c evidence.Case, f Finding) []evidence.Connection {
	if f.Confidence == v1alpha1.ConfidenceHigh || !ofTheWay(f.Cause) {
		return nil
	}
	var out []evidence.Connection
	for _, d := range concerned(c, f) {
		if conn, ok := settingsOf(d); ok && mayBeProbed(c, d, conn) {
			conn.Service = d.Service
			out = append(out, conn)
		}
	}
	return out
}

// ofTheWay says that a cause lies between the container and its dependency, and
// so may be another one from another place.
func ofTheWay(cause v1alpha1.Cause) bool {
	switch cause {
	case v1alpha1.CauseDNSUnavailable, v1alpha1.CauseKafkaAdvertisedListenerMismatch,
		v1alpha1.CausePostgresHostNotFound, v1alpha1.CauseKafkaHostNotFound,
		v1alpha1.CausePostgresUnreachable, v1alpha1.CauseKafkaUnreachable, v1alpha1.CauseUpstreamUnreachable:
		return true
	default:
		return false
	}
}

// concerned are the dependencies that a finding may be about: the one that it
// names, or all of them where a resolver fails for whichever.
func concerned(c evidence.Case, f Finding) []evidence.Dependency {
	if d, found := dependencyOf(c, f); found {
		return []evidence.Dependency{d}
	}
	if f.Cause == v1alpha1.CauseDNSUnavailable && f.Subject.Dependency == "" {
		return c.Dependencies
	}
	return nil
}

// settingsOf is how the container reaches a dependency, as far as is known.
func settingsOf(d evidence.Dependency) (evidence.Connection, bool) {
	for _, conn := range []*evidence.Connection{d.Configured, d.Declared} {
		if conn != nil && len(conn.Servers) > 0 {
			return *conn, true
		}
	}
	return evidence.Connection{}, false
}

// mayBeProbed leaves out what the guard keeps every probe from.
func mayBeProbed(c evidence.Case, d evidence.Dependency, conn evidence.Connection) bool {
	outside := fromOutside(c, d)
	return !isLoopback(conn.Server().Host) && (outside == nil || outside.Last().Code != evidence.CodeNotAllowed)
}

// fromOutside is the operator's own probe of the very server that the pod is
// asked about, nil where there is none.
func fromOutside(c evidence.Case, d evidence.Dependency) *evidence.Probe {
	configured, declared := probesOf(c, d.Service)
	if d.Configured != nil && len(d.Configured.Servers) > 0 {
		return configured
	}
	return declared
}

// fromPod holds a finding against what the failing pod itself sees, where it
// was asked.
func fromPod(c evidence.Case, f Finding) Finding {
	if f.Confidence == v1alpha1.ConfidenceHigh || !ofTheWay(f.Cause) {
		return f
	}
	through := true
	var seen []v1alpha1.EvidenceItem
	for _, d := range concerned(c, f) {
		for _, p := range insideProbes(c, d) {
			if decided, ok := seenByPod(c, d, f, p); ok {
				return decided
			}
			seen = append(seen, probeItem(p))
			through = through && passedFromPod(p)
		}
	}
	f.Evidence = append(f.Evidence, seen...)
	if through && len(seen) > 0 {
		f.Confidence = v1alpha1.ConfidenceLow
		f.Message = sentence(f.Message) + " From inside the pod it is reached, too: what the log tells of is over, or comes and goes."
	}
	return f
}

// insideProbes are those of a dependency from inside the pod.
func insideProbes(c evidence.Case, d evidence.Dependency) []evidence.Probe {
	var out []evidence.Probe
	for _, p := range c.Probes {
		if p.Viewpoint == v1alpha1.FromPod && p.Service == d.Service {
			out = append(out, p)
		}
	}
	return out
}

// passedFromPod says that nothing was in the way of a probe from the pod, which
// has no credentials to go any further with.
func passedFromPod(p evidence.Probe) bool {
	return reached(&p) && !p.FailedAt(evidence.StageListeners)
}

// seenByPod decides by the clear no that the pod itself gets.
func seenByPod(c evidence.Case, d evidence.Dependency, f Finding, p evidence.Probe) (Finding, bool) {
	cause, ok := causeFromPod(p, d)
	if since := d.Workload.ReadySince; !ok || !since.IsZero() && since.Add(settling).After(p.Asked) {
		return f, false // it may have been down for everyone then
	}
	outside := fromOutside(c, d)
	only := outside != nil && cameFurther(*outside, p)
	if !only && cause != f.Cause {
		return f, false
	}
	f.Evidence = append(f.Evidence, probeItem(p))
	f.Confidence = v1alpha1.ConfidenceHigh
	if !only {
		f.Message = sentence(f.Message) + " A probe from inside the pod gets the same answer."
		return f, true
	}
	if f.Cause != cause {
		f.Refuted = append(f.Refuted, refute(f.Cause, "from inside the pod, %s ends at stage %s with %s", d.Service, p.Last().Name, p.Last().Code))
	}
	f.Refuted = append(f.Refuted, refute(v1alpha1.CauseDependencyUnhealthy, "%s answers the operator at %s", d.Service, outside.Target))
	f.Cause, f.PodOnly = cause, true
	f.Subject = Subject{Dependency: d.Service, Host: p.Target.Host, Port: p.Target.Port}
	f.Message = onlyThisPod(d.Service, p, *outside)
	return f, true
}

// causeFromPod is the cause that a probe from the pod shows, if it ended on its
// way to the server. A certificate or a login is the same from everywhere.
func causeFromPod(p evidence.Probe, d evidence.Dependency) (v1alpha1.Cause, bool) {
	last := p.Last()
	switch {
	case last.Name == evidence.StageResolve && last.Code == evidence.CodeResolverFailed:
		return v1alpha1.CauseDNSUnavailable, true
	case p.FailedAt(evidence.StageResolve):
		return causeOf[familyOfDependency(d)][faultHostNotFound], true
	case p.FailedAt(evidence.StageDial):
		return causeOf[familyOfDependency(d)][faultTimeout], true
	case p.FailedAt(evidence.StageListeners):
		return v1alpha1.CauseKafkaAdvertisedListenerMismatch, true
	}
	return "", false
}

// cameFurther says that the operator's probe passed the stage at which the
// pod's ended.
func cameFurther(outside, pod evidence.Probe) bool {
	return slices.ContainsFunc(outside.Stages, func(s evidence.Stage) bool {
		return s.Name == pod.Last().Name && s.Outcome == v1alpha1.ProbePassed
	})
}

// onlyThisPod says in words what only this pod meets.
func onlyThisPod(service string, p, outside evidence.Probe) string {
	const noAddress = " Another address in its settings would not help."
	last := p.Last()
	switch {
	case last.Name == evidence.StageListeners:
		return fmt.Sprintf("The address that the broker of %s advertises is reached by the operator and not from inside this pod (%s): a NetworkPolicy, or the pod's network, is between.", service, last.Message)
	case last.Code == evidence.CodeResolverFailed:
		return fmt.Sprintf("The pod's own resolver does not answer for %s, which resolves for the operator: the pod's dnsPolicy or dnsConfig, or a NetworkPolicy that keeps it from DNS, is at fault.", p.Target.Host) + noAddress
	case last.Name == evidence.StageResolve:
		return fmt.Sprintf("The host %s does not exist for the pod's own resolver, and resolves for the operator: the pod's dnsPolicy or dnsConfig is at fault.", p.Target.Host) + noAddress
	case len(p.Addresses) > 0 && len(outside.Addresses) > 0 && !sharesAddress(p, outside):
		return fmt.Sprintf("%s resolves to %s inside the pod, where nothing answers (%s), and to %s for the operator, where %s does: the pod's dnsPolicy or dnsConfig is at fault.",
			p.Target.Host, strings.Join(p.Addresses, ", "), last.Code, strings.Join(outside.Addresses, ", "), service)
	}
	return fmt.Sprintf("%s at %s can be reached by the operator and not from inside this pod (%s): a NetworkPolicy, or the pod's network, is between.", service, p.Target, last.Code) + noAddress
}

func sharesAddress(a, b evidence.Probe) bool {
	return slices.ContainsFunc(a.Addresses, func(x string) bool { return slices.Contains(b.Addresses, x) })
}

// sentence ends a message so that another can follow.
func sentence(message string) string {
	return strings.TrimRight(message, ". ") + "."
}
