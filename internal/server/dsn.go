package server

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
)

// dsn is what a connection string says. Nothing in it is acted on but these
// fields: what else a string asks for, such as files, is left alone.
type dsn struct {
	scheme         string
	servers        []evidence.HostPort
	user, password string
	hasPassword    bool
	database, path string
	tls            evidence.TLSMode
}

// postgresSchemes are those of libpq, SQLAlchemy's dialects, and of services
// that speak PostgreSQL's protocol.
var postgresSchemes = []string{"postgres", "postgresql", "pgsql", "postgis", "pgx", "cockroachdb", "timescaledb"}

// parsePostgres reads a connection string in URL form (also JDBC's, R2DBC's and
// SQLAlchemy's), libpq's key=value form or ADO.NET's Key=Value; form.
func parsePostgres(text string) (dsn, bool) {
	text = strings.Trim(strings.TrimSpace(text), `"'`)
	if strings.Contains(text, "://") {
		d, ok := parseAnyURL(text)
		if !ok || !slices.Contains(postgresSchemes, d.scheme) {
			return dsn{}, false
		}
		d.database, d.path = or(d.database, strings.TrimPrefix(d.path, "/")), ""
		d.servers = withPort(d.servers, postgresPort)
		return d, true
	}
	d, ok := parseKeyValue(text)
	if slices.ContainsFunc(d.servers, func(s evidence.HostPort) bool { return s.Port == mysqlPort }) {
		return dsn{}, false
	}
	d.servers = withPort(d.servers, postgresPort)
	return d, ok
}

// parseMySQL reads a connection string in URL form (also JDBC's and SQLAlchemy's),
// in that of Go's driver, user:password@tcp(host:port)/database?parameters, in
// PDO's, mysql:host=...;port=..., or in ADO.NET's Server=...;Port=3306;... Of the
// last, only the port tells that it is MySQL's.
func parseMySQL(text string) (dsn, bool) {
	text = strings.Trim(strings.TrimSpace(text), `"'`)
	if strings.Contains(text, "://") {
		d, ok := parseAnyURL(text)
		// jdbc:mysql:loadbalance://a,b/d, jdbc:mariadb:sequential://a,b/d
		d.scheme, _, _ = strings.Cut(d.scheme, ":")
		if !ok || !slices.Contains(mysqlSchemes, d.scheme) {
			return dsn{}, false
		}
		d.database, d.path = or(d.database, strings.TrimPrefix(d.path, "/")), ""
		d.servers = withPort(d.servers, mysqlPort)
		return d, true
	}
	if m := goMySQL.FindStringSubmatch(text); m != nil {
		return parseGoMySQL(m), true
	}
	pdo, isPDO := strings.CutPrefix(text, "mysql:")
	if !isPDO && !strings.Contains(text, ";") {
		return dsn{}, false
	}
	d, ok := parseKeyValue(pdo)
	if isPDO {
		d.servers = withPort(d.servers, mysqlPort)
	}
	isMySQL := isPDO || slices.ContainsFunc(d.servers, func(s evidence.HostPort) bool { return s.Port == mysqlPort })
	return d, ok && isMySQL
}

// goMySQL is [user[:password]@]tcp(host[:port])/[database][?parameters], of
// github.com/go-sql-driver/mysql.
var goMySQL = regexp.MustCompile(`^(?:(.*)@)?tcp6?\(([^()/@\s]*)\)/([^?]*)(?:\?(.*))?$`)

func parseGoMySQL(m []string) dsn {
	d := dsn{scheme: "mysql", database: unescape(m[3]), servers: withPort(servers(m[2], 0), mysqlPort)}
	if m[1] != "" {
		d.user, d.password, d.hasPassword = strings.Cut(m[1], ":")
	}
	for pair := range strings.SplitSeq(m[4], "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key != "tls" {
			continue
		}
		d.tls = tlsMode(value)
		if value == "true" || value == "1" { // checks the host's name; skip-verify is what does not
			d.tls = evidence.TLSVerifyFull
		}
	}
	return d
}

// parseAnyURL reads scheme://user:password@host:port,host:port/path?query.
// net/url refuses much of what drivers accept: lists of hosts, and passwords
// with characters that ought to be escaped.
func parseAnyURL(text string) (dsn, bool) {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "jdbc:"), "r2dbc:")
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || scheme == "" || strings.ContainsAny(scheme, " /@?") {
		return dsn{}, false
	}
	scheme, _, _ = strings.Cut(strings.ToLower(scheme), "+")
	d := dsn{scheme: scheme}
	authority, tail := splitAuthority(rest)
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, hasPassword := strings.Cut(authority[:at], ":")
		d.user, d.password, d.hasPassword = unescape(user), unescape(password), hasPassword
		authority = authority[at+1:]
	}
	d.servers = servers(authority, 0)
	if d.hasPassword && passwordGoesOn(tail) {
		d.servers = []evidence.HostPort{{Host: evidence.Redacted}}
		return d, true
	}
	tail, _, _ = strings.Cut(tail, "#")
	path, query, _ := strings.Cut(tail, "?")
	d.path = unescape(path)
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		d.set(key, unescapeQuery(value))
	}
	return d, true
}

// splitAuthority ends the authority at the first of /?#, unless an @ comes only
// after that: then the password has one of these, unescaped.
func splitAuthority(rest string) (authority, tail string) {
	cut := strings.IndexAny(rest, "/?#")
	if cut < 0 {
		return rest, ""
	}
	at := strings.LastIndexByte(rest, '@')
	if strings.IndexByte(rest[:cut], '@') < 0 && at > cut && strings.IndexByte(rest[:cut], ':') >= 0 && !strings.ContainsAny(rest[cut:at], "=&") {
		if next := strings.IndexAny(rest[at:], "/?#"); next >= 0 {
			return rest[:at+next], rest[at+next:]
		}
		return rest, ""
	}
	return rest[:cut], rest[cut:]
}

// passwordGoesOn reports whether an unescaped @ and one of /?# in the password
// most likely cut the authority in its middle: what clients then take for the
// host is a part of the password, and for the path the rest of it.
func passwordGoesOn(tail string) bool {
	at := strings.LastIndexByte(tail, '@')
	return at >= 0 && !strings.ContainsAny(tail[:at], "=&")
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

func unescapeQuery(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// parseKeyValue reads libpq's host=... port=... and ADO.NET's Host=...;Port=...
func parseKeyValue(text string) (dsn, bool) {
	pairs := libpqPairs(text)
	if strings.Contains(text, ";") {
		pairs = adoPairs(text)
	}
	var d dsn
	var host, port string
	known := 0
	for _, p := range pairs {
		switch p[0] {
		case "host", "hostaddr", "server", "data source", "datasource":
			host = or(host, p[1])
		case "port":
			port = p[1]
		default:
			if d.set(p[0], p[1]) {
				known++
			}
			continue
		}
		known++
	}
	if known == 0 {
		return dsn{}, false
	}
	if host != "" {
		d.servers = servers(host, portNumber(port))
	}
	return d, true
}

// libpqPairs follow libpq's rules: blanks between pairs, quotes around values,
// backslashes escape.
func libpqPairs(text string) [][2]string {
	var pairs [][2]string
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		key, rest, ok := strings.Cut(text, "=")
		if !ok {
			return pairs
		}
		value, remaining := libpqValue(strings.TrimLeft(rest, " \t"))
		pairs = append(pairs, [2]string{strings.ToLower(strings.TrimSpace(key)), value})
		text = remaining
	}
}

func libpqValue(s string) (value, rest string) {
	quoted := strings.HasPrefix(s, "'")
	if quoted {
		s = s[1:]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case quoted && c == '\'':
			return b.String(), s[i+1:]
		case !quoted && strings.IndexByte(" \t\r\n", c) >= 0:
			return b.String(), s[i:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

func adoPairs(text string) [][2]string {
	var pairs [][2]string
	for part := range strings.SplitSeq(text, ";") {
		if key, value, ok := strings.Cut(part, "="); ok {
			pairs = append(pairs, [2]string{strings.ToLower(strings.TrimSpace(key)), strings.Trim(strings.TrimSpace(value), `"'`)})
		}
	}
	return pairs
}

// set takes a parameter over, and reports whether it is one of those known.
func (d *dsn) set(key, value string) bool {
	switch strings.ToLower(key) {
	case "user", "username", "user id", "userid", "uid":
		d.user = value
	case "password", "pwd":
		d.password, d.hasPassword = value, true
	case "dbname", "database", "databasename", "currentdatabase":
		d.database = value
	case "host":
		d.servers = servers(value, 0)
	case "port":
		if port := portNumber(value); port > 0 {
			for i := range d.servers {
				d.servers[i].Port = port
			}
		}
	case "sslmode", "ssl mode", "ssl-mode", "ssl_mode", "ssl", "usessl", "tls":
		d.tls = tlsMode(value)
	case "ssl_cert_reqs", "verify": // of redis-py and Celery, of RabbitMQ's URLs
		if strings.HasSuffix(strings.ToLower(value), "none") {
			d.tls = evidence.TLSRequire
		}
	default:
		return false
	}
	return true
}

// separators that drivers write, or do not, in the names of modes.
var separators = strings.NewReplacer("-", "", "_", "")

// tlsMode of an sslmode, or of a switch such as ssl=true. libpq's allow counts
// as prefer. Drivers' switches ask for TLS and, mostly, for no check.
func tlsMode(text string) evidence.TLSMode {
	switch strings.ToLower(separators.Replace(strings.TrimSpace(text))) {
	case "disable", "disabled", "false", "0", "no", "off", "none":
		return evidence.TLSDisable
	case "prefer", "allow", "preferred":
		return evidence.TLSPrefer
	case "require", "required", "true", "1", "yes", "on", "norverify", "noverify", "skipverify":
		return evidence.TLSRequire
	case "verifyca":
		return evidence.TLSVerifyCA
	case "verifyfull", "verifyidentity":
		return evidence.TLSVerifyFull
	default:
		return evidence.TLSUnset
	}
}

// servers of a list such as "a:9092, b:9092"; brackets, quotes and listener
// names before :// are passed over.
func servers(list string, port int32) []evidence.HostPort {
	var out []evidence.HostPort
	for _, part := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(",; \t\r\n\"'", r) }) {
		if s := hostPort(part, port); s.Host != "" {
			out = append(out, s)
		}
	}
	return out
}

// hostPort of host, host:port, [v6]:port or scheme://host:port/path. A path to
// a Unix socket is no host.
func hostPort(s string, port int32) evidence.HostPort {
	if s == evidence.Redacted {
		return evidence.HostPort{Host: s, Port: port}
	}
	if _, after, ok := strings.Cut(s, "://"); ok {
		s = after
	}
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		s = s[at+1:]
	}
	if strings.HasPrefix(s, "/") {
		return evidence.HostPort{}
	}
	if end := strings.IndexAny(s, "/?#"); end >= 0 {
		s = s[:end]
	}
	if inner, rest, ok := strings.Cut(s, "]"); ok && strings.HasPrefix(inner, "[") && strings.Contains(inner, ":") {
		if p := portNumber(strings.TrimPrefix(rest, ":")); p > 0 {
			port = p
		}
		return evidence.HostPort{Host: inner[1:], Port: port}
	}
	s = strings.Trim(s, "[]") // a list in JSON's form
	if strings.Count(s, ":") == 1 {
		host, text, _ := strings.Cut(s, ":")
		if p := portNumber(text); p > 0 {
			port = p
		}
		s = host
	}
	return evidence.HostPort{Host: s, Port: port}
}

// portNumber is 0 for what is no port. Kubernetes' own NAME_PORT variables,
// such as tcp://10.96.0.10:5432, are none that a client would understand.
func portNumber(s string) int32 {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	if err != nil {
		return 0
	}
	return int32(n)
}

func withPort(list []evidence.HostPort, port int32) []evidence.HostPort {
	for i := range list {
		list[i].Port = orPort(list[i].Port, port)
	}
	return list
}
