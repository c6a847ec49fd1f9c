package remedy

import (
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// advice says, for causes that only a person can cure, what to do next and
// what is known not to help.
var advice = map[v1alpha1.Cause]string{
	v1alpha1.CausePostgresAuthFailed:           "compare the password in the container's Secret with the role's on the server (ALTER ROLE ... PASSWORD); a restart does not help, and POSTGRES_PASSWORD on the server is read at the first initdb only",
	v1alpha1.CausePostgresAccessRejected:       "add an entry for this client to the server's pg_hba.conf and reload it",
	v1alpha1.CausePostgresTLSMismatch:          "make both sides agree on TLS: the client's sslmode and the server's ssl setting",
	v1alpha1.CausePostgresDatabaseMissing:      "create the database, or correct its name in the container's env",
	v1alpha1.CausePostgresSchemaMissing:        "run the migrations that this version of the service needs",
	v1alpha1.CausePostgresPermissionDenied:     "GRANT the role what the statement needs",
	v1alpha1.CausePostgresConnectionsExhausted: "lower the clients' pool sizes or raise max_connections; more clients make it worse",
	v1alpha1.CausePostgresDiskFull:             "give the server's volume more space; the operator never touches volumes",
	v1alpha1.CauseKafkaAuthFailed:              "compare the SASL mechanism and credentials of the container with the broker's",
	v1alpha1.CauseKafkaAuthorizationDenied:     "give the client's principal the ACL that the message names",
	v1alpha1.CauseKafkaTopicMissing:            "create the topic, or declare it in the stack so that the operator may",
	v1alpha1.CauseKafkaDiskFull:                "give the broker's volume more space; the operator never touches volumes",
	v1alpha1.CauseEnvVarMissing:                "set the variable on the workload, or declare it under services[].env so that the operator may",
	v1alpha1.CauseEnvVarInvalid:                "correct the value that the message names",
	v1alpha1.CauseConfigRefMissing:             "create the Secret, ConfigMap or key that the message names, or correct the reference",
	v1alpha1.CauseOOMKilled:                    "raise the container's memory limit or its ceiling, or find what uses the memory",
	v1alpha1.CauseLivenessProbeFailed:          "find out why the probe's endpoint does not answer in time; compare the probe's numbers with the log",
	v1alpha1.CauseCommandNotFound:              "correct command or args: the image has no such executable",
	v1alpha1.CauseCompletedExit:                "a program that ends by itself is a Job, or must keep running in the foreground",
	v1alpha1.CauseImagePullFailed:              "correct the image's name or tag, or the pull credentials",
	v1alpha1.CauseUnknown:                      "read the cited evidence and the log; no rule recognises what ended the container",
}

// escalate calls a person, with the advice for the cause and what was refused.
func escalate(in Input, refused []Refusal) Action {
	var parts []string
	if text := advice[in.Finding.Cause]; text != "" {
		parts = append(parts, text)
	}
	for _, r := range refused {
		parts = append(parts, "not "+string(r.Remedy)+": "+r.Because)
	}
	if len(parts) == 0 {
		parts = append(parts, "no automatic remedy is known for "+string(in.Finding.Cause))
	}
	return Action{Remedy: v1alpha1.RemedyEscalate, Because: strings.Join(parts, "; "), Target: in.workload()}
}
