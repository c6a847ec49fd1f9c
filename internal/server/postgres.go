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
	postgresURLs = []string{
		"DATABASE_URL", "POSTGRES_URL", "POSTGRESQL_URL", "PG_URL", "PGURL", "DB_URL", "POSTGRES_DSN", "DATABASE_DSN", "DB_DSN", "PG_DSN",
		"DATABASE_URI", "POSTGRES_URI", "DB_URI", "SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_DATABASE_URL", "SPRING_DATASOURCE_URL", "SPRING_R2DBC_URL",
		"QUARKUS_DATASOURCE_JDBC_URL", "JDBC_DATABASE_URL", "JDBC_URL", "POSTGRES_CONNECTION_STRING", "DATABASE_CONNECTION_STRING", "DB_CONNECTION_STRING",
		"CONNECTIONSTRINGS__DEFAULT", "CONNECTIONSTRINGS__DEFAULTCONNECTION", "CONNECTIONSTRINGS__POSTGRES",
	}
	postgresURLSuffixes = []string{"_DATABASE_URL", "_POSTGRES_URL", "_DB_URL", "_POSTGRES_DSN", "_DATABASE_DSN", "_DB_DSN"}
	postgresPrefixes    = []string{"POSTGRES_", "POSTGRESQL_", "PG", "PG_", "DB_", "DATABASE_"}

	hostNames     = []string{"HOST", "HOSTNAME", "SERVER", "ADDR", "ADDRESS"}
	portNames     = []string{"PORT"}
	databaseNames = []string{"DATABASE", "DB", "DBNAME", "DB_NAME", "DATABASE_NAME", "NAME"}
	userNames     = []string{"USER", "USERNAME"}
	passwordNames = []string{"PASSWORD", "PASS", "PASSWD", "PWD"}
	sslNames      = []string{"SSLMODE", "SSL_MODE", "TLS_MODE"}
	sslSwitches   = []string{"SSL_ENABLED", "SSL", "USE_SSL", "REQUIRE_SSL", "TLS"}
)

// postgresClient is Configured for PostgreSQL: a connection string first, then
// single variables of one prefix. Settings that the stack spells out win.
func postgresClient(env evidence.Env, names Spelled) (evidence.Connection, bool) {
	v := variablesOf(env)
	c, found := evidence.Connection{Protocol: evidence.Postgres}, false
	switch candidates := v.postgresCandidates(); {
	case names.URL != "":
		c, found = v.spelledString(names, candidates)
	case names.Host != "":
		// The family of the named host, not of another server's.
		for _, candidate := range candidates {
			if candidate.Variables.Host == names.Host {
				c, found = candidate, true
			}
		}
	case len(candidates) > 0:
		c, found = candidates[0], true
	}
	return c, v.override(&c, names) || found
}

// spelledString is the connection of the string that an author names. The
// credentials in it go to the server in it, whoever names it; those that libpq
// would add go there only where the name is a usual one.
func (v variables) spelledString(names Spelled, candidates []evidence.Connection) (evidence.Connection, bool) {
	i := slices.IndexFunc(candidates, func(c evidence.Connection) bool { return c.Variables.URL == names.URL })
	if i >= 0 {
		return candidates[i], true
	}
	s := setting{names.URL, strings.TrimSpace(v.env.Get(names.URL))}
	return v.postgresString(s, familyOf(canonical(s.variable)))
}

// postgresCandidates are the connections that env has variables for, the most
// telling first. Those without a server come last: a client that is told a
// password only.
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
		if c, ok := v.postgresFamily(p); ok {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b evidence.Connection) int {
		return boolToInt(len(a.Servers) == 0) - boolToInt(len(b.Servers) == 0)
	})
	return out
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// postgresString is the connection of a connection string. What it lacks comes
// from the variables with the companions' prefixes: those that its framework
// adds, then libpq's.
func (v variables) postgresString(s setting, companions []string) (evidence.Connection, bool) {
	d, ok := parsePostgres(s.value)
	if s.value == "" || !ok {
		return evidence.Connection{}, false
	}
	c := evidence.Connection{
		Protocol: evidence.Postgres, User: d.user, Password: evidence.NewSecret(d.password), PasswordWanted: d.hasPassword,
		Database: d.database, TLS: d.tls,
	}
	c.Variables.URL = s.variable
	if len(d.servers) > 0 {
		c.Servers = d.servers[:1]
	}
	for _, prefix := range companions {
		v.credentials(&c, prefix)
		if c.Database == "" && strings.HasPrefix(prefix, "PG") {
			v.setDatabase(&c, prefix)
		}
	}
	if c.TLS == evidence.TLSUnset {
		v.setTLS(&c, "PG")
	}
	c.PasswordFor = slices.Clone(c.Servers)
	return c, true
}

// familyOf is the prefix of the variables that go with a connection string.
func familyOf(name string) []string {
	for _, suffix := range []string{"JDBC_URL", "URL", "DSN", "URI", "CONNECTION_STRING"} {
		if prefix, ok := strings.CutSuffix(name, suffix); ok && prefix != "" {
			return []string{prefix}
		}
	}
	return nil
}

// postgresFamily is the connection of single variables with one prefix.
func (v variables) postgresFamily(prefix string) (evidence.Connection, bool) {
	if v.otherDatabase(prefix) {
		return evidence.Connection{}, false
	}
	c := evidence.Connection{Protocol: evidence.Postgres}
	if host := v.under(prefix, hostNames...); host.value != "" {
		c.Variables.Host = host.variable
		if list := servers(host.value, 0); len(list) > 0 {
			c.Servers = list[:1]
		}
	}
	v.setPort(&c, v.under(prefix, portNames...))
	v.setDatabase(&c, prefix)
	v.credentials(&c, prefix)
	v.setTLS(&c, prefix)
	c.Servers = withPort(c.Servers, postgresPort)
	c.PasswordFor = slices.Clone(c.Servers)
	return c, c.Variables.Host != "" || c.User != "" || c.PasswordWanted
}

// otherDatabase reports whether DB_... variables are for another kind of server.
func (v variables) otherDatabase(prefix string) bool {
	if !strings.HasSuffix(prefix, "DB_") && !strings.HasSuffix(prefix, "DATABASE_") {
		return false
	}
	kind := strings.ToLower(v.under(prefix, "CONNECTION", "ENGINE", "TYPE", "DRIVER", "DIALECT", "CLIENT", "VENDOR").value)
	for _, other := range []string{"mysql", "maria", "sqlite", "sqlserver", "mssql", "oracle", "mongo", "redis", "cassandra"} {
		if strings.Contains(kind, other) {
			return true
		}
	}
	switch v.under(prefix, portNames...).value {
	case "3306", "33060", "1433", "1521", "27017", "6379", "9042":
		return true
	default:
		return false
	}
}

func (v variables) setPort(c *evidence.Connection, port setting) {
	n := portNumber(port.value)
	if n == 0 {
		return
	}
	c.Variables.Port = port.variable
	for i := range c.Servers {
		c.Servers[i].Port = n
	}
}

func (v variables) setDatabase(c *evidence.Connection, prefix string) {
	if s := v.under(prefix, databaseNames...); s.value != "" && !strings.Contains(s.value, "://") {
		c.Database, c.Variables.Database = s.value, s.variable
	}
}

// credentials fills in the user and password where there are none yet.
func (v variables) credentials(c *evidence.Connection, prefix string) {
	if c.User == "" {
		if s := v.under(prefix, userNames...); s.value != "" {
			c.User, c.Variables.User = s.value, s.variable
		}
	}
	if c.PasswordWanted {
		return
	}
	if name := v.mentioned(prefix, passwordNames...); name != "" {
		c.PasswordWanted, c.Variables.Password = true, name
		v.readPassword(c, name)
	}
}

// readPassword takes over a password's value. One that the operator could not
// read is not one that is missing.
func (v variables) readPassword(c *evidence.Connection, name string) {
	c.Password = evidence.NewSecret(v.env.Get(name))
	if v.env.Variables[name].Unresolved {
		c.Unresolved = true
	}
}

func (v variables) setTLS(c *evidence.Connection, prefix string) {
	for _, s := range []setting{v.under(prefix, sslNames...), v.under(prefix, sslSwitches...)} {
		if mode := tlsMode(s.value); mode != evidence.TLSUnset {
			c.TLS, c.Variables.SSLMode = mode, s.variable
			return
		}
	}
}

// override takes over the settings whose variables the stack spells out, and
// reports whether env has any of them. PasswordFor stays what the template says.
func (v variables) override(c *evidence.Connection, names Spelled) bool {
	found := false
	if s := v.spelled(names, names.Host); s.value != "" {
		c.Servers = servers(s.value, 0)
		c.Servers = c.Servers[:min(1, len(c.Servers))]
		c.Variables.Host, found = s.variable, true
		if port := v.first(canonical(c.Variables.Port)); names.Port == "" && port.value != "" {
			v.setPort(c, port)
		}
	}
	if s := v.spelled(names, names.Port); s.value != "" {
		v.setPort(c, s)
		found = true
	}
	if s := v.spelled(names, names.Database); s.value != "" {
		c.Database, c.Variables.Database, found = s.value, s.variable, true
	}
	if s := v.spelled(names, names.SSLMode); s.value != "" {
		c.TLS, c.Variables.SSLMode, found = stricter(c.TLS, tlsMode(s.value)), s.variable, true
	}
	c.Servers = withPort(c.Servers, Of(c.Protocol).Port)
	return v.overrideCredentials(c, names) || found
}

// stricter of two modes: no author's word makes a client that checks its server
// send its password in the clear.
func stricter(a, b evidence.TLSMode) evidence.TLSMode {
	order := []evidence.TLSMode{evidence.TLSDisable, evidence.TLSUnset, evidence.TLSPrefer, evidence.TLSRequire, evidence.TLSVerifyCA, evidence.TLSVerifyFull}
	if slices.Index(order, a) > slices.Index(order, b) && a != evidence.TLSUnset {
		return a
	}
	return b
}

// overrideCredentials takes over the user and password that an author spells out
// who may read them, and pairs them with the servers that env configures.
func (v variables) overrideCredentials(c *evidence.Connection, names Spelled) bool {
	if !names.MayReadSecrets || names.User == "" && names.Password == "" {
		return false
	}
	c.PasswordFor = slices.Clone(c.Servers)
	found := false
	if s := v.spelled(names, names.User); s.value != "" {
		c.User, c.Variables.User, found = s.value, s.variable, true
	}
	if names.Password != "" {
		c.PasswordWanted, c.Variables.Password = true, names.Password
		v.readPassword(c, names.Password)
		found = found || c.Password.IsSet()
	}
	return found
}
