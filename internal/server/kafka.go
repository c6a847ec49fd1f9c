package server

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

var _ = register(Kind{
	Protocol:   evidence.Kafka,
	Rank:       2,
	Port:       kafkaPort,
	OtherPorts: []int32{9093, 9094, 29092, 19092}, // those of further listeners, as images' examples have them
	Schemes:    []string{"kafka"},
	Variables:  regexp.MustCompile(`kafka|redpanda|bootstrap_servers|brokers?(?:_|$| )`),
	Images:     regexp.MustCompile(`^(?:kafka(?:-native)?|cp-(?:kafka|server|enterprise-kafka)|confluent-local|strimzi-kafka|redpanda(?:-unstable|-nightly)?)$`),
	Names:      []string{"kafka", "redpanda"},
	KeepsData:  true,

	ListsServers: true,
	HasTopics:    true,
	Causes: &Causes{
		HostNotFound:   v1alpha1.CauseKafkaHostNotFound,
		Unreachable:    v1alpha1.CauseKafkaUnreachable,
		ConnectionLost: v1alpha1.CauseKafkaUnreachable,
		TLSMismatch:    v1alpha1.CauseKafkaTLSMismatch,
		AuthFailed:     v1alpha1.CauseKafkaAuthFailed,
		Busy:           v1alpha1.CauseKafkaCoordinatorUnavailable,
	},
	CauseOfCode:        causeOfKafkaCode,
	ClassOfCode:        classOfKafkaCode,
	AnswersBeforeLogin: func(c evidence.Connection) bool { return c.Mechanism == "" },
	MakeEndpoint: func(o Offer) v1alpha1.Endpoint {
		k := &v1alpha1.KafkaEndpoint{Topics: o.Topics}
		if o.Host != "" || o.Port != kafkaPort {
			k.BootstrapServers = []string{net.JoinHostPort(or(o.Host, o.Service), strconv.Itoa(int(o.Port)))}
		}
		return v1alpha1.Endpoint{Kafka: k}
	},
	declared: func(service string, e v1alpha1.Endpoint) (evidence.Connection, bool) {
		if e.Kafka == nil {
			return evidence.Connection{}, false
		}
		c := evidence.Connection{Protocol: evidence.Kafka}
		for _, s := range e.Kafka.BootstrapServers {
			c.Servers = append(c.Servers, servers(s, kafkaPort)...)
		}
		if len(c.Servers) == 0 {
			c.Servers = []evidence.HostPort{{Host: service, Port: kafkaPort}}
		}
		for _, t := range e.Kafka.Topics {
			c.Topics = append(c.Topics, t.Name)
		}
		return c, true
	},
	relocate: func(e *v1alpha1.Endpoint, at Finder) bool {
		if len(e.Kafka.BootstrapServers) == 0 {
			if found, offered := at(kafkaPort); offered {
				e.Kafka.BootstrapServers = []string{found.String()}
			}
		}
		for i, address := range e.Kafka.BootstrapServers {
			if found, offered := at(hostPort(address, kafkaPort).Port); offered {
				e.Kafka.BootstrapServers[i] = found.String()
			}
		}
		return true
	},
	configured: kafkaClient,
	implied:    variables.kafkaCandidates,
})

const kafkaPort = 9092

// kafkaCodes are the causes of the protocol's error codes by name
// (org.apache.kafka.common.protocol.Errors).
var kafkaCodes = map[string]v1alpha1.Cause{
	"SASL_AUTHENTICATION_FAILED":            v1alpha1.CauseKafkaAuthFailed,
	"UNSUPPORTED_SASL_MECHANISM":            v1alpha1.CauseKafkaAuthFailed,
	"ILLEGAL_SASL_STATE":                    v1alpha1.CauseKafkaAuthFailed,
	"TOPIC_AUTHORIZATION_FAILED":            v1alpha1.CauseKafkaAuthorizationDenied,
	"GROUP_AUTHORIZATION_FAILED":            v1alpha1.CauseKafkaAuthorizationDenied,
	"CLUSTER_AUTHORIZATION_FAILED":          v1alpha1.CauseKafkaAuthorizationDenied,
	"TRANSACTIONAL_ID_AUTHORIZATION_FAILED": v1alpha1.CauseKafkaAuthorizationDenied,
	"UNKNOWN_TOPIC_OR_PARTITION":            v1alpha1.CauseKafkaTopicMissing,
	evidence.CodeTopicMissing:               v1alpha1.CauseKafkaTopicMissing,
	"LEADER_NOT_AVAILABLE":                  v1alpha1.CauseKafkaCoordinatorUnavailable,
	"NOT_LEADER_OR_FOLLOWER":                v1alpha1.CauseKafkaCoordinatorUnavailable,
	"COORDINATOR_LOAD_IN_PROGRESS":          v1alpha1.CauseKafkaCoordinatorUnavailable,
	"COORDINATOR_NOT_AVAILABLE":             v1alpha1.CauseKafkaCoordinatorUnavailable,
	"NOT_COORDINATOR":                       v1alpha1.CauseKafkaCoordinatorUnavailable,
	"NOT_CONTROLLER":                        v1alpha1.CauseKafkaCoordinatorUnavailable,
	"NOT_ENOUGH_REPLICAS":                   v1alpha1.CauseKafkaNotEnoughReplicas,
	"NOT_ENOUGH_REPLICAS_AFTER_APPEND":      v1alpha1.CauseKafkaNotEnoughReplicas,
	"MESSAGE_TOO_LARGE":                     v1alpha1.CauseKafkaMessageTooLarge,
	"RECORD_LIST_TOO_LARGE":                 v1alpha1.CauseKafkaMessageTooLarge,
	"KAFKA_STORAGE_ERROR":                   v1alpha1.CauseKafkaDiskFull,
}

// causeOfKafkaCode is the cause of an error code. A listener that cannot be reached
// is one that is advertised wrongly, whatever became of the attempt.
func causeOfKafkaCode(last evidence.Stage, _ evidence.Dependency) (v1alpha1.Cause, bool) {
	if last.Name == evidence.StageListeners {
		return v1alpha1.CauseKafkaAdvertisedListenerMismatch, true
	}
	cause, known := kafkaCodes[last.Code]
	return cause, known
}

// kafkaClasses are what the names of Kafka's errors contain, in the order in which
// it is looked for.
var kafkaClasses = []struct {
	part  string
	class Class
}{
	{"AUTHORIZATION_FAILED", ClassPermission},
	{"SASL", ClassCredentials},
	{"UNKNOWN_TOPIC", ClassMissing},
	{"GROUP_ID_NOT_FOUND", ClassMissing},
	{"NOT_ENOUGH_REPLICAS", ClassCapacity},
	{"NOT_AVAILABLE", ClassUnavailable},
	{"COORDINATOR", ClassUnavailable},
	{"NOT_LEADER", ClassUnavailable},
	{"NOT_CONTROLLER", ClassUnavailable},
	{"TIMED_OUT", ClassNetwork},
	{"NETWORK_EXCEPTION", ClassNetwork},
}

func classOfKafkaCode(code string) (Class, bool) {
	for _, k := range kafkaClasses {
		if strings.Contains(code, k.part) {
			return k.class, true
		}
	}
	return "", false
}

// The names that Kafka clients are usually configured by.
var (
	bootstrapNames = []string{
		"KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVER", "KAFKA_BOOTSTRAP", "KAFKA_BROKERS", "KAFKA_BROKER", "KAFKA_BROKER_LIST",
		"KAFKA_BROKER_URL", "KAFKA_BROKER_URLS", "KAFKA_BROKERS_URL", "KAFKA_BROKER_ADDRESS", "KAFKA_SERVERS", "KAFKA_HOSTS", "KAFKA_URL", "KAFKA_ADDR", "KAFKA_ADDRESS",
		"SPRING_KAFKA_BOOTSTRAP_SERVERS", "SPRING_KAFKA_CONSUMER_BOOTSTRAP_SERVERS", "SPRING_KAFKA_PRODUCER_BOOTSTRAP_SERVERS",
		"SPRING_CLOUD_STREAM_KAFKA_BINDER_BROKERS", "MP_MESSAGING_CONNECTOR_SMALLRYE_KAFKA_BOOTSTRAP_SERVERS",
		"REDPANDA_BROKERS", "REDPANDA_BOOTSTRAP_SERVERS", "CONNECT_BOOTSTRAP_SERVERS", "BOOTSTRAP_SERVERS",
	}
	bootstrapSuffixes = []string{"_KAFKA_BOOTSTRAP_SERVERS", "_KAFKA_BROKERS", "_KAFKA_BROKER"}
	groupNames        = []string{
		"KAFKA_GROUP_ID", "KAFKA_CONSUMER_GROUP_ID", "KAFKA_CONSUMER_GROUP", "KAFKA_GROUP", "SPRING_KAFKA_CONSUMER_GROUP_ID",
		"CONSUMER_GROUP_ID", "CONSUMER_GROUP", "GROUP_ID",
	}
	protocolNames = []string{
		"KAFKA_SECURITY_PROTOCOL", "SPRING_KAFKA_SECURITY_PROTOCOL", "SPRING_KAFKA_PROPERTIES_SECURITY_PROTOCOL", "SECURITY_PROTOCOL",
	}
	mechanismNames = []string{
		"KAFKA_SASL_MECHANISM", "KAFKA_SASL_MECHANISMS", "SPRING_KAFKA_PROPERTIES_SASL_MECHANISM", "SASL_MECHANISM",
	}
	saslUsers = []string{
		"KAFKA_SASL_USERNAME", "KAFKA_SASL_USER", "KAFKA_SASL_PLAIN_USERNAME", "KAFKA_USERNAME", "KAFKA_USER", "SASL_USERNAME", "KAFKA_API_KEY",
	}
	saslPasswords = []string{
		"KAFKA_SASL_PASSWORD", "KAFKA_SASL_PLAIN_PASSWORD", "KAFKA_PASSWORD", "KAFKA_PASS", "SASL_PASSWORD", "KAFKA_API_SECRET",
	}
	jaasNames = []string{
		"KAFKA_SASL_JAAS_CONFIG", "SPRING_KAFKA_PROPERTIES_SASL_JAAS_CONFIG", "SASL_JAAS_CONFIG",
	}
	// topicVariable are names that hold topics for certain: other services
	// than Kafka have topics too.
	topicVariable = regexp.MustCompile(`(^|_)KAFKA_([A-Z0-9_]*_)?TOPICS?(_NAMES?)?$|^TOPIC(_NAME)?$|^SPRING_KAFKA_TEMPLATE_DEFAULT_TOPIC$`)
	topicName     = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
	jaasOption    = regexp.MustCompile(`\b(username|password)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)')`)
)

// kafkaClient is Configured for Kafka. Settings that the stack spells out win.
func kafkaClient(env evidence.Env, names Spelled) (evidence.Connection, bool) {
	v := variablesOf(env)
	c := evidence.Connection{Protocol: evidence.Kafka}
	candidates := v.kafkaCandidates()
	found := len(candidates) > 0
	if found {
		c = candidates[0]
	} else {
		v.kafkaSettings(&c)
		found = c.Group != "" || len(c.Topics) > 0 || c.Variables.User != ""
	}
	found = v.overrideKafka(&c, names) || found
	found = v.overrideCredentials(&c, names) || found
	return c, found
}

// overrideKafka takes over the servers, group and topics whose variables the
// stack spells out, and reports whether env has any of them.
func (v variables) overrideKafka(c *evidence.Connection, names Spelled) bool {
	found := false
	if s := v.spelled(names, names.BootstrapServers); s.value != "" {
		c.Servers, found = servers(s.value, kafkaPort), true
		c.Variables.BootstrapServers, c.Variables.Host, c.Variables.Port = s.variable, "", ""
	}
	if s := v.spelled(names, names.ConsumerGroup); s.value != "" {
		c.Group, c.Variables.Group, found = s.value, s.variable, true
	}
	if len(names.Topics) > 0 {
		c.Topics, c.Variables.Topics = nil, nil
		for _, n := range names.Topics {
			addTopics(c, v.spelled(names, n))
		}
		found = found || len(c.Topics) > 0
	}
	return found
}

// kafkaCandidates are the clusters that env names, the most telling first.
func (v variables) kafkaCandidates() []evidence.Connection {
	var out []evidence.Connection
	for _, name := range slices.Concat(bootstrapNames, v.ending(bootstrapSuffixes...)) {
		s := v.first(name)
		list := servers(s.value, kafkaPort)
		if len(list) == 0 {
			continue
		}
		c := evidence.Connection{Protocol: evidence.Kafka, Servers: list}
		c.Variables.BootstrapServers = s.variable
		v.kafkaSettings(&c)
		// KAFKA_SASL_... are of the cluster of KAFKA_BROKERS, not of AUDIT_KAFKA_BROKERS.
		if slices.Contains(bootstrapNames, name) || len(out) == 0 {
			c.PasswordFor = slices.Clone(list)
		}
		out = append(out, c)
	}
	if host := v.first("KAFKA_HOST", "KAFKA_HOSTNAME"); host.value != "" {
		c := evidence.Connection{Protocol: evidence.Kafka, Servers: servers(host.value, 0)}
		c.Variables.Host = host.variable
		v.setPort(&c, v.first("KAFKA_PORT"))
		c.Servers = withPort(c.Servers, kafkaPort)
		c.PasswordFor = slices.Clone(c.Servers)
		v.kafkaSettings(&c)
		out = append(out, c)
	}
	return out
}

// SASL mechanisms by the names that brokers know them by.
const (
	mechanismPlain  = "PLAIN"
	mechanismGSSAPI = "GSSAPI"
)

// kafkaSettings fills in all but the servers.
func (v variables) kafkaSettings(c *evidence.Connection) {
	if s := v.first(groupNames...); s.value != "" {
		c.Group, c.Variables.Group = s.value, s.variable
	}
	for _, n := range v.names {
		if topicVariable.MatchString(n) {
			addTopics(c, v.first(n))
		}
	}
	protocol := v.first(protocolNames...)
	security := strings.ToUpper(protocol.value)
	c.Variables.SSLMode = protocol.variable
	switch security {
	case "SSL", "SASL_SSL":
		// Clients check the certificate, and the host in it, unless told otherwise.
		c.TLS = evidence.TLSVerifyFull
	case "PLAINTEXT", "SASL_PLAINTEXT":
		c.TLS = evidence.TLSDisable
	default:
		v.setTLS(c, "KAFKA_")
	}
	if security != "PLAINTEXT" && security != "SSL" {
		v.sasl(c, strings.HasPrefix(security, "SASL_"))
	}
}

// sasl fills in the mechanism and its credentials. wanted says that the security
// protocol asks for SASL; else user and mechanism have to be given together.
func (v variables) sasl(c *evidence.Connection, wanted bool) {
	mechanism := strings.ToUpper(v.first(mechanismNames...).value)
	if s := v.first(saslUsers...); s.value != "" {
		c.User, c.Variables.User = s.value, s.variable
	}
	if name := v.mentioned("", saslPasswords...); name != "" {
		c.PasswordWanted, c.Variables.Password = true, name
		v.readPassword(c, name)
	}
	if s := v.first(jaasNames...); s.value != "" {
		module := jaas(c, s)
		mechanism = or(mechanism, module)
	}
	switch {
	case mechanism != "" && (wanted || c.User != ""):
		c.Mechanism = mechanism
	case c.User != "":
		c.Mechanism = mechanismPlain
	case wanted:
		c.Mechanism = mechanismGSSAPI // Java's and librdkafka's default
	}
}

// jaas reads user and password of a login module's configuration, and the
// mechanism where the module has only one.
func jaas(c *evidence.Connection, s setting) string {
	for _, m := range jaasOption.FindAllStringSubmatch(s.value, -1) {
		value := strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(m[2]) + m[3]
		if m[1] == "username" {
			c.User, c.Variables.User = value, s.variable
		} else {
			c.PasswordWanted, c.Password, c.Variables.Password = true, evidence.NewSecret(value), s.variable
		}
	}
	if strings.Contains(s.value, "PlainLoginModule") {
		return mechanismPlain
	}
	return ""
}

// addTopics takes over a topic, or a list of them. What cannot be a topic's
// name, such as a pattern, is left out.
func addTopics(c *evidence.Connection, s setting) {
	for name := range strings.SplitSeq(strings.NewReplacer(";", ",", " ", ",").Replace(s.value), ",") {
		name = strings.Trim(name, `[]"'`)
		if topicName.MatchString(name) && !slices.Contains(c.Topics, name) {
			c.Topics = append(c.Topics, name)
			c.Variables.Topics = append(c.Variables.Topics, s.variable)
		}
	}
}
