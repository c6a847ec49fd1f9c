package server

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Causes are those of what a client of a kind of server meets on its way to it.
type Causes struct {
	HostNotFound v1alpha1.Cause
	// Unreachable: nothing listens, nothing answers, no way leads there.
	Unreachable v1alpha1.Cause
	// ConnectionLost: the server closed a connection that it had accepted.
	ConnectionLost v1alpha1.Cause
	// TLSMismatch: one side speaks TLS and the other does not, or a certificate does
	// not verify.
	TLSMismatch v1alpha1.Cause
	AuthFailed  v1alpha1.Cause
	// Busy: it answers that it has no room or is not ready to serve.
	Busy v1alpha1.Cause
}

// UpstreamCauses are those of a server of no known kind.
var UpstreamCauses = Causes{
	HostNotFound:   v1alpha1.CauseUpstreamUnreachable,
	Unreachable:    v1alpha1.CauseUpstreamUnreachable,
	ConnectionLost: v1alpha1.CauseUpstreamConnectionLost,
	TLSMismatch:    v1alpha1.CauseUpstreamTLSMismatch,
	AuthFailed:     v1alpha1.CauseUpstreamAuthFailed,
	Busy:           v1alpha1.CauseUpstreamOverloaded,
}

// CausesOrUpstream are the kind's own causes, else those of any upstream.
func (k *Kind) CausesOrUpstream() Causes {
	if k.Causes != nil {
		return *k.Causes
	}
	return UpstreamCauses
}

// CauseOf is the cause that a probe's last stage, which failed, shows.
func (k *Kind) CauseOf(last evidence.Stage, d evidence.Dependency) (v1alpha1.Cause, bool) {
	if k.CauseOfCode != nil {
		if cause, known := k.CauseOfCode(last, d); known {
			return cause, true
		}
	}
	return k.CausesOrUpstream().ofNetwork(last.Code)
}

// ofNetwork is the cause of the codes below all protocols.
func (c Causes) ofNetwork(code string) (v1alpha1.Cause, bool) {
	switch code {
	case evidence.CodeNXDomain:
		return c.HostNotFound, true
	case evidence.CodeRefused, evidence.CodeTimeout, evidence.CodeNoRoute:
		return c.Unreachable, true
	case evidence.CodeTLSRefused, evidence.CodeTLSRequired, evidence.CodeCertificate:
		return c.TLSMismatch, true
	case evidence.CodeNoPassword:
		return c.AuthFailed, true
	}
	return "", false
}

// Class sorts codes for metrics: a server may answer with any code, and as a label
// codes would be unbounded.
type Class string

// The classes.
const (
	ClassName        Class = "name"        // the name does not resolve
	ClassNetwork     Class = "network"     // no connection, or one that broke
	ClassTLS         Class = "tls"         // one side wants it, or the certificate does not verify
	ClassCredentials Class = "credentials" // who it is was not accepted
	ClassPermission  Class = "permission"  // what it may do does not suffice
	ClassMissing     Class = "missing"     // a database, table, topic or group is not there
	ClassCapacity    Class = "capacity"    // connections, disk or memory are used up
	ClassUnavailable Class = "unavailable" // it is starting, stopping or moving
	ClassUnhealthy   Class = "unhealthy"   // an HTTP endpoint says so
	ClassProbe       Class = "probe"       // the probe could not be run
)

// ClassOf a code of the kind's own, false where it is not known.
func (k *Kind) ClassOf(code string) (Class, bool) {
	if k.ClassOfCode == nil {
		return "", false
	}
	return k.ClassOfCode(code)
}
