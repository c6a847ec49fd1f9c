package server

import (
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

var _ = register(Kind{
	Protocol:   evidence.Postgres,
	Rank:       1,
	Port:       postgresPort,
	OtherPorts: []int32{6432, 5433}, // PgBouncer's, and a second server's
	Schemes:    postgresSchemes,
	Variables:  regexp.MustCompile(`postgres|^pg`),
	Images:     regexp.MustCompile(`^(?:postgres(?:ql)?|postgis|pgvector|timescaledb(?:-ha)?|citus|paradedb|spilo(?:-\d+)?)$`),
	Names:      []string{"postgres", "postgresql"},
	Engines:    []string{"postg", "pgsql"},
	KeepsData:  true,

	PortVariable:      "PGPORT",
	DatabaseVariables: []string{"POSTGRES_DB", "POSTGRESQL_DATABASE"},
	Pooled:            true,
	Causes: &Causes{
		HostNotFound:   v1alpha1.CausePostgresHostNotFound,
		Unreachable:    v1alpha1.CausePostgresUnreachable,
		ConnectionLost: v1alpha1.CausePostgresConnectionLost,
		TLSMismatch:    v1alpha1.CausePostgresTLSMismatch,
		AuthFailed:     v1alpha1.CausePostgresAuthFailed,
		Busy:           v1alpha1.CausePostgresConnectionsExhausted,
	},
	CauseOfCode:        causeOfSQLState,
	ClassOfCode:        classOfSQLState,
	AnswersBeforeLogin: func(evidence.Connection) bool { return true }, // SSLRequest
	Connections: ConnectionLimit{Default: 100, Reserved: 3, Option: "-c max_connections=", // superuser_reserved_connections
		Variables: []string{"POSTGRES_MAX_CONNECTIONS", "POSTGRESQL_MAX_CONNECTIONS"}},
	MakeEndpoint: func(o Offer) v1alpha1.Endpoint {
		p := &v1alpha1.PostgresEndpoint{Host: o.Host, Database: o.Database}
		if o.Port != postgresPort {
			p.Port = o.Port
		}
		return v1alpha1.Endpoint{Postgres: p}
	},
	declared: func(service string, e v1alpha1.Endpoint) (evidence.Connection, bool) {
		if e.Postgres == nil {
			return evidence.Connection{}, false
		}
		return evidence.Connection{Protocol: evidence.Postgres, Database: e.Postgres.Database,
			Servers: []evidence.HostPort{{Host: or(e.Postgres.Host, service), Port: orPort(e.Postgres.Port, postgresPort)}}}, true
	},
	relocate: func(e *v1alpha1.Endpoint, at Finder) bool {
		if found, offered := at(orPort(e.Postgres.Port, postgresPort)); offered {
			e.Postgres.Host, e.Postgres.Port = found.Host, found.Port
		}
		return true
	},
	parse:      parsePostgres,
	configured: postgresClient,
	implied:    variables.postgresCandidates,
})

const postgresPort = 5432

// sqlStates are the causes of SQLSTATEs (PostgreSQL, appendix A).
var sqlStates = map[string]v1alpha1.Cause{
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

// causeOfSQLState is the cause of a SQLSTATE; 28000 is told apart by its message.
func causeOfSQLState(last evidence.Stage, d evidence.Dependency) (v1alpha1.Cause, bool) {
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
	cause, known := sqlStates[last.Code]
	return cause, known
}

// sqlStateClasses by their first two characters (appendix A of PostgreSQL's
// documentation).
var sqlStateClasses = map[string]Class{
	"08": ClassNetwork,
	"28": ClassCredentials,
	"3D": ClassMissing, "3F": ClassMissing, "42": ClassMissing,
	"53": ClassCapacity,
	"57": ClassUnavailable,
}

func classOfSQLState(code string) (Class, bool) {
	if code == "42501" { // insufficient_privilege, among syntax errors
		return ClassPermission, true
	}
	if len(code) != len("42P01") {
		return "", false
	}
	class, known := sqlStateClasses[code[:2]]
	return class, known
}

// The names that clients and images of PostgreSQL are usually configured by.
var (
	postgresURLs = slices.Concat(databaseURLs[:1], []string{
		"POSTGRES_URL", "POSTGRESQL_URL", "PG_URL", "PGURL", "POSTGRES_DSN", "PG_DSN", "POSTGRES_URI", "POSTGRES_CONNECTION_STRING", "CONNECTIONSTRINGS__POSTGRES",
	}, databaseURLs[1:])
	postgresURLSuffixes = []string{"_DATABASE_URL", "_POSTGRES_URL", "_DB_URL", "_POSTGRES_DSN", "_DATABASE_DSN", "_DB_DSN"}
	postgresPrefixes    = []string{"POSTGRES_", "POSTGRESQL_", "PG", "PG_", "DB_", "DATABASE_"}
)

// postgresClient is Configured for PostgreSQL.
func postgresClient(env evidence.Env, names Spelled) (evidence.Connection, bool) {
	v := variablesOf(env)
	return v.databaseClient(evidence.Postgres, names, v.postgresCandidates(), func(s setting) (evidence.Connection, bool) {
		return v.postgresString(s, familyOf(canonical(s.variable)))
	})
}

// postgresCandidates are the connections that env has variables for, the most
// telling first.
func (v variables) postgresCandidates() []evidence.Connection {
	var out []evidence.Connection
	for _, name := range slices.Concat(postgresURLs, v.ending(postgresURLSuffixes...)) {
		if c, ok := v.postgresString(v.first(name), append(familyOf(name), "PG")); ok {
			out = append(out, c)
		}
	}
	prefixes := slices.Clone(postgresPrefixes)
	for _, p := range []string{"POSTGRES_", "POSTGRESQL_", "PG_", "DB_", "DATABASE_"} {
		for _, n := range v.ending("_" + p + "HOST") {
			prefixes = append(prefixes, strings.TrimSuffix(n, "HOST"))
		}
	}
	for _, p := range prefixes {
		if engine := v.engineOf(p); engine != "" && engine != evidence.Postgres {
			continue
		}
		if c, ok := v.databaseFamily(evidence.Postgres, p); ok {
			out = append(out, c)
		}
	}
	return serversFirst(out)
}

// postgresString is the connection of a connection string. What it lacks comes
// from the variables with the companions' prefixes, libpq's among them.
func (v variables) postgresString(s setting, companions []string) (evidence.Connection, bool) {
	d, ok := parsePostgres(s.value)
	if s.value == "" || !ok {
		return evidence.Connection{}, false
	}
	c := v.databaseURL(evidence.Postgres, d, s.variable, companions)
	for _, prefix := range companions {
		if c.Database == "" && strings.HasPrefix(prefix, "PG") {
			v.setDatabase(&c, prefix)
		}
	}
	if c.TLS == evidence.TLSUnset {
		v.setTLS(&c, "PG")
	}
	return c, true
}
