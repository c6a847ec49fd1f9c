package server

import (
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
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

// ConnectionEnvOf are the variables that a stack's author spells out for a
// dependency, empty where he spells out none.
func ConnectionEnvOf(d v1alpha1.Dependency) v1alpha1.ConnectionEnv {
	if d.Connection == nil {
		return v1alpha1.ConnectionEnv{}
	}
	return *d.Connection
}

// Configured is how env configures a client of the protocol. names are the
// variables as the stack spells them out; those left empty are found by the
// usual names. False where env says nothing of such a client. A client that is
// told no host has no Servers: what it would fall back to, mostly localhost, is
// not a setting. HTTP and TCP clients are found by names alone, as nothing is
// usual there.
func Configured(protocol evidence.Protocol, env evidence.Env, names Spelled) (evidence.Connection, bool) {
	k, known := kinds[protocol]
	switch {
	case !known:
		return evidence.Connection{}, false
	case k.configured != nil:
		return k.configured(env, names)
	}
	return named(protocol, env, names)
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
	k, declared := OfEndpoint(service.Endpoint)
	if !declared {
		return evidence.Connection{Service: service.Name}, false
	}
	c, _ := k.declared(service.Name, *service.Endpoint)
	c.Service = service.Name
	return c, true
}

// RelocateEndpoint is a declared endpoint where at finds the container's ports, nil where
// it is of no use there.
func RelocateEndpoint(e *v1alpha1.Endpoint, at Finder) *v1alpha1.Endpoint {
	out := e.DeepCopy()
	if k, declared := OfEndpoint(e); declared && k.relocate != nil && !k.relocate(out, at) {
		return nil
	}
	return out
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
// declares such a dependency, by the rank of their kinds. Each has a server.
func Implied(env evidence.Env) []evidence.Connection {
	v := variablesOf(env)
	var out []evidence.Connection
	var candidates []evidence.Connection
	for _, k := range Kinds() {
		if k.implied != nil {
			candidates = append(candidates, k.implied(v)...)
		}
	}
	for _, c := range candidates {
		known := slices.ContainsFunc(out, func(o evidence.Connection) bool {
			return o.Protocol == c.Protocol && slices.Equal(o.Servers, c.Servers) && o.Database == c.Database
		})
		if len(c.Servers) > 0 && !known {
			out = append(out, c)
		}
	}
	return out
}

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
