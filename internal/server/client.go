package server

import (
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
)

// usual is how the clients of a kind are usually configured: by a URL of one of its
// schemes, under whatever name, or by single variables with one prefix.
type usual struct {
	protocol evidence.Protocol
	// urls are the names of variables that hold a URL, the most telling first. Those
	// of other names come after them.
	urls []string
	// prefixes of single variables, the most telling first, each with its _. They
	// also count after others, as in ORDERS_REDIS_HOST.
	prefixes []string
	// databases, users and passwords are what those end with, the most telling first.
	databases, users, passwords []string
	// finish adds what a client has by default, nil where that is nothing.
	finish func(*evidence.Connection)
}

// client is Configured for the kind. Settings that the stack spells out win.
func (u usual) client(env evidence.Env, names Spelled) (evidence.Connection, bool) {
	v := variablesOf(env)
	c, found := evidence.Connection{Protocol: u.protocol}, false
	switch candidates := u.candidates(v); {
	case names.URL != "":
		// The credentials in it go to the server in it, whoever names it.
		c, found = u.ofURL(v, setting{names.URL, strings.TrimSpace(v.env.Get(names.URL))})
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
	c.Protocol = u.protocol
	return c, v.override(&c, names) || found
}

// candidates are the connections that env has variables for, the most telling first;
// those without a server last.
func (u usual) candidates(v variables) []evidence.Connection {
	var out []evidence.Connection
	for _, name := range slices.Concat(u.urls, v.names) {
		c, ok := u.ofURL(v, v.first(name))
		known := slices.ContainsFunc(out, func(o evidence.Connection) bool { return o.Variables.URL == c.Variables.URL })
		if ok && !known {
			out = append(out, c)
		}
	}
	prefixes := slices.Clone(u.prefixes)
	for _, p := range u.prefixes {
		for _, n := range v.ending("_" + p + "HOST") {
			prefixes = append(prefixes, strings.TrimSuffix(n, "HOST"))
		}
	}
	for i, p := range prefixes {
		if c, ok := u.ofFamily(v, p); ok && !slices.Contains(prefixes[:i], p) {
			out = append(out, c)
		}
	}
	return serversFirst(out)
}

// ofURL is the connection of a URL of the kind's schemes. What it lacks comes from
// the variables that begin as its own does.
func (u usual) ofURL(v variables, s setting) (evidence.Connection, bool) {
	k := Of(u.protocol)
	text := strings.Trim(s.value, `"'`)
	d, ok := parseAnyURL(text)
	if !ok || !slices.Contains(k.Schemes, d.scheme) || len(d.servers) == 0 {
		return evidence.Connection{}, false
	}
	c := evidence.Connection{
		Protocol: u.protocol, Servers: withPort(d.servers[:1], orPort(k.TLSSchemes[d.scheme], k.Port)), User: d.user,
		Password: evidence.NewSecret(d.password), PasswordWanted: d.hasPassword,
		Database: or(d.database, strings.TrimPrefix(d.path, "/")), TLS: d.tls,
	}
	c.Variables.URL = s.variable
	if _, secure := k.TLSSchemes[d.scheme]; secure && c.TLS == evidence.TLSUnset {
		// Clients check the certificate, and the host in it, unless told otherwise.
		c.TLS = evidence.TLSVerifyFull
	}
	for _, prefix := range familyOf(canonical(s.variable)) {
		u.credentials(v, &c, prefix)
	}
	return u.finished(c), true
}

// ofFamily is the connection of single variables with one prefix.
func (u usual) ofFamily(v variables, prefix string) (evidence.Connection, bool) {
	c := evidence.Connection{Protocol: u.protocol}
	if host := v.under(prefix, slices.Concat(hostNames, []string{"ENDPOINT", "SERVERS", "HOSTS"})...); host.value != "" && !strings.Contains(host.value, "://") {
		c.Variables.Host = host.variable
		if list := servers(host.value, 0); len(list) > 0 {
			c.Servers = list[:1]
		}
	}
	v.setPort(&c, v.under(prefix, portNames...))
	if s := v.under(prefix, u.databases...); s.value != "" && !strings.Contains(s.value, "://") {
		c.Database, c.Variables.Database = s.value, s.variable
	}
	u.credentials(v, &c, prefix)
	v.setTLS(&c, prefix)
	c.Servers = withPort(c.Servers, Of(u.protocol).Port)
	return u.finished(c), c.Variables.Host != "" || c.Variables.User != "" || c.PasswordWanted
}

// finished pairs the credentials with the server beside which they stand.
func (u usual) finished(c evidence.Connection) evidence.Connection {
	if u.finish != nil {
		u.finish(&c)
	}
	c.PasswordFor = slices.Clone(c.Servers)
	return c
}

// noPassword is what some frameworks read as none.
const noPassword = "null"

// credentials fills in the user and password where there are none yet.
func (u usual) credentials(v variables, c *evidence.Connection, prefix string) {
	if s := v.under(prefix, u.users...); c.User == "" && s.value != "" {
		c.User, c.Variables.User = s.value, s.variable
	}
	name := v.mentioned(prefix, u.passwords...)
	if c.PasswordWanted || name == "" || v.env.Get(name) == noPassword {
		return
	}
	c.PasswordWanted, c.Variables.Password = true, name
	v.readPassword(c, name)
}
