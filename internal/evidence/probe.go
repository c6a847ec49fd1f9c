package evidence

import (
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Probe is one live probe of one dependency, stage by stage.
type Probe struct {
	Service   string
	Protocol  Protocol
	Viewpoint v1alpha1.ProbeViewpoint
	// Asked is when a probe inside the pod was asked for, zero for probes of
	// just now.
	Asked time.Time
	// Target that was probed first: for Kafka the first bootstrap server.
	Target HostPort
	// Addresses that Target's host resolved to.
	Addresses []string
	// Stages in the order they ran; the probe ends at the first that did not pass.
	Stages []Stage
	// At most one of the following is set: what the protocol told.
	Postgres *PostgresFacts
	MySQL    *MySQLFacts
	Kafka    *KafkaFacts
	HTTP     *HTTPFacts
	// Holders of the server's connections, the one with most first; nil where the server
	// was not asked, or the account may not see them.
	Holders []Holder
}

// Holder is who has connections of a database server. An account that may not see those
// of others is shown its own, and of others only that they are there.
type Holder struct {
	// Address of the client, empty where the server did not tell.
	Address string
	// Service of the stack that runs there, else Pod, else neither is known.
	Service, Pod string
	// Connections in all. Of them, Idle do nothing, InTransaction do nothing and hold a
	// transaction open meanwhile, and Blocked wait for a lock of another one's.
	Connections, Idle, InTransaction, Blocked int32
	// Longest is how long the oldest of InTransaction has been so.
	Longest time.Duration
}

// StageName is a step of a probe.
type StageName string

// The stages, in their order. Each protocol uses those that it has.
const (
	StageGuard        StageName = "Guard" // may this target be probed at all
	StageResolve      StageName = "Resolve"
	StageDial         StageName = "Dial"
	StageTLS          StageName = "TLS"
	StageAccept       StageName = "Accept" // in Authenticate's place where no user is known: does the server accept connections
	StageAuthenticate StageName = "Authenticate"
	StageDatabase     StageName = "Database"
	StageQuery        StageName = "Query"
	StageMetadata     StageName = "Metadata"
	StageListeners    StageName = "Listeners" // every advertised listener is dialled
	StageTopics       StageName = "Topics"
	StageGroup        StageName = "Group"
	StageHTTP         StageName = "HTTP"
)

// Stage is one step's result.
type Stage struct {
	Name    StageName
	Outcome v1alpha1.ProbeOutcome
	// Code is a Code constant, a SQLSTATE, the number of a MySQL error, or a Kafka error's name such as
	// SASL_AUTHENTICATION_FAILED; empty where the stage passed.
	Code string
	// Message of the server or client, redacted.
	Message string
	Took    time.Duration
}

// Codes of failures below the protocols.
const (
	CodeNXDomain       = "NXDOMAIN"      // the resolver says that the name does not exist, or has no address
	CodeResolverFailed = "RESOLVER"      // the resolver does not answer, or SERVFAIL: outcome Unknown
	CodeRefused        = "ECONNREFUSED"  // nothing listens there
	CodeTimeout        = "ETIMEDOUT"     // no answer in time
	CodeNoRoute        = "EHOSTUNREACH"  // no route to host or network
	CodeReset          = "ECONNRESET"    // the peer closed the connection
	CodeNotAllowed     = "NOT_ALLOWED"   // the guard refuses the target: outcome Unknown
	CodeTLSRefused     = "TLS_REFUSED"   // the server does not speak TLS
	CodeTLSRequired    = "TLS_REQUIRED"  // the server speaks only TLS
	CodeCertificate    = "TLS_VERIFY"    // the server's certificate does not verify
	CodeProtocol       = "PROTOCOL"      // the answer is not of this protocol: outcome Unknown
	CodeNoPassword     = "NO_PASSWORD"   // the server wants a password, none is configured
	CodeLoopback       = "LOOPBACK"      // an advertised listener is a loopback address: no other pod can reach it
	CodeTopicMissing   = "TOPIC_MISSING" // metadata says that the topic is not there
	CodeNotRun         = "NOT_RUN"       // the probe inside the pod could not be run: outcome Unknown
	CodeUnhealthy      = "UNHEALTHY"     // HTTP answered, and not with 2xx or with an unhealthy status
)

// Last is the stage at which the probe ended, zero where none ran.
func (p Probe) Last() Stage {
	if len(p.Stages) == 0 {
		return Stage{Outcome: v1alpha1.ProbeUnknown}
	}
	return p.Stages[len(p.Stages)-1]
}

// Outcome of the whole probe: that of the stage at which it ended.
func (p Probe) Outcome() v1alpha1.ProbeOutcome { return p.Last().Outcome }

// FailedAt reports whether the probe ended at this stage by a clear no.
func (p Probe) FailedAt(stage StageName) bool {
	last := p.Last()
	return last.Name == stage && last.Outcome == v1alpha1.ProbeFailed
}

// Took is how long all stages took together.
func (p Probe) Took() time.Duration {
	var total time.Duration
	for _, s := range p.Stages {
		total += s.Took
	}
	return total
}

// PostgresFacts is what a server told after authentication.
type PostgresFacts struct {
	ServerVersion string
	// InRecovery is pg_is_in_recovery(), ReadOnly transaction_read_only.
	InRecovery, ReadOnly bool
	// MaxConnections and UsedConnections, 0 where the role may not see them.
	MaxConnections, UsedConnections int32
	// ServerTLS says that the probe's connection is encrypted.
	ServerTLS bool
}

// MySQLFacts is what a MySQL or MariaDB server told after authentication.
type MySQLFacts struct {
	ServerVersion string
	// ReadOnly is read_only, super_read_only or innodb_read_only: what an application's
	// account writes is refused.
	ReadOnly bool
	// MaxConnections that clients may take; one more is kept for an administrator.
	// UsedConnections are those now, MostUsed the most since the server started.
	MaxConnections, UsedConnections, MostUsed int32
	// ServerTLS says that the probe's connection is encrypted.
	ServerTLS bool
}

// Slots are how many connections a database server has, and how many are taken; 0
// where it did not tell.
func (p Probe) Slots() (used, all int32) {
	switch {
	case p.Postgres != nil:
		return p.Postgres.UsedConnections, p.Postgres.MaxConnections
	case p.MySQL != nil:
		return p.MySQL.UsedConnections, p.MySQL.MaxConnections
	}
	return 0, 0
}

// KafkaFacts is what a cluster told.
type KafkaFacts struct {
	Brokers []KafkaBroker
	Topics  []KafkaTopic
	// Mechanisms that the broker offers when it refuses one.
	Mechanisms []string
	Group      *KafkaGroup
}

// KafkaBroker is an advertised listener and whether it can be reached.
type KafkaBroker struct {
	ID         int32
	Advertised HostPort
	// Code is empty where the dial passed.
	Code, Message string
}

// KafkaTopic is a topic that the service or the stack wants.
type KafkaTopic struct {
	Name   string
	Exists bool
	// Code is the error code's name from the metadata, such as TOPIC_AUTHORIZATION_FAILED.
	Code            string
	Partitions      int32
	UnderReplicated int32
	Leaderless      int32
}

// KafkaGroup is the consumer group that the service uses.
type KafkaGroup struct {
	Name, State string
	Members     int32
	Code        string
}

// HTTPFacts is what a health endpoint told.
type HTTPFacts struct {
	Status int
	// Health is the "status" member of the JSON, Infrastructure the state of
	// each member of "infrastructure_health".
	Health         string
	Infrastructure map[string]string
	// SystemMetrics are the numbers of "system_metrics".
	SystemMetrics map[string]float64
}
