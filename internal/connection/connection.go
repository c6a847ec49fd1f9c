// Package connection finds out how a container's client is configured, from
// its environment alone. It is pure: it reads no file and not the process's
// own environment.
package connection

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Configured is how env configures a client of the protocol. names are the
// variables as the stack spells them out; those left empty are found by the
// usual names. False where env says nothing of such a client.
func Configured(protocol evidence.Protocol, env evidence.Env, names v1alpha1.ConnectionEnv) (evidence.Connection, bool) {
	return evidence.Connection{}, false
}

// Postgres is Configured for PostgreSQL.
func Postgres(env evidence.Env, names v1alpha1.ConnectionEnv) (evidence.Connection, bool) {
	return evidence.Connection{}, false
}

// Kafka is Configured for Kafka.
func Kafka(env evidence.Env, names v1alpha1.ConnectionEnv) (evidence.Connection, bool) {
	return evidence.Connection{}, false
}

// Declared is the service's endpoint as the stack declares it, defaults filled
// in. False where it declares none. The host of an HTTP endpoint stays empty
// where none is declared: it is the service's pods.
func Declared(service v1alpha1.Service) (evidence.Connection, bool) {
	return evidence.Connection{}, false
}

// Toward is how the container's client would be configured if it spoke to the
// declared server: the declared host, port and database, the container's own
// user, password, TLS, mechanism, topics and group.
func Toward(declared, configured evidence.Connection) evidence.Connection {
	return declared
}

// Implied are the connections that env implies, whether or not the stack
// declares such a dependency.
func Implied(env evidence.Env) []evidence.Connection { return nil }

// SensitiveName reports whether a variable of this name holds a secret.
func SensitiveName(name string) bool { return false }

// Sensitive reports whether a variable holds a secret, by its name or by the
// form of its value, such as a URL with a password in it.
func Sensitive(name, value string) bool { return SensitiveName(name) }
