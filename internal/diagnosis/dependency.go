package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// byConnectionsAndPod holds what byConnections finds against what the failing
// pod itself sees.
func byConnectionsAndPod(c evidence.Case, r reading) (Finding, bool) {
	f, ok := byConnections(c, r)
	if ok {
		f = fromPod(c, f)
	}
	return f, ok
}

// byConnections decides by the log, the dependencies' state and the probes
// together: the log says what ended the process, the probes whether it is so,
// and from where.
func byConnections(c evidence.Case, r reading) (Finding, bool) {
	f, ok := byLog(c, r)
	if ok && f.Cause != v1alpha1.CauseApplicationError && !isVague(f) {
		if d, found := dependencyOf(c, f); found {
			return judge(c, d, f), true
		}
		return f, true
	}
	if ok && f.Confidence == v1alpha1.ConfidenceMedium {
		return f, true
	}
	if p, found := byProbe(c, f, ok); found {
		return p, true
	}
	if ok {
		if d, found := dependencyOf(c, f); found {
			return judge(c, d, f), true
		}
		return f, true
	}
	return byLoopingDependency(c)
}

// isVague says that the log tells of no more than that a client gave up.
func isVague(f Finding) bool {
	return f.Confidence == v1alpha1.ConfidenceLow
}

// dependencyOf is the dependency that a finding is about.
func dependencyOf(c evidence.Case, f Finding) (evidence.Dependency, bool) {
	if f.Subject.Dependency != "" {
		for _, d := range c.Dependencies {
			if d.Service == f.Subject.Dependency {
				return d, true
			}
		}
	}
	var found []evidence.Dependency
	whose := familyOf(f.Cause)
	for _, d := range c.Dependencies {
		if whose != familyAny && whose != familyUpstream && familyOfDependency(d) == whose {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		return evidence.Dependency{}, false
	}
	return found[0], true
}

func familyOfDependency(d evidence.Dependency) family {
	for _, conn := range []*evidence.Connection{d.Declared, d.Configured} {
		if conn != nil {
			return familyOfProtocol(conn.Protocol)
		}
	}
	return familyAny
}

// probes of a dependency, by viewpoint.
func probesOf(c evidence.Case, service string) (configured, declared *evidence.Probe) {
	for i := range c.Probes {
		p := &c.Probes[i]
		if p.Service != service {
			continue
		}
		switch p.Viewpoint {
		case v1alpha1.AsConfigured:
			configured = p
		case v1alpha1.AsDeclared:
			declared = p
		case v1alpha1.Proposed, v1alpha1.FromPod: // see fromPod
		}
	}
	return configured, declared
}

// judge holds what the log says of a dependency against its state and probes.
func judge(c evidence.Case, d evidence.Dependency, f Finding) Finding {
	f.Subject.Dependency = d.Service
	configured, declared := probesOf(c, d.Service)
	for _, p := range []*evidence.Probe{configured, declared} {
		if p != nil {
			f.Evidence = append(f.Evidence, probeItem(*p))
		}
	}
	if isUnreachable(f.Cause) {
		if wrong, variable := wrongAddress(d); wrong {
			return judgeAddress(c, d, f, variable, configured, declared)
		}
		if unhealthy(d) || wasDown(c, d) {
			return dependencyUnhealthy(d, f)
		}
	}
	return judgeAnswer(c, d, f, decisiveProbe(configured, declared))
}

// isUnreachable says that the cause may be the dependency's being down as well
// as a wrong address.
func isUnreachable(cause v1alpha1.Cause) bool {
	switch cause {
	case v1alpha1.CausePostgresUnreachable, v1alpha1.CausePostgresHostNotFound, v1alpha1.CausePostgresStarting, v1alpha1.CausePostgresConnectionLost,
		v1alpha1.CauseKafkaUnreachable, v1alpha1.CauseKafkaHostNotFound, v1alpha1.CauseKafkaCoordinatorUnavailable, v1alpha1.CauseKafkaAdvertisedListenerMismatch,
		v1alpha1.CauseUpstreamUnreachable, v1alpha1.CauseUpstreamConnectionLost, v1alpha1.CauseUpstreamStarting:
		return true
	default:
		return false
	}
}

// unhealthy says that what runs the dependency is down or loops.
func unhealthy(d evidence.Dependency) bool {
	return d.Workload.Known && (d.Workload.Looping || !d.Workload.Ready)
}

// settling is how long after a dependency's readiness its Service may still
// refuse connections: endpoints follow readiness, and nodes follow endpoints.
const settling = 5 * time.Second

// wasDown says that the dependency became ready only after, or just before,
// the container ended: what the log tells of is over.
func wasDown(c evidence.Case, d evidence.Dependency) bool {
	ended := c.Container.Ended()
	return d.Workload.Known && ended != nil && !d.Workload.ReadySince.IsZero() &&
		ended.Finished.Before(d.Workload.ReadySince.Add(settling))
}

// dependencyUnhealthy turns a finding into a symptom of its dependency's.
func dependencyUnhealthy(d evidence.Dependency, symptom Finding) Finding {
	state := "was not ready when this container ended"
	switch {
	case d.Workload.ScaledToZero:
		state = "is scaled to zero"
	case d.Workload.Looping:
		state = "is down or in a restart loop itself"
	case !d.Workload.Ready:
		state = "is not ready"
	}
	f := symptom
	f.Cause = v1alpha1.CauseDependencyUnhealthy
	f.Confidence = v1alpha1.ConfidenceHigh
	f.Root = d.Service
	f.Message = fmt.Sprintf("The service %s, which this one depends on, %s.", d.Service, state)
	f.Evidence = append(f.Evidence, item(v1alpha1.SourceDependency, d.Workload.ReadySince,
		fmt.Sprintf("workload of %s: ready %t, looping %t, diagnosis %q", d.Service, d.Workload.Ready, d.Workload.Looping, d.Workload.Diagnosis)))
	if symptom.Cause != "" && symptom.Cause != v1alpha1.CauseApplicationError {
		f.Refuted = append([]v1alpha1.RefutedCause{refute(symptom.Cause, "it is only how the state of %s shows here", d.Service)}, f.Refuted...)
	}
	return f
}

// wrongAddress says whether the container is configured with another address
// than the dependency's, and by which variable.
func wrongAddress(d evidence.Dependency) (bool, string) {
	if d.Declared == nil || d.Configured == nil || len(d.Declared.Servers) == 0 || len(d.Configured.Servers) == 0 {
		return false, ""
	}
	declared, configured := d.Declared.Servers, d.Configured.Servers
	for _, server := range configured {
		if slices.ContainsFunc(declared, func(o evidence.HostPort) bool {
			return o.Port == server.Port && sameHost(strings.ToLower(o.Host), strings.ToLower(server.Host))
		}) {
			return false, ""
		}
	}
	v := d.Configured.Variables
	if v.Host != "" && v.Port != "" && sameHost(strings.ToLower(declared[0].Host), strings.ToLower(configured[0].Host)) {
		return true, v.Port
	}
	return true, firstOf(v.Host, v.BootstrapServers, v.URL, v.Port)
}

// judgeAddress decides for a container that is configured with an address that
// is not the dependency's.
func judgeAddress(c evidence.Case, d evidence.Dependency, f Finding, variable string, configured, declared *evidence.Probe) Finding {
	server, right := d.Configured.Server(), d.Declared.Server()
	f.Subject.Variable = variable
	f.Subject.Host, f.Subject.Port = server.Host, server.Port
	f.Cause = unreachableCause(d, f.Cause, configured)
	f.Message = fmt.Sprintf("%s is configured as %s, where it does not answer; the stack declares it at %s.", d.Service, server, right)
	if variable != "" {
		f.Message += fmt.Sprintf(" %s names the wrong address.", variable)
	}
	switch {
	case configured != nil && configured.Outcome() == v1alpha1.ProbePassed:
		f.Confidence = v1alpha1.ConfidenceLow
		f.Message += " But a probe with the container's own settings passes now: log and probe contradict each other."
	case !reached(declared):
		f.Confidence = min2(f.Confidence, v1alpha1.ConfidenceMedium)
		if unhealthy(d) || declared != nil && declared.Outcome() == v1alpha1.ProbeFailed {
			f.Message += " The declared address does not answer either."
			f.Confidence = v1alpha1.ConfidenceLow
		}
	case isLoopback(server.Host) && !sharesLoopback(c), failedToReach(configured):
		f.Confidence = v1alpha1.ConfidenceHigh
		f.Refuted = append(f.Refuted, refute(v1alpha1.CauseDependencyUnhealthy, "%s answers at %s", d.Service, right))
	}
	return f
}

// sharesLoopback says that another container of the pod could be what listens on
// localhost: none that ran before this one and has ended.
func sharesLoopback(c evidence.Case) bool {
	return slices.ContainsFunc(c.Siblings, func(s evidence.Container) bool { return s.Role != evidence.RoleInit })
}

// unreachableCause tells a name that does not exist from one that does not answer.
func unreachableCause(d evidence.Dependency, said v1alpha1.Cause, configured *evidence.Probe) v1alpha1.Cause {
	whose := familyOfDependency(d)
	if configured != nil && configured.FailedAt(evidence.StageResolve) && configured.Last().Code == evidence.CodeNXDomain {
		return causeOf[whose][faultHostNotFound]
	}
	if failedToReach(configured) {
		return causeOf[whose][faultRefused]
	}
	switch said {
	case v1alpha1.CausePostgresHostNotFound, v1alpha1.CauseKafkaHostNotFound:
		return said
	default:
		return causeOf[whose][faultRefused]
	}
}

// reached says that a probe came through to the server.
func reached(p *evidence.Probe) bool {
	if p == nil {
		return false
	}
	if p.Outcome() == v1alpha1.ProbePassed {
		return true
	}
	return slices.ContainsFunc(p.Stages, func(s evidence.Stage) bool {
		return s.Name == evidence.StageDial && s.Outcome == v1alpha1.ProbePassed
	})
}

// failedToReach says that a probe got a clear no on its way to the server.
func failedToReach(p *evidence.Probe) bool {
	return p != nil && (p.FailedAt(evidence.StageResolve) || p.FailedAt(evidence.StageDial))
}

// decisiveProbe is the probe that speaks for the container: as it is
// configured, unless that could not run; then as the stack declares it.
func decisiveProbe(configured, declared *evidence.Probe) *evidence.Probe {
	if configured != nil && configured.Outcome() != v1alpha1.ProbeUnknown {
		return configured
	}
	if declared != nil && declared.Outcome() != v1alpha1.ProbeUnknown {
		return declared
	}
	return nil
}

// judgeAnswer holds the log's cause against the server's own answer.
func judgeAnswer(c evidence.Case, d evidence.Dependency, f Finding, p *evidence.Probe) Finding {
	if p == nil {
		return f
	}
	cause, ok := causeOfProbe(*p, d)
	if missing, absent := missingTopic(*p, f.Subject.Topic); absent && f.Cause == v1alpha1.CauseKafkaTopicMissing {
		cause, ok = v1alpha1.CauseKafkaTopicMissing, true
		f.Subject.Topic = firstOf(f.Subject.Topic, missing)
	}
	switch {
	case ok && cause == f.Cause:
		f.Confidence = v1alpha1.ConfidenceHigh
		f.Message = strings.TrimSuffix(f.Message, ".") + "; a live probe gets the same answer."
		return f
	case ok:
		f.Confidence = v1alpha1.ConfidenceLow
		f.Message = strings.TrimSuffix(f.Message, ".") + fmt.Sprintf(". But a live probe says something else now (%s): log and probe contradict each other.", cause)
		f.Refuted = append(f.Refuted, refute(cause, "the probe says so now, the log does not"))
		return f
	case p.Outcome() != v1alpha1.ProbePassed || !probeWouldSee(f.Cause) || !saw(*p, f.Cause):
		return f
	}
	return judgePassed(c, f, p)
}

// judgePassed holds the log's cause against a probe that passes.
func judgePassed(c evidence.Case, f Finding, p *evidence.Probe) Finding {
	if cameUnencrypted(f, p) {
		f.Message = leadOf(v1alpha1.CausePostgresTLSMismatch) + strings.TrimPrefix(strings.TrimSuffix(f.Message, "."), leadOf(f.Cause)) + "; the server lets a probe in that uses TLS."
		f.Refuted = append(f.Refuted, refute(f.Cause, "a probe that uses TLS passes"))
		f.Cause, f.Confidence = v1alpha1.CausePostgresTLSMismatch, v1alpha1.ConfidenceMedium
		return f
	}
	if stale, ok := configStale(c, f, p); ok {
		return stale
	}
	f.Confidence = v1alpha1.ConfidenceLow
	f.Message = strings.TrimSuffix(f.Message, ".") + ". But a live probe passes now: log and probe contradict each other, or the trouble is over."
	return f
}

// cameUnencrypted says that pg_hba.conf's rejection was for want of TLS only.
func cameUnencrypted(f Finding, p *evidence.Probe) bool {
	return f.Cause == v1alpha1.CausePostgresAccessRejected && p.Postgres != nil && p.Postgres.ServerTLS &&
		slices.ContainsFunc(f.Evidence, func(e v1alpha1.EvidenceItem) bool {
			return e.Source == v1alpha1.SourceLog && unencrypted.MatchString(e.Text)
		})
}

// saw says that a probe came as far as the cause shows itself: one without
// credentials knows nothing of those that the server refuses.
func saw(p evidence.Probe, cause v1alpha1.Cause) bool {
	last := p.Last().Name
	anonymous := last == evidence.StageDial || last == evidence.StageAccept
	return !anonymous || cause != server.Of(p.Protocol).CausesOrUpstream().AuthFailed
}

// probeWouldSee says that a probe that passes speaks against the cause.
func probeWouldSee(cause v1alpha1.Cause) bool {
	switch cause {
	case v1alpha1.CausePostgresSchemaMissing, v1alpha1.CausePostgresPermissionDenied, v1alpha1.CausePostgresPoolExhausted, v1alpha1.CausePostgresReadOnly,
		v1alpha1.CausePostgresConnectionsExhausted, // the container's own are free again
		v1alpha1.CausePostgresConnectionLost, v1alpha1.CausePostgresDiskFull, v1alpha1.CauseKafkaMessageTooLarge, v1alpha1.CauseKafkaGroupUnstable,
		v1alpha1.CauseKafkaDiskFull, v1alpha1.CauseKafkaNotEnoughReplicas, v1alpha1.CauseKafkaAuthorizationDenied,
		v1alpha1.CauseUpstreamOverloaded, v1alpha1.CauseUpstreamConnectionLost, v1alpha1.CauseUpstreamRejectsWrites, v1alpha1.CauseUpstreamIncompatible:
		return false
	default:
		return true
	}
}

// configStale recognises credentials that were changed while the container
// still had the old ones: the log says that they are refused, the probe with
// the present ones passes, and the Secret is newer than what the container has.
func configStale(c evidence.Case, f Finding, p *evidence.Probe) (Finding, bool) {
	ended := c.Container.Ended()
	if p.Viewpoint != v1alpha1.AsConfigured || ended == nil || ended.StartedAt.IsZero() {
		return f, false
	}
	for _, object := range c.Config {
		var since string
		switch {
		case object.Changed.After(ended.StartedAt):
			since = "after the container had read it, and the new value works"
		case initializedBefore(c, object.Changed):
			since = "after the pod's init containers had read it, and the new value works"
		default:
			continue
		}
		f.Refuted = append(f.Refuted, refute(f.Cause, "a probe with the present values passes"))
		f.Cause = v1alpha1.CauseConfigStale
		f.Confidence = v1alpha1.ConfidenceMedium
		f.Subject.Object = object.Kind + "/" + object.Name
		f.Message = fmt.Sprintf("%s %s was changed %s.", object.Kind, object.Name, since)
		f.Evidence = append(f.Evidence, item(v1alpha1.SourceEnv, object.Changed, fmt.Sprintf("%s %s was last changed", object.Kind, object.Name)))
		return f, true
	}
	return f, false
}

// initializedBefore says that the pod was made before, and that init containers may keep
// for its others what they read then: they run once per pod. A container itself gets its
// environment and files anew at each start.
func initializedBefore(c evidence.Case, changed time.Time) bool {
	began := c.Pod.Created
	if began.IsZero() && c.Rollout.Known {
		began = c.Rollout.TemplateChanged
	}
	return !began.IsZero() && changed.After(began) &&
		slices.ContainsFunc(c.Siblings, func(s evidence.Container) bool { return s.Role == evidence.RoleInit })
}

// byProbe decides by a probe alone where the log does not tell: the server's
// own no to the container's own settings.
func byProbe(c evidence.Case, said Finding, spoke bool) (Finding, bool) {
	for _, d := range c.Dependencies {
		if spoke && said.Cause != v1alpha1.CauseApplicationError && familyOf(said.Cause) != familyAny && familyOf(said.Cause) != familyOfDependency(d) {
			continue
		}
		configured, declared := probesOf(c, d.Service)
		p := decisiveProbe(configured, declared)
		if p == nil {
			continue
		}
		cause, ok := causeOfProbe(*p, d)
		if !ok {
			continue
		}
		f := Finding{
			Cause: cause, Confidence: v1alpha1.ConfidenceHigh, Subject: Subject{Dependency: d.Service, Host: p.Target.Host, Port: p.Target.Port},
			Message: fmt.Sprintf("%s: a live probe of %s fails at stage %s (%s).", cause, d.Service, p.Last().Name, firstOf(p.Last().Code, p.Last().Message)),
		}
		f.Subject.Topic, _ = missingTopic(*p, "")
		f.Evidence = append(f.Evidence, said.Evidence...)
		if !spoke || familyOf(said.Cause) != familyOfDependency(d) {
			f.Confidence = v1alpha1.ConfidenceMedium
			f.Message += " The log does not say why the container ends."
		}
		return judgeProbed(c, d, f, configured, declared), true
	}
	return Finding{}, false
}

// judgeProbed finds the address or the dependency at fault for a probe's no.
func judgeProbed(c evidence.Case, d evidence.Dependency, f Finding, configured, declared *evidence.Probe) Finding {
	for _, p := range []*evidence.Probe{configured, declared} {
		if p != nil {
			f.Evidence = append(f.Evidence, probeItem(*p))
		}
	}
	if !isUnreachable(f.Cause) {
		return f
	}
	if wrong, variable := wrongAddress(d); wrong {
		return judgeAddress(c, d, f, variable, configured, declared)
	}
	if unhealthy(d) {
		return dependencyUnhealthy(d, f)
	}
	return f
}

// byLoopingDependency decides by nothing but that a required dependency loops.
func byLoopingDependency(c evidence.Case) (Finding, bool) {
	for _, d := range c.Dependencies {
		if d.Required && d.Workload.Known && d.Workload.Looping {
			f := dependencyUnhealthy(d, Finding{Subject: Subject{Dependency: d.Service}})
			f.Confidence = v1alpha1.ConfidenceMedium
			f.Message += " The log does not say why the container ends."
			return f, true
		}
	}
	return Finding{}, false
}

// missingTopic is the topic that a probe found absent.
func missingTopic(p evidence.Probe, wanted string) (string, bool) {
	if p.Kafka == nil {
		return "", false
	}
	for _, t := range p.Kafka.Topics {
		if !t.Exists && (wanted == "" || t.Name == wanted) && (t.Code == "" || t.Code == "UNKNOWN_TOPIC_OR_PARTITION") {
			return t.Name, true
		}
	}
	return "", false
}

// min2 is the lower of two confidences.
func min2(a, b v1alpha1.Confidence) v1alpha1.Confidence {
	if a.AtLeast(b) {
		return b
	}
	return a
}
