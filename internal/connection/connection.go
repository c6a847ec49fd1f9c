// Package connection finds out how a container's client is configured, from
// its environment alone. It is pure: it reads no file and not the process's
// own environment.
package connection

import (
	"regexp"
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// Defaults of clients and of the API.
const (
	PostgresPort = 5432
	KafkaPort    = 9092
	HealthPath   = "/health"
)

// Spelled are the variables as a stack's author spells them out. Who may write a
// BridgeStack need not be allowed to read the Secrets of its pods.
type Spelled struct {
	v1alpha1.ConnectionEnv
	// MayReadSecrets says that the author is allowed to get the namespace's
	// Secrets. Else what he spells out only says where a server is, and which of
	// the template's own families of variables are for it: User and Password have
	// no effect, and no value of a Secret is taken for anything.
	MayReadSecrets bool
}

// Configured is how env configures a client of the protocol. names are the
// variables as the stack spells them out; those left empty are found by the
// usual names. False where env says nothing of such a client. A client that is
// told no host has no Servers: what it would fall back to, mostly localhost, is
// not a setting. HTTP and TCP clients are found by names alone, as nothing is
// usual there.
func Configured(protocol evidence.Protocol, env evidence.Env, names Spelled) (evidence.Connection, bool) {
	switch protocol {
	case evidence.Postgres:
		return Postgres(env, names)
	case evidence.Kafka:
		return Kafka(env, names)
	case evidence.HTTP, evidence.TCP:
		return named(protocol, env, names)
	default:
		return evidence.Connection{}, false
	}
}

// named is a connection whose variables the stack spells out.
func named(protocol evidence.Protocol, env evidence.Env, names Spelled) (evidence.Connection, bool) {
	v := variablesOf(env)
	c := evidence.Connection{Protocol: protocol}
	if u, ok := parseAnyURL(v.spelled(names, names.URL).value); ok && len(u.servers) > 0 {
		c.Servers, c.Path, c.Variables.URL = u.servers[:1], u.path, names.URL
		return c, true
	}
	host := v.spelled(names, names.Host)
	if host.value == "" {
		return c, false
	}
	server := hostPort(host.value, 0)
	if port := v.spelled(names, names.Port); portNumber(port.value) > 0 {
		server.Port, c.Variables.Port = portNumber(port.value), port.variable
	}
	c.Servers, c.Variables.Host = []evidence.HostPort{server}, names.Host
	return c, true
}

// Declared is the service's endpoint as the stack declares it, defaults filled
// in. False where it declares none. The host of an HTTP endpoint stays empty
// where none is declared: it is the service's pods.
func Declared(service v1alpha1.Service) (evidence.Connection, bool) {
	c := evidence.Connection{Service: service.Name}
	e := service.Endpoint
	switch {
	case e == nil:
		return c, false
	case e.Postgres != nil:
		c.Protocol, c.Database = evidence.Postgres, e.Postgres.Database
		c.Servers = []evidence.HostPort{{Host: or(e.Postgres.Host, service.Name), Port: orPort(e.Postgres.Port, PostgresPort)}}
	case e.Kafka != nil:
		c.Protocol = evidence.Kafka
		for _, s := range e.Kafka.BootstrapServers {
			c.Servers = append(c.Servers, servers(s, KafkaPort)...)
		}
		if len(c.Servers) == 0 {
			c.Servers = []evidence.HostPort{{Host: service.Name, Port: KafkaPort}}
		}
		for _, t := range e.Kafka.Topics {
			c.Topics = append(c.Topics, t.Name)
		}
	case e.HTTP != nil:
		c.Protocol, c.Path = evidence.HTTP, or(e.HTTP.Path, HealthPath)
		c.Servers = []evidence.HostPort{{Host: e.HTTP.Host, Port: e.HTTP.Port}}
	case e.TCP != nil:
		c.Protocol = evidence.TCP
		c.Servers = []evidence.HostPort{{Host: or(e.TCP.Host, service.Name), Port: e.TCP.Port}}
	default:
		return c, false
	}
	return c, true
}

// Toward is how the container's client would be configured if it spoke to the
// declared server: the declared host, port and database, the container's own
// user, password, TLS, mechanism, topics and group. Its credentials still go to
// PasswordFor only: that a stack declares a server gives it none. Nor are names
// of topics and groups told to it that come from a Secret.
func Toward(declared, configured evidence.Connection, env evidence.Env) evidence.Connection {
	c := configured
	c.Service, c.Protocol, c.Servers = declared.Service, declared.Protocol, declared.Servers
	if declared.Database != "" {
		c.Database = declared.Database
	}
	if !slices.Equal(declared.Servers, configured.Servers) {
		withoutSecretNames(&c, env)
	}
	if len(c.Topics) == 0 {
		c.Topics, c.Variables.Topics = declared.Topics, nil
	}
	if c.Path == "" || declared.Path != "" {
		c.Path = declared.Path
	}
	return c
}

func withoutSecretNames(c *evidence.Connection, env evidence.Env) {
	secret := func(name string) bool { return env.Variables[name].Secret.IsSet() }
	topics, variables := c.Topics, c.Variables.Topics
	c.Topics, c.Variables.Topics = nil, nil
	for i, topic := range topics {
		if !secret(variables[i]) {
			c.Topics = append(c.Topics, topic)
			c.Variables.Topics = append(c.Variables.Topics, variables[i])
		}
	}
	if secret(c.Variables.Group) {
		c.Group, c.Variables.Group = "", ""
	}
}

// Implied are the connections that env implies, whether or not the stack
// declares such a dependency: those to PostgreSQL first. Each has a server.
func Implied(env evidence.Env) []evidence.Connection {
	v := variablesOf(env)
	var out []evidence.Connection
	for _, c := range append(v.postgresCandidates(), v.kafkaCandidates()...) {
		known := slices.ContainsFunc(out, func(o evidence.Connection) bool {
			return o.Protocol == c.Protocol && slices.Equal(o.Servers, c.Servers) && o.Database == c.Database
		})
		if len(c.Servers) > 0 && !known {
			out = append(out, c)
		}
	}
	return out
}

// SensitiveName reports whether a variable of this name holds a secret.
func SensitiveName(name string) bool { return redact.SensitiveName(name) }

// Sensitive reports whether a variable holds a secret, by its name or by the
// form of its value, such as a URL with a password in it. Where a key is kept is
// none, and a message about a file is of no use without its name.
func Sensitive(name, value string) bool {
	return SensitiveName(name) && !keptIn.MatchString(value) || redact.New().Text(value) != value
}

// keptIn are the names of files that hold keys and certificates.
var keptIn = regexp.MustCompile(`^[\w./-]+\.(?:key|pem|crt|cer|p12|pfx|jks|txt|json|ya?ml)$`)

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func orPort(port, otherwise int32) int32 {
	if port == 0 {
		return otherwise
	}
	return port
}
