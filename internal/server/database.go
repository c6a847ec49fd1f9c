package server

import (
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
)

// What clients of databases are configured by, whichever they speak to.
var (
	databaseURLs = []string{
		"DATABASE_URL", "DB_URL", "DATABASE_DSN", "DB_DSN", "DATABASE_URI", "DB_URI", "SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_DATABASE_URL",
		"SPRING_DATASOURCE_URL", "SPRING_R2DBC_URL", "QUARKUS_DATASOURCE_JDBC_URL", "JDBC_DATABASE_URL", "JDBC_URL", "DATABASE_CONNECTION_STRING",
		"DB_CONNECTION_STRING", "CONNECTIONSTRINGS__DEFAULT", "CONNECTIONSTRINGS__DEFAULTCONNECTION",
	}

	hostNames     = []string{"HOST", "HOSTNAME", "SERVER", "ADDR", "ADDRESS"}
	portNames     = []string{"PORT"}
	databaseNames = []string{"DATABASE", "DB", "DBNAME", "DB_NAME", "DATABASE_NAME", "NAME"}
	userNames     = []string{"USER", "USERNAME"}
	passwordNames = []string{"PASSWORD", "PASS", "PASSWD", "PWD"}
	sslNames      = []string{"SSLMODE", "SSL_MODE", "TLS_MODE"}
	sslSwitches   = []string{"SSL_ENABLED", "SSL", "USE_SSL", "REQUIRE_SSL", "TLS"}
)

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
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

// engineOf is the kind of database server that the variables of a prefix such as
// DB_ say that they are for: empty where they do not say, "other" for a kind that
// is not known here.
func (v variables) engineOf(prefix string) evidence.Protocol {
	databases := func(is func(*Kind) bool) (evidence.Protocol, bool) {
		k, known := one(func(k *Kind) bool { return len(k.Engines) > 0 && is(k) })
		if !known {
			return "", false
		}
		return k.Protocol, true
	}
	if p, known := databases(func(k *Kind) bool { return slices.Contains(k.OwnPrefixes, prefix) }); known {
		return p
	}
	if !strings.HasSuffix(prefix, "DB_") && !strings.HasSuffix(prefix, "DATABASE_") {
		return ""
	}
	driver := strings.ToLower(v.under(prefix, "CONNECTION", "ENGINE", "TYPE", "DRIVER", "DIALECT", "CLIENT", "VENDOR").value)
	in := func(word string) bool { return strings.Contains(driver, word) }
	if p, known := databases(func(k *Kind) bool { return slices.ContainsFunc(k.Engines, in) }); known {
		return p
	}
	if slices.ContainsFunc(otherEngines, in) {
		return otherEngine
	}
	host := hostPort(v.under(prefix, hostNames...).value, portNumber(v.under(prefix, portNames...).value))
	if k, known := OfPort(host.Port); known && k.Port == host.Port {
		return k.Protocol
	}
	if slices.Contains(otherPorts, host.Port) {
		return otherEngine
	}
	name, _, _ := strings.Cut(strings.ToLower(host.Host), ".")
	p, _ := databases(func(k *Kind) bool { return slices.Contains(k.Names, name) })
	return p
}

// otherEngine is a database server of a kind that is not known here.
const otherEngine evidence.Protocol = "other"

var (
	// otherEngines are words in the names of drivers for other servers than databases
	// that are known here.
	otherEngines = []string{"sqlite", "sqlserver", "mssql", "sqlsrv", "oracle", "mongo", "redis", "cassandra"}
	// otherPorts are those of servers of no known kind: MySQL's X Protocol, SQL Server,
	// Oracle, MongoDB, Cassandra.
	otherPorts = []int32{33060, 1433, 1521, 27017, 9042}
)

// databaseURL is the connection of a connection string. What it lacks comes from
// the variables with the companions' prefixes, those that its framework adds.
func (v variables) databaseURL(p evidence.Protocol, d dsn, variable string, companions []string) evidence.Connection {
	c := evidence.Connection{
		Protocol: p, User: d.user, Password: evidence.NewSecret(d.password), PasswordWanted: d.hasPassword,
		Database: d.database, TLS: d.tls,
	}
	c.Variables.URL = variable
	if len(d.servers) > 0 {
		c.Servers = d.servers[:1]
	}
	for _, prefix := range companions {
		v.credentials(&c, prefix)
	}
	c.PasswordFor = slices.Clone(c.Servers)
	return c
}

// databaseFamily is the connection of single variables with one prefix.
func (v variables) databaseFamily(p evidence.Protocol, prefix string) (evidence.Connection, bool) {
	c := evidence.Connection{Protocol: p}
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
	c.Servers = withPort(c.Servers, Of(p).Port)
	c.PasswordFor = slices.Clone(c.Servers)
	return c, c.Variables.Host != "" || c.User != "" || c.PasswordWanted
}

// databaseClient is Configured for a kind of database: a connection string first,
// then single variables of one prefix. Settings that the stack spells out win.
// candidates are what the usual names tell, read a string that a stack names.
func (v variables) databaseClient(p evidence.Protocol, names Spelled, candidates []evidence.Connection, read func(setting) (evidence.Connection, bool)) (evidence.Connection, bool) {
	c, found := evidence.Connection{Protocol: p}, false
	switch {
	case names.URL != "":
		// The credentials in it go to the server in it, whoever names it; those that a
		// client would add go there only where the name is a usual one.
		if i := slices.IndexFunc(candidates, func(c evidence.Connection) bool { return c.Variables.URL == names.URL }); i >= 0 {
			c, found = candidates[i], true
		} else {
			c, found = read(setting{names.URL, strings.TrimSpace(v.env.Get(names.URL))})
		}
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

// serversFirst puts the connections without a server last: a client that is told a
// password only.
func serversFirst(all []evidence.Connection) []evidence.Connection {
	slices.SortStableFunc(all, func(a, b evidence.Connection) int {
		return boolToInt(len(a.Servers) == 0) - boolToInt(len(b.Servers) == 0)
	})
	return all
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
