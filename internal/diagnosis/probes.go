package diagnosis

import (
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// causeOfProbe is the cause that a probe's clear no shows.
func causeOfProbe(p evidence.Probe, d evidence.Dependency) (v1alpha1.Cause, bool) {
	last := p.Last()
	if last.Outcome == v1alpha1.ProbeUnknown && last.Name == evidence.StageResolve && last.Code == evidence.CodeResolverFailed {
		return v1alpha1.CauseDNSUnavailable, true
	}
	if last.Outcome != v1alpha1.ProbeFailed {
		return "", false
	}
	whose := familyOfProtocol(p.Protocol)
	if cause, ok := causeOfCode(whose, last); ok {
		return cause, true
	}
	switch p.Protocol {
	case evidence.Postgres:
		return postgresState(last, d)
	case evidence.Kafka:
		return kafkaCode(last)
	case evidence.HTTP:
		return v1alpha1.CauseDependencyUnhealthy, last.Name == evidence.StageHTTP
	case evidence.TCP:
	}
	return "", false
}

// causeOfCode is the cause for the codes below the protocols.
func causeOfCode(whose family, last evidence.Stage) (v1alpha1.Cause, bool) {
	if last.Name == evidence.StageListeners {
		return v1alpha1.CauseKafkaAdvertisedListenerMismatch, true
	}
	var f fault
	switch last.Code {
	case evidence.CodeNXDomain:
		f = faultHostNotFound
	case evidence.CodeRefused:
		f = faultRefused
	case evidence.CodeTimeout:
		f = faultTimeout
	case evidence.CodeNoRoute:
		f = faultNoRoute
	case evidence.CodeTLSRefused, evidence.CodeTLSRequired:
		f = faultTLS
	case evidence.CodeCertificate:
		f = faultCertificate
	case evidence.CodeNoPassword:
		f = faultAuth
	case evidence.CodeTopicMissing:
		return v1alpha1.CauseKafkaTopicMissing, true
	default:
		return "", false
	}
	cause, ok := causeOf[whose][f]
	return cause, ok
}

// bySQLState are the causes of SQLSTATEs (PostgreSQL, appendix A).
var bySQLState = map[string]v1alpha1.Cause{
	"57P03": v1alpha1.CausePostgresStarting,
	"28P01": v1alpha1.CausePostgresAuthFailed,
	"3D000": v1alpha1.CausePostgresDatabaseMissing,
	"42P01": v1alpha1.CausePostgresSchemaMissing,
	"42703": v1alpha1.CausePostgresSchemaMissing,
	"3F000": v1alpha1.CausePostgresSchemaMissing,
	"42883": v1alpha1.CausePostgresSchemaMissing,
	"42501": v1alpha1.CausePostgresPermissionDenied,
	"53300": v1alpha1.CausePostgresConnectionsExhausted,
	"53100": v1alpha1.CausePostgresDiskFull,
	"25006": v1alpha1.CausePostgresReadOnly,
	"57P01": v1alpha1.CausePostgresConnectionLost,
	"57P02": v1alpha1.CausePostgresConnectionLost,
	"08006": v1alpha1.CausePostgresConnectionLost,
}

// postgresState is the cause of a SQLSTATE; 28000 is told apart by its message.
func postgresState(last evidence.Stage, d evidence.Dependency) (v1alpha1.Cause, bool) {
	if last.Code == "28000" {
		tlsOff := d.Configured != nil && d.Configured.TLS == evidence.TLSDisable
		switch {
		case strings.Contains(last.Message, "pg_hba.conf") && strings.Contains(last.Message, "no encryption") && tlsOff:
			return v1alpha1.CausePostgresTLSMismatch, true
		case strings.Contains(last.Message, "pg_hba.conf"):
			return v1alpha1.CausePostgresAccessRejected, true
		}
		return v1alpha1.CausePostgresAuthFailed, true
	}
	cause, ok := bySQLState[last.Code]
	return cause, ok
}

// byKafkaCode are the causes of the protocol's error codes by name.
var byKafkaCode = map[string]v1alpha1.Cause{
	"SASL_AUTHENTICATION_FAILED":            v1alpha1.CauseKafkaAuthFailed,
	"UNSUPPORTED_SASL_MECHANISM":            v1alpha1.CauseKafkaAuthFailed,
	"ILLEGAL_SASL_STATE":                    v1alpha1.CauseKafkaAuthFailed,
	"TOPIC_AUTHORIZATION_FAILED":            v1alpha1.CauseKafkaAuthorizationDenied,
	"GROUP_AUTHORIZATION_FAILED":            v1alpha1.CauseKafkaAuthorizationDenied,
	"CLUSTER_AUTHORIZATION_FAILED":          v1alpha1.CauseKafkaAuthorizationDenied,
	"TRANSACTIONAL_ID_AUTHORIZATION_FAILED": v1alpha1.CauseKafkaAuthorizationDenied,
	"UNKNOWN_TOPIC_OR_PARTITION":            v1alpha1.CauseKafkaTopicMissing,
	"LEADER_NOT_AVAILABLE":                  v1alpha1.CauseKafkaCoordinatorUnavailable,
	"NOT_LEADER_OR_FOLLOWER":                v1alpha1.CauseKafkaCoordinatorUnavailable,
	"COORDINATOR_LOAD_IN_PROGRESS":          v1alpha1.CauseKafkaCoordinatorUnavailable,
	"COORDINATOR_NOT_AVAILABLE":             v1alpha1.CauseKafkaCoordinatorUnavailable,
	"NOT_COORDINATOR":                       v1alpha1.CauseKafkaCoordinatorUnavailable,
	"NOT_CONTROLLER":                        v1alpha1.CauseKafkaCoordinatorUnavailable,
	"NOT_ENOUGH_REPLICAS":                   v1alpha1.CauseKafkaNotEnoughReplicas,
	"NOT_ENOUGH_REPLICAS_AFTER_APPEND":      v1alpha1.CauseKafkaNotEnoughReplicas,
	"MESSAGE_TOO_LARGE":                     v1alpha1.CauseKafkaMessageTooLarge,
	"RECORD_LIST_TOO_LARGE":                 v1alpha1.CauseKafkaMessageTooLarge,
	"KAFKA_STORAGE_ERROR":                   v1alpha1.CauseKafkaDiskFull,
}

func kafkaCode(last evidence.Stage) (v1alpha1.Cause, bool) {
	cause, ok := byKafkaCode[last.Code]
	return cause, ok
}
