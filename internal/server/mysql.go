package server

import (
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// MySQL and MariaDB speak one protocol to their clients. What is wrong between them
// and a client is told by the causes of any upstream.
var _ = register(Kind{
	Protocol:   evidence.MySQL,
	Rank:       2,
	Port:       mysqlPort,
	OtherPorts: []int32{6033, 4006}, // ProxySQL's, MaxScale's
	Schemes:    mysqlSchemes,
	Variables:  regexp.MustCompile(`mysql|mariadb`),
	Images:     regexp.MustCompile(`^(?:mysql(?:-server|-community-server)?|mariadb(?:-galera)?|percona(?:-server|-xtradb-cluster)?)$`),
	Names:      []string{"mysql", "mariadb"},
	Engines:    []string{"mysql", "maria"},
	KeepsData:  true,

	OwnPrefixes: mysqlOnly,

	PortVariable:       "MYSQL_TCP_PORT",
	DatabaseVariables:  []string{"MYSQL_DATABASE", "MARIADB_DATABASE"},
	Pooled:             true,
	CauseOfCode:        causeOfMySQL,
	ClassOfCode:        classOfMySQL,
	AnswersBeforeLogin: func(evidence.Connection) bool { return true }, // the server speaks first
	// The one for administrators is beside these.
	Connections: ConnectionLimit{Default: 151, Option: "--max-connections=", Variables: []string{"MYSQL_EXTRA_FLAGS", "MARIADB_EXTRA_FLAGS"}},
	MakeEndpoint: func(o Offer) v1alpha1.Endpoint {
		m := &v1alpha1.MySQLEndpoint{Host: o.Host, Database: o.Database}
		if o.Port != mysqlPort {
			m.Port = o.Port
		}
		return v1alpha1.Endpoint{MySQL: m}
	},
	declared: func(service string, e v1alpha1.Endpoint) (evidence.Connection, bool) {
		if e.MySQL == nil {
			return evidence.Connection{}, false
		}
		return evidence.Connection{Protocol: evidence.MySQL, Database: e.MySQL.Database,
			Servers: []evidence.HostPort{{Host: or(e.MySQL.Host, service), Port: orPort(e.MySQL.Port, mysqlPort)}}}, true
	},
	relocate: func(e *v1alpha1.Endpoint, at Finder) bool {
		if found, offered := at(orPort(e.MySQL.Port, mysqlPort)); offered {
			e.MySQL.Host, e.MySQL.Port = found.Host, found.Port
		}
		return true
	},
	parse:      parseMySQL,
	configured: mysqlClient,
	implied: func(v variables) []evidence.Connection {
		return v.mysqlCandidates(func(engine evidence.Protocol) bool { return engine == evidence.MySQL })
	},
})

const mysqlPort = 3306

// mysqlSchemes are those of MySQL's and MariaDB's clients, and of services that
// speak their protocol.
var mysqlSchemes = []string{"mysql", "mariadb", "mysql2", "mysqls", "trilogy", "tidb", "vitess"}

// mysqlErrors are the causes of the servers' numbers for errors (MySQL's
// messages_to_clients.txt, MariaDB's errmsg-utf8.txt), the same as those of what a
// client logs of them.
var mysqlErrors = map[v1alpha1.Cause][]string{
	// ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED, ER_CANT_CREATE_THREAD
	v1alpha1.CauseUpstreamOverloaded: {"1040", "1203", "1226", "1135"},
	// ER_DBACCESS_DENIED, ER_ACCESS_DENIED, ER_HOST_IS_BLOCKED, ER_HOST_NOT_PRIVILEGED,
	// ER_TABLEACCESS_DENIED, ER_NOT_SUPPORTED_AUTH_MODE, ER_PLUGIN_IS_NOT_LOADED,
	// ER_ACCESS_DENIED_NO_PASSWORD, ER_MUST_CHANGE_PASSWORD(_LOGIN), ER_ACCOUNT_HAS_BEEN_LOCKED (MySQL's, MariaDB's)
	v1alpha1.CauseUpstreamAuthFailed: {"1044", "1045", "1129", "1130", "1142", "1251", "1524", "1698", "1820", "1862", "3118", "4151"},
	// ER_UNKNOWN_COM (Galera: not prepared), ER_SERVER_SHUTDOWN, ER_NORMAL_SHUTDOWN, ER_SERVER_OFFLINE_MODE
	v1alpha1.CauseUpstreamStarting: {"1047", "1053", "1077", "3032"},
	// ER_DISK_FULL, ER_RECORD_FILE_FULL, ER_OPTION_PREVENTS_STATEMENT, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_READ_ONLY_MODE
	v1alpha1.CauseUpstreamRejectsWrites: {"1021", "1114", "1290", "1792", "1836"},
	// ER_SECURE_TRANSPORT_REQUIRED
	v1alpha1.CauseUpstreamTLSMismatch: {"3159"},
	// ER_BAD_DB, ER_BAD_FIELD, ER_UNKNOWN_CHARACTER_SET, ER_NO_SUCH_TABLE, ER_UNKNOWN_COLLATION
	v1alpha1.CauseUpstreamIncompatible: {"1049", "1054", "1115", "1146", "1273"},
	// ER_ABORTING_CONNECTION, ER_NET_READ_ERROR, ER_CONNECTION_KILLED (MariaDB), ER_CLIENT_INTERACTION_TIMEOUT
	v1alpha1.CauseUpstreamConnectionLost: {"1152", "1158", "1927", "4031"},
}

func causeOfMySQL(last evidence.Stage, _ evidence.Dependency) (v1alpha1.Cause, bool) {
	for cause, codes := range mysqlErrors {
		if slices.Contains(codes, last.Code) {
			return cause, true
		}
	}
	return "", false
}

// mysqlClasses are the classes of those causes for metrics.
var mysqlClasses = map[v1alpha1.Cause]Class{
	v1alpha1.CauseUpstreamOverloaded:     ClassCapacity,
	v1alpha1.CauseUpstreamRejectsWrites:  ClassCapacity,
	v1alpha1.CauseUpstreamAuthFailed:     ClassCredentials,
	v1alpha1.CauseUpstreamStarting:       ClassUnavailable,
	v1alpha1.CauseUpstreamTLSMismatch:    ClassTLS,
	v1alpha1.CauseUpstreamIncompatible:   ClassMissing,
	v1alpha1.CauseUpstreamConnectionLost: ClassNetwork,
}

func classOfMySQL(code string) (Class, bool) {
	if code == "1044" || code == "1142" { // a database's or a table's
		return ClassPermission, true
	}
	cause, known := causeOfMySQL(evidence.Stage{Code: code}, evidence.Dependency{})
	return mysqlClasses[cause], known
}

// The names that clients and images of MySQL and MariaDB are usually configured by.
var (
	mysqlURLs = slices.Concat([]string{
		"MYSQL_URL", "MARIADB_URL", "MYSQL_DSN", "MARIADB_DSN", "MYSQL_URI", "MARIADB_URI", "MYSQL_CONNECTION_STRING", "MARIADB_CONNECTION_STRING",
		"CONNECTIONSTRINGS__MYSQL", "CONNECTIONSTRINGS__MARIADB", "CLEARDB_DATABASE_URL", "JAWSDB_URL", "JAWSDB_MARIA_URL",
	}, databaseURLs)
	mysqlURLSuffixes = []string{"_MYSQL_URL", "_MARIADB_URL", "_DATABASE_URL", "_DB_URL", "_MYSQL_DSN", "_DATABASE_DSN", "_DB_DSN"}
	mysqlPrefixes    = slices.Concat([]string{"MYSQL_", "MARIADB_", "MYSQL", "MYSQL_DB_", "DB_MYSQL_"}, mysqlOnly, []string{"DB_", "DATABASE_"})
	// mysqlOnly are the prefixes of images that speak to no other database by default:
	// WordPress, Joomla, Matomo, Ghost, PrestaShop (its DB_ is among the others).
	mysqlOnly = []string{"WORDPRESS_DB_", "JOOMLA_DB_", "MATOMO_DATABASE_", "DATABASE__CONNECTION__"}
)

// mysqlClient is Configured for MySQL. Variables such as DB_HOST, which do not say
// for what they are, are taken for it, as the stack says that there is one.
func mysqlClient(env evidence.Env, names Spelled) (evidence.Connection, bool) {
	v := variablesOf(env)
	candidates := v.mysqlCandidates(func(engine evidence.Protocol) bool { return engine == evidence.MySQL || engine == "" })
	return v.databaseClient(evidence.MySQL, names, candidates, func(s setting) (evidence.Connection, bool) {
		return v.mysqlString(s, familyOf(canonical(s.variable)))
	})
}

// mysqlCandidates are the connections that env has variables for, the most telling
// first. Of variables such as DB_HOST those that are for a wanted engine.
func (v variables) mysqlCandidates(wanted func(engine evidence.Protocol) bool) []evidence.Connection {
	var out []evidence.Connection
	for _, name := range slices.Concat(mysqlURLs, v.ending(mysqlURLSuffixes...)) {
		if c, ok := v.mysqlString(v.first(name), familyOf(name)); ok {
			out = append(out, c)
		}
	}
	prefixes := slices.Clone(mysqlPrefixes)
	for _, p := range []string{"MYSQL_", "MARIADB_", "DB_", "DATABASE_"} {
		for _, n := range v.ending("_" + p + "HOST") {
			prefixes = append(prefixes, strings.TrimSuffix(n, "HOST"))
		}
	}
	for _, p := range prefixes {
		own := strings.HasPrefix(p, "MYSQL") || strings.HasSuffix(p, "MYSQL_") || strings.HasSuffix(p, "MARIADB_")
		if !own && !wanted(v.engineOf(p)) {
			continue
		}
		if c, ok := v.databaseFamily(evidence.MySQL, p); ok {
			out = append(out, c)
		}
	}
	return serversFirst(out)
}

// mysqlString is the connection of a connection string.
func (v variables) mysqlString(s setting, companions []string) (evidence.Connection, bool) {
	d, ok := parseMySQL(s.value)
	if s.value == "" || !ok {
		return evidence.Connection{}, false
	}
	c := v.databaseURL(evidence.MySQL, d, s.variable, companions)
	for _, prefix := range companions {
		if c.TLS == evidence.TLSUnset {
			v.setTLS(&c, prefix)
		}
	}
	return c, true
}
