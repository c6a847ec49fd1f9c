package compose

import (
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Facts are what a project tells of a stack, as plain values.
type Facts struct {
	// Project is its name.
	Project string
	// Services by name.
	Services []Service
}

// Role is what a service is known to be.
type Role string

// The roles. A service of no role is an application, or something that the
// operator has no probe for.
const (
	RolePostgres Role = "Postgres"
	RoleKafka    Role = "Kafka"
	// RoleRedpanda speaks the Kafka protocol, and is set up by its command line.
	RoleRedpanda Role = "Redpanda"
)

// SpeaksKafka reports whether it is a broker of the Kafka protocol.
func (r Role) SpeaksKafka() bool { return r == RoleKafka || r == RoleRedpanda }

// Service is one service of the project.
type Service struct {
	Name  string
	Image string
	// Names are those under which the project's other containers reach it: its
	// own first, then container name, host name, aliases and links.
	Names []string
	Role  Role
	// OneShot says that it runs to its end, such as a migration.
	OneShot  bool
	Replicas int32
	// Ports inside, each once, in the order of the file.
	Ports []Port
	// Listeners of a Kafka broker, as it advertises them.
	Listeners []Listener
	DependsOn []Dependency
	// Health is nil where there is no check or it is disabled.
	Health *HealthCheck
	// Env as intended, by name.
	Env []Variable
	// Limits and Reservations: memory in bytes, CPU in millicores, 0 where unset.
	Limits, Reservations Resources
	// Topics that the file declares for this broker.
	Topics []v1alpha1.DeclaredTopic
	// Database that a Postgres service makes, empty where it does not say.
	Database string
	// Bridge is x-bridge of the service.
	Bridge Bridge
	Position
}

// Port is a port that a service listens on inside.
type Port struct {
	Target int32
	// Published is the host's port that it is mapped to, 0 where it is not.
	Published int32
	// Protocol is tcp or udp.
	Protocol string
}

// Listener is an address that a Kafka broker tells its clients.
type Listener struct {
	Name, Host string
	Port       int32
	// Inside says that the host is a name of the service itself: its clients in
	// the project reach it there.
	Inside bool
}

// Dependency is one of depends_on.
type Dependency struct {
	Service   string
	Condition v1alpha1.DependencyCondition
	Required  bool
	// Connection are the variables of the dependent that hold the address,
	// where the file's values show them; zero where they do not.
	Connection v1alpha1.ConnectionEnv
}

// HealthCheck is a container's health check.
type HealthCheck struct {
	// Command without CMD; Shell says that it is one for the shell.
	Command []string
	Shell   bool
	// HTTP is what it asks of the container itself, nil where it asks nothing.
	HTTP *HTTPCheck
	// Defaults of the engine are filled in: 30s, 30s, 3, 0s.
	Interval, Timeout time.Duration
	Retries           int32
	StartPeriod       time.Duration
}

// HTTPCheck is a request that a health check makes.
type HTTPCheck struct {
	Scheme string
	Port   int32
	Path   string
}

// Variable is an environment variable as intended.
type Variable struct {
	Name, Value string
	// Secret says that the value may be one: then Value is empty.
	Secret bool
	// PublishedPort is set where the value leads to a port as the host
	// publishes it, which is nobody's inside.
	PublishedPort int32
}

// Resources are memory in bytes and CPU in millicores, 0 where unset.
type Resources struct{ Memory, CPU int64 }

// Facts extracts what the project tells.
func (p *Project) Facts() (Facts, error) {
	return Facts{Project: p.Model.Name}, nil
}
