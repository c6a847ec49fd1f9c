package metrics

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// Classes beside those that a server's kind knows.
const (
	classOK           server.Class = "ok"
	classUnclassified server.Class = "unclassified"
)

// classes of the codes that probes have of their own.
var classes = map[string]server.Class{
	evidence.CodeNXDomain:       server.ClassName,
	evidence.CodeResolverFailed: server.ClassName,
	evidence.CodeRefused:        server.ClassNetwork,
	evidence.CodeTimeout:        server.ClassNetwork,
	evidence.CodeNoRoute:        server.ClassNetwork,
	evidence.CodeReset:          server.ClassNetwork,
	evidence.CodeLoopback:       server.ClassNetwork,
	evidence.CodeTLSRefused:     server.ClassTLS,
	evidence.CodeTLSRequired:    server.ClassTLS,
	evidence.CodeCertificate:    server.ClassTLS,
	evidence.CodeNoPassword:     server.ClassCredentials,
	evidence.CodeTopicMissing:   server.ClassMissing,
	evidence.CodeUnhealthy:      server.ClassUnhealthy,
	evidence.CodeNotAllowed:     server.ClassProbe,
	evidence.CodeNotRun:         server.ClassProbe,
	evidence.CodeProtocol:       server.ClassProbe,
}

// classOf is the class of the code at which a probe ended.
func classOf(p evidence.Protocol, s evidence.Stage) server.Class {
	if s.Outcome == v1alpha1.ProbePassed {
		return classOK
	}
	if class, known := classes[s.Code]; known {
		return class
	}
	if class, known := server.Of(p).ClassOf(s.Code); known {
		return class
	}
	return classUnclassified
}
