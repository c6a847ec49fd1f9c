package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

// settled is how long a container must run to count as healthy again: the time
// after which the kubelet forgets its back-off.
const settled = 10 * time.Minute

var (
	// benignError are errors of one request, not of the process.
	benignError = regexp.MustCompile(`(?i)^request |\bGET /|\bPOST /|rejected:|ignored|skipped|returned [45]\d\d|mismatch, |retry(?:ing)? in|slow request|feature disabled|continuing|degraded|^order \d+ `)
	// raisedByRuntime are the words of runtimes that abort on what nobody caught.
	raisedByRuntime = regexp.MustCompile(`^Unhandled exception\.|terminate called|panicked at|fatal runtime error|Process terminated\.|^Out of memory\.$|^Stack overflow\.$|^panic: |goroutine \d+|SIGABRT: abort|has terminated .*exception`)
)

// message says in one sentence what a clue means.
func message(k clue) string {
	said := text.Clip(strings.TrimSpace(printable(k.text)), 300)
	where := ""
	switch {
	case k.subject.Host != "" && k.subject.Port != 0:
		where = evidence.HostPort{Host: k.subject.Host, Port: k.subject.Port}.String()
	case k.subject.Host != "":
		where = k.subject.Host
	}
	if lead, ok := leads[k.cause]; ok {
		if where != "" && k.fault != faultNone {
			lead += " (" + where + ")"
		}
		return fmt.Sprintf("%s: %s", lead, said)
	}
	return said
}

// leads are the words with which a cause's message begins.
var leads = map[v1alpha1.Cause]string{
	v1alpha1.CausePostgresHostNotFound:            "The host name of Postgres does not resolve",
	v1alpha1.CausePostgresUnreachable:             "No connection to Postgres can be made",
	v1alpha1.CausePostgresStarting:                "Postgres does not accept connections yet or any more",
	v1alpha1.CausePostgresAuthFailed:              "Postgres refuses the login",
	v1alpha1.CausePostgresAccessRejected:          "pg_hba.conf does not let this client in",
	v1alpha1.CausePostgresTLSMismatch:             "Client and Postgres do not agree on TLS",
	v1alpha1.CausePostgresDatabaseMissing:         "The database does not exist",
	v1alpha1.CausePostgresSchemaMissing:           "A table, column, schema or function does not exist: a migration is missing",
	v1alpha1.CausePostgresPermissionDenied:        "The Postgres role lacks a privilege",
	v1alpha1.CausePostgresConnectionsExhausted:    "Postgres has no connection slot left",
	v1alpha1.CausePostgresPoolExhausted:           "The client's own connection pool is exhausted",
	v1alpha1.CausePostgresDiskFull:                "Postgres' disk is full",
	v1alpha1.CausePostgresReadOnly:                "Postgres is read-only",
	v1alpha1.CausePostgresConnectionLost:          "An open connection to Postgres was ended",
	v1alpha1.CauseKafkaHostNotFound:               "No Kafka bootstrap host resolves",
	v1alpha1.CauseKafkaUnreachable:                "No connection to Kafka can be made",
	v1alpha1.CauseKafkaAdvertisedListenerMismatch: "The address that the Kafka broker advertises cannot be reached from here",
	v1alpha1.CauseKafkaAuthFailed:                 "Kafka refuses the login or its mechanism",
	v1alpha1.CauseKafkaTLSMismatch:                "Client and Kafka do not agree on TLS",
	v1alpha1.CauseKafkaAuthorizationDenied:        "Kafka denies access to a topic, group or the cluster",
	v1alpha1.CauseKafkaTopicMissing:               "A Kafka topic does not exist",
	v1alpha1.CauseKafkaCoordinatorUnavailable:     "Kafka has no leader or coordinator yet",
	v1alpha1.CauseKafkaNotEnoughReplicas:          "Kafka has too few in-sync replicas",
	v1alpha1.CauseKafkaMessageTooLarge:            "A message is larger than Kafka accepts",
	v1alpha1.CauseKafkaGroupUnstable:              "The consumer group does not settle",
	v1alpha1.CauseKafkaDiskFull:                   "The Kafka broker's disk is full or broken",
	v1alpha1.CauseEnvVarMissing:                   "A required setting is missing",
	v1alpha1.CauseEnvVarInvalid:                   "A setting's value is rejected",
	v1alpha1.CauseTLSConfigInvalid:                "The program's own certificate, key or CA file is missing or invalid",
	v1alpha1.CauseArgumentsInvalid:                "The program rejects its command line",
	v1alpha1.CauseHeapExhausted:                   "The runtime's own heap limit was reached",
	v1alpha1.CauseDiskFull:                        "No space is left on a file system of the container",
	v1alpha1.CauseFileDescriptorsExhausted:        "The process ran out of file descriptors",
	v1alpha1.CauseThreadsExhausted:                "No thread or process can be created any more",
	v1alpha1.CausePermissionDenied:                "The kernel denies access to a file, port or capability",
	v1alpha1.CauseReadOnlyFilesystem:              "A file system is read-only",
	v1alpha1.CausePortInUse:                       "A port is already in use",
	v1alpha1.CauseExecFormatError:                 "A file is no executable for this machine",
	v1alpha1.CauseApplicationError:                "The program failed by its own logic",
	v1alpha1.CauseDNSUnavailable:                  "The resolver does not answer",
	v1alpha1.CauseUpstreamUnreachable:             "Another server cannot be reached",
	v1alpha1.CauseUpstreamAuthFailed:              "Another server refuses the login",
	v1alpha1.CauseUpstreamOverloaded:              "Another server is too busy",
	v1alpha1.CauseUpstreamConnectionLost:          "Another server ended the connection",
}

// variable is the env variable that a clue is about: the one that it names, as
// the env spells it, or the one that holds the address that failed.
func (r *reading) variable(c evidence.Case, k clue) string {
	name := k.subject.Variable
	switch {
	case name != "":
		return spelled(c.Env, name)
	case k.target != nil && !k.target.declared && (isUnreachable(k.cause) || k.fault != faultNone):
		return k.target.variable
	}
	return ""
}

// spelled is a setting's name as a variable: pydantic says database_url, Spring
// spring.datasource.url. The env's own spelling wins where it has one.
func spelled(env evidence.Env, name string) string {
	upper := strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == ':' {
			return '_'
		}
		return r
	}, name))
	var match []string
	for known := range env.Variables {
		if strings.EqualFold(known, name) || strings.EqualFold(known, upper) {
			match = append(match, known)
		}
	}
	if len(match) > 0 {
		slices.Sort(match)
		return match[0]
	}
	return upper
}
