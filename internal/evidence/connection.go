package evidence

import (
	"net"
	"strconv"
)

// Protocol is what a dependency speaks.
type Protocol string

// The protocols that can be probed. Those of kinds that no other room speaks of are
// beside the kind, in package server.
const (
	Postgres Protocol = "Postgres"
	MySQL    Protocol = "MySQL" // and MariaDB
	Kafka    Protocol = "Kafka"
	HTTP     Protocol = "HTTP"
	TCP      Protocol = "TCP"
)

// HostPort is an address before it is resolved.
type HostPort struct {
	Host string
	Port int32
}

func (h HostPort) String() string {
	return net.JoinHostPort(h.Host, strconv.Itoa(int(h.Port)))
}

// Connection is how a client is, or should be, configured to reach one
// dependency.
type Connection struct {
	Service  string
	Protocol Protocol
	// Servers: one for all protocols but Kafka, whose bootstrap servers they are.
	// The host is Redacted where a secret stands, or may stand, in its place.
	Servers []HostPort
	User    string
	// Password stays in memory. With the User, it goes to PasswordFor only.
	Password Secret
	// PasswordFor are the servers that the pod's own template pairs User and
	// Password with: in one family of variables, or one connection string.
	// Where Servers are others, as those that a stack declares, they get none.
	PasswordFor []HostPort
	// PasswordWanted says that the env names a password, set or not.
	PasswordWanted bool
	// Unresolved says that the user or password could not be read by the
	// operator: a probe that needs it is Unknown.
	Unresolved bool
	// TLS is what the client asks for.
	TLS TLSMode
	// Database for Postgres and MySQL, the number of one for Redis, the virtual host for RabbitMQ.
	Database string
	// Mechanism is Kafka's SASL mechanism, empty for none.
	Mechanism string
	// Topics and Group that a Kafka client uses.
	Topics []string
	Group  string
	// Path for HTTP.
	Path string
	// Variables says which env variable each setting came from.
	Variables ConnectionVariables
}

// Server is the first server, zero where there is none.
func (c Connection) Server() HostPort {
	if len(c.Servers) == 0 {
		return HostPort{}
	}
	return c.Servers[0]
}

// ConnectionVariables names the env variable behind each setting; empty where
// the setting is a client's default.
type ConnectionVariables struct {
	Host, Port, Database, User, Password, SSLMode string
	// URL holds the whole connection string; then Host and Port are empty.
	URL string
	// BootstrapServers for Kafka.
	BootstrapServers string
	// Topics are parallel to Connection.Topics.
	Topics []string
	Group  string
}

// TLSMode is what a client asks of TLS, in libpq's words.
type TLSMode string

// The modes.
const (
	TLSUnset      TLSMode = ""            // the client's default
	TLSDisable    TLSMode = "disable"     // plaintext only
	TLSPrefer     TLSMode = "prefer"      // TLS if the server has it (allow counts as prefer)
	TLSRequire    TLSMode = "require"     // TLS, any certificate
	TLSVerifyCA   TLSMode = "verify-ca"   // TLS, a certificate of a known authority
	TLSVerifyFull TLSMode = "verify-full" // and for this host
)
