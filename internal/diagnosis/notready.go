package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

// byNodeLost decides by a node that does not answer: what runs there is not known, and
// what was to start does not.
func byNodeLost(c evidence.Case) (Finding, bool) {
	n := c.Node
	if !n.Known || n.Ready || c.Pod.Ready != evidence.ReadinessFalse || !c.Pod.ContainersReady && c.Container.Begun() {
		return Finding{}, false
	}
	f := Finding{
		Cause: v1alpha1.CauseNodeLost, Confidence: v1alpha1.ConfidenceHigh,
		Message:  fmt.Sprintf("The node %s of the pod is not ready: nobody can say how the pod is.", n.Name),
		Evidence: []v1alpha1.EvidenceItem{item(v1alpha1.SourceNode, n.ReadySince, fmt.Sprintf("node %s: ready %t", n.Name, n.Ready))},
	}
	if n.NotReady != "" {
		said := text.Clip(text.OneLine(printable(n.NotReady)), maxSaid)
		f.Message = fmt.Sprintf("The node %s of the pod is not ready (%s): nobody can say how the pod is.", n.Name, text.AsClause(said))
		f.Evidence[0].Text += ", " + said
	}
	if c.Pod.ContainersReady {
		f.Evidence[0].Text += "; the pod is not ready, though its containers were"
	}
	if isObjectName(n.Name) {
		f.Subject.Beside, f.Command = "Node/"+n.Name, "kubectl describe node "+n.Name
	}
	return f, true
}

// byNotReady decides by a readiness probe that fails while the container runs.
func byNotReady(c evidence.Case, _ reading) (Finding, bool) {
	k := c.Container
	if k.Role == evidence.RoleInit || k.RunningSince.IsZero() || !runsAsMeant(c) {
		return Finding{}, false
	}
	if k.Ready {
		return byGate(c)
	}
	if k.Readiness == nil || c.Now.Sub(k.RunningSince) < k.Readiness.Budget() {
		return Finding{}, false
	}
	f := Finding{
		Cause: v1alpha1.CauseNotReady, Confidence: v1alpha1.ConfidenceMedium,
		Message: fmt.Sprintf("The container has been running for %s, and its readiness probe (%s) fails", ran(c), k.Readiness.Asks()),
		Command: kubectl(c, "logs %s -c %s --tail=50", c.Pod.Name, k.Name),
	}
	e, told := readinessEvent(c)
	if told {
		f.Confidence = v1alpha1.ConfidenceHigh
		if said := text.AsClause(text.Clip(text.OneLine(printable(answerOf(e.Message))), 300)); said != "" {
			f.Message += ": " + said
		}
		f.Evidence = append(f.Evidence, eventItem(e))
	}
	f.Message += "."
	return beneath(c, asked(c, f)), true
}

// readinessEvent is what the kubelet last told of the container's readiness probe.
func readinessEvent(c evidence.Case) (evidence.Event, bool) {
	return lastEvent(c, func(e evidence.Event) bool {
		return e.Reason == "Unhealthy" && about(e, c.Container.Name) && strings.HasPrefix(e.Message, "Readiness probe")
	})
}

// answerOf is what a probe said, without the kubelet's words before it.
func answerOf(message string) string {
	if _, said, ok := strings.Cut(message, " probe failed: "); ok {
		return said
	}
	if _, said, ok := strings.Cut(message, " probe errored: "); ok {
		return said
	}
	return message
}

// byGate decides by a readiness gate that is closed while all containers are ready.
func byGate(c evidence.Case) (Finding, bool) {
	if c.Pod.Ready != evidence.ReadinessFalse || !c.Pod.ContainersReady || len(c.Pod.ClosedGates) == 0 {
		return Finding{}, false
	}
	return Finding{
		Cause: v1alpha1.CauseNotReady, Confidence: v1alpha1.ConfidenceHigh,
		Message:  fmt.Sprintf("All containers are ready, and the pod is not: its readiness gate %s is not True. Whoever sets that condition (a load balancer, as a rule) does not.", strings.Join(c.Pod.ClosedGates, ", ")),
		Evidence: []v1alpha1.EvidenceItem{item(v1alpha1.SourceWaiting, c.Pod.ReadySince, "readiness gates that are not True: "+strings.Join(c.Pod.ClosedGates, ", "))},
		Command:  describe(c),
	}, true
}

// maxOtherPorts of a container are asked beside the one of its readiness probe.
const maxOtherPorts = 3

// ReadinessQuestions are what to ask a container that runs and is not ready: first what
// its readiness probe asks, then whether its other ports answer, so that a probe of the
// wrong port shows. None where its probe asks no port.
func ReadinessQuestions(service, podIP string, k evidence.Container) []evidence.Connection {
	if podIP == "" || k.Readiness == nil || k.Readiness.Port == 0 || k.Ready || k.RunningSince.IsZero() {
		return nil
	}
	connection := func(protocol evidence.Protocol, port int32, path string) evidence.Connection {
		return evidence.Connection{Service: service, Protocol: protocol, Path: path, Servers: []evidence.HostPort{{Host: podIP, Port: port}}}
	}
	own := connection(evidence.TCP, k.Readiness.Port, "")
	if asksHTTP(k) {
		own = connection(evidence.HTTP, k.Readiness.Port, k.Readiness.Path)
	}
	out := []evidence.Connection{own}
	for _, port := range k.Ports[:min(len(k.Ports), maxOtherPorts)] {
		if port != k.Readiness.Port {
			out = append(out, connection(evidence.TCP, port, ""))
		}
	}
	return out
}

// asksHTTP says that the operator asks by HTTP what the kubelet asks.
func asksHTTP(k evidence.Container) bool {
	return k.Readiness.Kind == "httpGet" && k.Readiness.Scheme == "HTTP" && !k.Readiness.Own
}

// asked adds what the operator's own requests of the container show: the probe asks
// the wrong port or scheme, or the program says no to everyone.
func asked(c evidence.Case, f Finding) Finding {
	if len(c.ReadinessProbes) == 0 {
		return f
	}
	own := c.ReadinessProbes[0]
	f.Evidence = append(f.Evidence, probeItem(own))
	last := own.Last()
	told := firstOf(last.Code, text.Clip(printable(last.Message), 200))
	same := asksHTTP(c.Container) || c.Container.Readiness.Kind == "tcpSocket"
	switch outcome := own.Outcome(); {
	case outcome == v1alpha1.ProbeUnknown:
	case outcome == v1alpha1.ProbePassed && !same:
		f.Message += fmt.Sprintf(" Port %d takes connections.", own.Target.Port)
	case outcome == v1alpha1.ProbePassed:
		f.Message += passesHere(c)
		f.Confidence = v1alpha1.ConfidenceMedium
	case failedToReach(&own) && last.Code != evidence.CodeRefused:
		f.Message += fmt.Sprintf(" The operator's own request does not get there either (%s), be it for the same reason or for a NetworkPolicy.", told)
	case failedToReach(&own):
		f.Message += fmt.Sprintf(" The operator's own connection is refused, too (%s).", told)
		f.Confidence = v1alpha1.ConfidenceHigh
		return wrongPort(c, own, f)
	default:
		f.Message += fmt.Sprintf(" The operator's own request of the same fails too: stage %s, %s.", last.Name, told)
		f.Confidence = v1alpha1.ConfidenceHigh
	}
	return f
}

// passesHere says what an answer to the operator tells, which the kubelet does not get.
func passesHere(c evidence.Case) string {
	e, told := readinessEvent(c)
	if told && !tooLate.MatchString(e.Message) {
		return " The operator's own request of the same passes now."
	}
	return " The operator's own request of the same passes: the probe may not get its answer in time."
}

// tooLate are the kubelet's words for an answer that did not come in time
// (pkg/probe/http, and net/http's own).
var tooLate = regexp.MustCompile(`(?i)timeout|timed out|deadline exceeded`)

// wrongPort says that the probe asks a port on which nothing listens, and another one
// answers. Where the kubelet got an answer there, something listens after all.
func wrongPort(c evidence.Case, own evidence.Probe, f Finding) Finding {
	if e, told := readinessEvent(c); told && !strings.Contains(e.Message, "refused") {
		return f
	}
	i := slices.IndexFunc(c.ReadinessProbes[1:], func(p evidence.Probe) bool { return reached(&p) })
	if i < 0 {
		return f
	}
	other := c.ReadinessProbes[1+i]
	f.Evidence = append(f.Evidence, probeItem(other))
	f.Message += fmt.Sprintf(" Nothing listens on port %d, and port %d answers: the probe asks the wrong port.", own.Target.Port, other.Target.Port)
	if w := changeable(c); w != "" {
		f.Command = kubectl(c, "edit %s", w)
	}
	return f
}

// beneath looks for what makes the readiness probe fail: a dependency that is down, or
// what the log and a live probe say alike.
func beneath(c evidence.Case, f Finding) Finding {
	running := c
	running.Log.Previous = nil
	said, ok := byConnectionsAndPod(running, read(running, running.Log.Current))
	switch {
	case ok && said.Cause == v1alpha1.CauseDependencyUnhealthy && said.Confidence == v1alpha1.ConfidenceHigh,
		ok && familyOf(said.Cause) != familyAny && said.Confidence == v1alpha1.ConfidenceHigh:
		said.Message = text.AsClause(said.Message) + ". " + f.Message
		said.Evidence = append(said.Evidence, f.Evidence...)
		said.Refuted = append(said.Refuted, refute(v1alpha1.CauseNotReady, "it is only how that shows here"))
		return said
	case ok && said.Cause != v1alpha1.CauseDependencyUnhealthy:
		f.Evidence = append(f.Evidence, said.Evidence...)
	}
	for _, d := range c.Dependencies {
		if d.Required && unhealthy(d) {
			f.Confidence = min2(f.Confidence, v1alpha1.ConfidenceMedium)
			f.Subject.Dependency = d.Service
			return dependencyDown(d, f)
		}
	}
	return f
}
