package metrics

import (
	"cmp"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Classes of codes. A server may answer with any code: as a label, codes would be
// unbounded.
const (
	classOK           = "ok"
	className         = "name"         // the name does not resolve
	classNetwork      = "network"      // no connection, or one that broke
	classTLS          = "tls"          // one side wants it, or the certificate does not verify
	classCredentials  = "credentials"  // who it is was not accepted
	classPermission   = "permission"   // what it may do does not suffice
	classMissing      = "missing"      // a database, table, topic or group is not there
	classCapacity     = "capacity"     // connections, disk or memory are used up
	classUnavailable  = "unavailable"  // it is starting, stopping or moving
	classUnhealthy    = "unhealthy"    // an HTTP endpoint says so
	classProbe        = "probe"        // the probe could not be run
	classUnclassified = "unclassified" // anything else
)

// classes of the codes that probes have of their own.
var classes = map[string]string{
	evidence.CodeNXDomain:       className,
	evidence.CodeResolverFailed: className,
	evidence.CodeRefused:        classNetwork,
	evidence.CodeTimeout:        classNetwork,
	evidence.CodeNoRoute:        classNetwork,
	evidence.CodeReset:          classNetwork,
	evidence.CodeLoopback:       classNetwork,
	evidence.CodeTLSRefused:     classTLS,
	evidence.CodeTLSRequired:    classTLS,
	evidence.CodeCertificate:    classTLS,
	evidence.CodeNoPassword:     classCredentials,
	evidence.CodeTopicMissing:   classMissing,
	evidence.CodeUnhealthy:      classUnhealthy,
	evidence.CodeNotAllowed:     classProbe,
	evidence.CodeNotRun:         classProbe,
	evidence.CodeProtocol:       classProbe,
}

// ofSQLState are classes of SQLSTATEs, by their first two characters (appendix A
// of PostgreSQL's documentation).
var ofSQLState = map[string]string{
	"08": classNetwork,
	"28": classCredentials,
	"3D": classMissing, "3F": classMissing, "42": classMissing,
	"53": classCapacity,
	"57": classUnavailable,
}

// ofKafka are what the names of Kafka's errors contain
// (org.apache.kafka.common.protocol.Errors), in the order in which it is looked for.
var ofKafka = []struct{ part, class string }{
	{"AUTHORIZATION_FAILED", classPermission},
	{"SASL", classCredentials},
	{"UNKNOWN_TOPIC", classMissing},
	{"GROUP_ID_NOT_FOUND", classMissing},
	{"NOT_ENOUGH_REPLICAS", classCapacity},
	{"NOT_AVAILABLE", classUnavailable},
	{"COORDINATOR", classUnavailable},
	{"NOT_LEADER", classUnavailable},
	{"NOT_CONTROLLER", classUnavailable},
	{"TIMED_OUT", classNetwork},
	{"NETWORK_EXCEPTION", classNetwork},
}

// classOf is the class of the code at which a probe ended.
func classOf(s evidence.Stage) string {
	if s.Outcome == v1alpha1.ProbePassed {
		return classOK
	}
	if class, known := classes[s.Code]; known {
		return class
	}
	if s.Code == "42501" { // insufficient_privilege, among syntax errors
		return classPermission
	}
	if len(s.Code) == len("42P01") {
		return cmp.Or(ofSQLState[s.Code[:2]], classUnclassified)
	}
	for _, k := range ofKafka {
		if strings.Contains(s.Code, k.part) {
			return k.class
		}
	}
	return classUnclassified
}
