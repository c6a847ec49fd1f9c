// Package diagnosis decides what made a container end: ordered rules over the
// evidence, each a pure function. It does no I/O and remembers nothing.
package diagnosis

import (
	"strconv"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Finding is a cause with what speaks for it and what was refuted.
type Finding struct {
	Cause      v1alpha1.Cause
	Confidence v1alpha1.Confidence
	// Message says in one sentence what is the matter, for a person.
	Message  string
	Evidence []v1alpha1.EvidenceItem
	Refuted  []v1alpha1.RefutedCause
	// RunnerUp is the second most likely cause, and why it lost; nil where there is none.
	RunnerUp *v1alpha1.RefutedCause
	// Root is the service at the root, where this finding is only a symptom.
	Root string
	// Subject is what the cause is about, for remedies.
	Subject Subject
	// Command is the exact next command for a person, empty where there is none. The
	// names in it are those of objects, never words of a log.
	Command string
	// PodOnly says that the dependency is well for everyone but the failing
	// pod: nothing that its settings say would help.
	PodOnly bool
}

// Subject is what a cause is about. Only what the evidence shows is set.
type Subject struct {
	// Dependency is the stack's name of the service that the cause is about.
	Dependency string
	// Variable is the env variable that is missing, invalid or wrong.
	Variable string
	// Host and Port that could not be resolved or reached.
	Host string
	Port int32
	// Topic or Group that is missing or denied.
	Topic, Group string
	// Object and Key of a Secret or ConfigMap that is missing.
	Object, Key string
	// Beside is what lies beside the pods and is at fault for all of them, as Kind/name:
	// a node, a registry, a namespace, a webhook. One incident tells of it for all.
	Beside string
	// Server is the kind of server that a cause named Upstream... is about, such as
	// Redis; empty where the log does not tell.
	Server string
}

// Fingerprint is the same for findings that say the same: it tells whether a
// remedy that was tried was for this very finding.
func (f Finding) Fingerprint() string {
	s := f.Subject
	return strings.Join([]string{string(f.Cause), f.Root, s.Dependency, s.Variable, s.Host, strconv.Itoa(int(s.Port)), s.Topic, s.Group, s.Object, s.Key}, "/")
}

// Identity is the finding in the API's words: which trouble it is.
func (f Finding) Identity() v1alpha1.FindingIdentity {
	s := f.Subject
	return v1alpha1.FindingIdentity{
		Cause: f.Cause, Root: f.Root, Dependency: s.Dependency, Variable: s.Variable,
		Host: s.Host, Port: s.Port, Topic: s.Topic, Group: s.Group, Object: s.Object, Key: s.Key,
	}
}
