// Package vantage asks a dependency from inside the failing pod's own network:
// the operator adds an ephemeral container of its own image to the pod, which
// probes, prints what it saw, and ends. What only that pod meets, a
// NetworkPolicy or a resolver of its own, cannot be seen from anywhere else.
//
// Question and Answer are what the two sides say to each other. The question is
// an argument in the pod's spec, which many may read: it holds no credentials.
package vantage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/server"
)

// MostTargets of one question.
const MostTargets = 16

// Bounds of what the two sides say.
const (
	mostAddresses = 512
	mostStages    = 16
	mostAnswer    = 64 << 10 // bytes
	mostMessage   = 1024     // bytes
)

// Question is what is to be probed.
type Question struct {
	// AskedAt is when the container was added; the answer is awaited for a while.
	AskedAt time.Time `json:"askedAt"`
	// Allowed are the only addresses that may be reached: names are resolved in
	// the pod, and the operator's guard decided before which addresses are fine.
	Allowed []netip.Addr `json:"allowed,omitempty"`
	Targets []Target     `json:"targets"`
}

// Target is one dependency, without credentials.
type Target struct {
	Service  string            `json:"service"`
	Protocol evidence.Protocol `json:"protocol"`
	Servers  []Server          `json:"servers"`
	TLS      evidence.TLSMode  `json:"tls,omitempty"`
}

// Server is a host and port.
type Server struct {
	Host string `json:"host"`
	Port int32  `json:"port"`
}

// TargetOf is what can be asked of a connection without credentials: whether
// names resolve, servers are reached, TLS is spoken, and a server answers that
// speaks before any login. What the network lets through is all that matters.
func TargetOf(c evidence.Connection) Target {
	t := Target{Service: c.Service, Protocol: evidence.TCP, TLS: evidence.TLSUnset}
	for _, s := range c.Servers {
		t.Servers = append(t.Servers, Server{s.Host, s.Port})
	}
	if ask := server.Of(c.Protocol).AnswersBeforeLogin; ask != nil && ask(c) {
		t.Protocol, t.TLS = c.Protocol, c.TLS
	}
	if t.TLS == evidence.TLSVerifyCA || t.TLS == evidence.TLSVerifyFull {
		t.TLS = evidence.TLSRequire // certificates are the same from everywhere
	}
	return t
}

// connection is the target for a probe.
func (t Target) connection() evidence.Connection {
	c := evidence.Connection{Service: t.Service, Protocol: t.Protocol, TLS: t.TLS}
	for _, s := range t.Servers {
		c.Servers = append(c.Servers, evidence.HostPort(s))
	}
	return c
}

// Answer is what the probe inside the pod saw, target by target.
type Answer struct {
	Probes []Probe `json:"probes"`
}

// Probe of one target.
type Probe struct {
	Service   string       `json:"service"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Stages    []Stage      `json:"stages"`
}

// Stage of a probe.
type Stage struct {
	Name         evidence.StageName    `json:"name"`
	Outcome      v1alpha1.ProbeOutcome `json:"outcome"`
	Code         string                `json:"code,omitempty"`
	Message      string                `json:"message,omitempty"`
	Milliseconds int64                 `json:"milliseconds,omitempty"`
}

// Name of the container that asks about these targets on this occasion, an
// incident and its finding: the same question is never added twice to a pod.
func Name(occasion string, targets []Target) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%v", occasion, targets))
	return v1alpha1.ProbeContainerPrefix + hex.EncodeToString(sum[:5])
}

// read is strict JSON: one document, no unknown fields, nothing after it.
func read(text []byte, into any) error {
	if len(text) > mostAnswer {
		return fmt.Errorf("longer than %d bytes", mostAnswer)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

// ParseQuestion reads the argument of the container.
func ParseQuestion(text []byte) (Question, error) {
	var q Question
	if err := read(text, &q); err != nil {
		return q, fmt.Errorf("the question is no JSON document of its kind: %w", err)
	}
	if len(q.Targets) == 0 || len(q.Targets) > MostTargets {
		return q, fmt.Errorf("%d targets: want 1 to %d", len(q.Targets), MostTargets)
	}
	return q, nil
}

// ParseAnswer reads the container's log. It is as little to be trusted as any
// log: what does not fit the targets is refused, and only stages, outcomes and
// codes of known forms get through. Whom it was about is the question's to say.
func ParseAnswer(log []byte, q Question) ([]evidence.Probe, error) {
	var a Answer
	if err := read(log, &a); err != nil {
		return nil, fmt.Errorf("the answer is no JSON document of its kind: %w", err)
	}
	if len(a.Probes) != len(q.Targets) {
		return nil, fmt.Errorf("%d answers to %d questions", len(a.Probes), len(q.Targets))
	}
	var out []evidence.Probe
	for i, p := range a.Probes {
		parsed, err := p.evidence(q.Targets[i])
		if err != nil {
			return nil, fmt.Errorf("answer about %s: %w", q.Targets[i].Service, err)
		}
		parsed.Asked = q.AskedAt
		out = append(out, parsed)
	}
	return out, nil
}

var (
	stages = []evidence.StageName{
		evidence.StageGuard, evidence.StageResolve, evidence.StageDial, evidence.StageTLS, evidence.StageAccept,
		evidence.StageAuthenticate, evidence.StageMetadata, evidence.StageListeners,
	}
	outcomes = []v1alpha1.ProbeOutcome{v1alpha1.ProbePassed, v1alpha1.ProbeFailed, v1alpha1.ProbeUnknown}
	code     = regexp.MustCompile(`^[A-Z0-9_]{0,64}$`)
)

func (p Probe) evidence(t Target) (evidence.Probe, error) {
	out := evidence.Probe{Service: t.Service, Protocol: t.Protocol, Viewpoint: v1alpha1.FromPod}
	if len(t.Servers) > 0 {
		out.Target = evidence.HostPort(t.Servers[0])
	}
	if n := len(p.Stages); p.Service != t.Service || n == 0 || n > mostStages || len(p.Addresses) > mostAddresses {
		return out, fmt.Errorf("service %q with %d stages and %d addresses", p.Service, len(p.Stages), len(p.Addresses))
	}
	for _, a := range p.Addresses {
		out.Addresses = append(out.Addresses, a.String())
	}
	for i, s := range p.Stages {
		if !s.known() || i < len(p.Stages)-1 && s.Outcome != v1alpha1.ProbePassed {
			return out, fmt.Errorf("stage %q, outcome %q, code %q", s.Name, s.Outcome, s.Code)
		}
		took := time.Duration(max(0, min(s.Milliseconds, time.Minute.Milliseconds()))) * time.Millisecond
		out.Stages = append(out.Stages, evidence.Stage{Name: s.Name, Outcome: s.Outcome, Code: s.Code, Message: redact.Clean(s.Message, mostMessage), Took: took})
	}
	return out, nil
}

// known says that a stage is one that such a probe can have.
func (s Stage) known() bool {
	return slices.Contains(stages, s.Name) && slices.Contains(outcomes, s.Outcome) && code.MatchString(s.Code)
}

// Unanswered is the probe of a target that could not be run, and why. It says
// nothing of the dependency.
func Unanswered(t Target, because string) evidence.Probe {
	p := evidence.Probe{Service: t.Service, Protocol: t.Protocol, Viewpoint: v1alpha1.FromPod,
		Stages: []evidence.Stage{{Name: evidence.StageGuard, Outcome: v1alpha1.ProbeUnknown, Code: evidence.CodeNotRun, Message: redact.Clean(because, mostMessage)}}}
	if len(t.Servers) > 0 {
		p.Target = evidence.HostPort(t.Servers[0])
	}
	return p
}
