package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

// byInitWaiting decides by an init container that runs and does not end: what keeps
// the pod from starting is what it waits for.
func byInitWaiting(c evidence.Case, _ reading) (Finding, bool) {
	k := c.Container
	if k.Role != evidence.RoleInit || k.RunningSince.IsZero() || !runsAsMeant(c) {
		return Finding{}, false
	}
	f := Finding{
		Cause: v1alpha1.CauseInitWaiting, Confidence: v1alpha1.ConfidenceMedium,
		Message: fmt.Sprintf("The init container %s has been running for %s and does not end, so that the pod's containers do not start.", k.Name, ran(c)),
		Evidence: []v1alpha1.EvidenceItem{item(v1alpha1.SourceWaiting, k.RunningSince,
			fmt.Sprintf("init container %s runs since then: %s", k.Name, commandLine(k)))},
		Command: kubectl(c, "logs %s -c %s --tail=20", c.Pod.Name, k.Name),
	}
	lines := tail(c.Log.Current, 1)
	if len(lines) > 0 {
		f.Message += " It says last: " + text.AsClause(text.Clip(strings.TrimSpace(printable(lines[0])), 200)) + "."
		f.Evidence = append(f.Evidence, logItem(lines[0]))
	}
	return waitsFor(c, f), true
}

// runsAsMeant says that a container that runs does not loop: it never ended, or that
// is long ago.
func runsAsMeant(c evidence.Case) bool {
	return c.Container.Ended() == nil || c.Now.Sub(c.Container.RunningSince) >= settled
}

// ran is how long the container has been running.
func ran(c evidence.Case) time.Duration {
	return max(0, c.Now.Sub(c.Container.RunningSince)).Round(time.Second)
}

// commandLine is what a container runs, as far as the pod says.
func commandLine(k evidence.Container) string {
	words := slices.Concat(k.Command, k.Args)
	if len(words) == 0 {
		return "the entry point of image " + k.Image
	}
	return text.Clip(printable(strings.Join(words, " ")), maxSaid)
}

// waitsFor finds the dependency that an init container waits for: its command, its
// last words or its settings name it.
func waitsFor(c evidence.Case, f Finding) Finding {
	d, target, found := awaited(c)
	if !found {
		if target.Host != "" {
			f.Subject.Host, f.Subject.Port = target.Host, target.Port
			f.Message += fmt.Sprintf(" It waits for %s, which is no service of the stack.", target)
		}
		return f
	}
	f.Subject.Dependency = d.Service
	configured, declared := probesOf(c, d.Service)
	for _, p := range []*evidence.Probe{configured, declared} {
		if p != nil {
			f.Evidence = append(f.Evidence, probeItem(*p))
		}
	}
	if unhealthy(d) {
		f.Message += fmt.Sprintf(" It waits for %s.", d.Service)
		return dependencyDown(d, f)
	}
	f.Subject.Host, f.Subject.Port = target.Host, target.Port
	switch p := decisiveProbe(configured, declared); {
	case d.Declared != nil && target.Host != "" && !isAddressOf(d, target):
		f.Confidence = v1alpha1.ConfidenceHigh
		f.Message += fmt.Sprintf(" It waits for %s; the stack declares %s at %s.", target, d.Service, d.Declared.Server())
	case p != nil && p.Outcome() == v1alpha1.ProbeFailed:
		f.Confidence = v1alpha1.ConfidenceHigh
		f.Message += fmt.Sprintf(" It waits for %s, which a live probe does not get through to either: stage %s, %s.", d.Service, p.Last().Name, firstOf(p.Last().Code, p.Last().Message))
	case p != nil && p.Outcome() == v1alpha1.ProbePassed:
		f.Message += fmt.Sprintf(" It waits for %s, which answers a live probe: look at what the init container asks for.", d.Service)
	default:
		f.Message += fmt.Sprintf(" It waits for %s.", d.Service)
	}
	return f
}

// isAddressOf says that a target is where the stack declares a dependency, the port
// being left out in many commands.
func isAddressOf(d evidence.Dependency, target evidence.HostPort) bool {
	return slices.ContainsFunc(d.Declared.Servers, func(s evidence.HostPort) bool {
		return sameHost(strings.ToLower(s.Host), strings.ToLower(target.Host)) && (target.Port == 0 || target.Port == s.Port)
	})
}

// addressWord is host:port, host with a port after it as in nc's arguments, or the host
// of a URL or of a -h flag.
var addressWord = regexp.MustCompile(`(?:://|@|\b-h[ =]?|--host[ =])?([a-zA-Z][a-zA-Z0-9-]*(?:\.[a-zA-Z0-9-]+)*)(?::| )(\d{2,5})\b|(?:\b-h ?|--host[ =])([a-zA-Z][a-zA-Z0-9.-]*)`)

// awaited is the dependency that an init container waits for, and the address that it
// names. Without a dependency it is the last address that it names.
func awaited(c evidence.Case) (evidence.Dependency, evidence.HostPort, bool) {
	said := strings.Join(slices.Concat(c.Container.Command, c.Container.Args, tail(c.Log.Current, 3)), " ")
	var last evidence.HostPort
	for _, m := range addressWord.FindAllStringSubmatch(said, 64) {
		port, err := strconv.ParseInt(m[2], 10, 32)
		if err != nil {
			port = 0
		}
		target := evidence.HostPort{Host: firstOf(m[1], m[3]), Port: int32(port)}
		if d, ok := dependencyAt(c, target.Host); ok {
			return d, target, true
		}
		if strings.Contains(target.Host, ".") || target.Port != 0 {
			last = target
		}
	}
	words := strings.FieldsFunc(strings.ToLower(said), func(r rune) bool { return !isWordRune(r) })
	for _, d := range c.Dependencies {
		if slices.Contains(words, strings.ToLower(d.Service)) {
			return d, evidence.HostPort{}, true
		}
	}
	// The operator's own init container, and images made to wait, take it from the env.
	if len(c.Dependencies) == 1 && c.Dependencies[0].Configured != nil && last.Host == "" {
		return c.Dependencies[0], c.Dependencies[0].Configured.Server(), true
	}
	return evidence.Dependency{}, last, false
}

func isWordRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// dependencyAt is the dependency that a host is the address of, as declared, as the
// container is configured, or by its name.
func dependencyAt(c evidence.Case, host string) (evidence.Dependency, bool) {
	host = strings.ToLower(host)
	for _, d := range c.Dependencies {
		if sameHost(strings.ToLower(d.Service), host) {
			return d, true
		}
		for _, conn := range []*evidence.Connection{d.Declared, d.Configured} {
			if conn != nil && slices.ContainsFunc(conn.Servers, func(s evidence.HostPort) bool { return sameHost(strings.ToLower(s.Host), host) }) {
				return d, true
			}
		}
	}
	return evidence.Dependency{}, false
}

// dependencyDown turns a finding of a container that does not get up into a symptom of
// its dependency's.
func dependencyDown(d evidence.Dependency, symptom Finding) Finding {
	f := dependencyUnhealthy(d, symptom)
	f.Confidence, f.Command = symptom.Confidence, ""
	f.Message += " " + symptom.Message
	return f
}
