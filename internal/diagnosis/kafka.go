package diagnosis

import (
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// kafkaSignatures are the protocol's error codes, as name, as number and as the
// sentence that each client makes of it (org.apache.kafka.common.protocol.Errors,
// librdkafka's rdkafka.c, sarama's errors.go, kafka-python's errors.py, kafkajs'
// protocol/error.js, franz-go's kerr), and then the clients' own words.
var kafkaSignatures = []signature{
	// 58, 33, 34
	says(v1alpha1.CauseKafkaAuthFailed, `(?i)SASL[_ ]?authentication[_ ]?(?:failed|exception|error)|SaslAuthentication(?:Failed)?(?:Error|Exception)?\b|invalid credentials with SASL|failed authentication due to|SASL \S+ authentication failed|SASL handshake (?:failed|error)|SASL \S+ mechanism handshake failed|is SASL missing\?|might require SASL|Failed to initialize SASL|SASL Handshake not supported|Local: Authentication failure|Invalid username or password`,
		"SASL", "Sasl", "failed authentication due to", "Local: Authentication failure", "Invalid username or password").within(kafkaContext),
	says(v1alpha1.CauseKafkaAuthFailed, `(?i)unsupported[_ ]?sasl[_ ]?mechanism|does not support the requested SASL mechanism|Unsupported SASL mechanism|SASL mechanism '?\S+ not enabled|illegal[_ ]?sasl[_ ]?state|not valid given the current SASL state|Unexpected (?:Kafka request|handshake request)|Could not find a 'KafkaClient' entry|No SASL mechanism|no common SASL`,
		"SASL", "Sasl", "Unexpected Kafka request", "Unexpected handshake", "KafkaClient"),

	hints(v1alpha1.CauseKafkaAuthFailed, `terminated during authentication`, "terminated during authentication").guess(),

	// TLS on one side only
	says(v1alpha1.CauseKafkaTLSMismatch, `(?i)connecting to a (?:PLAINTEXT broker|SSL) listener\?|is TLS missing\?|in state SSL_HANDSHAKE|SSL connection closed by server during handshake|SslAuthentication(?:Error|Exception)|SSL handshake failed|TLS handshake.*(?:EOF|reset)|Disconnected while requesting ApiVersion`,
		"connecting to a ", "is TLS missing", "in state SSL_HANDSHAKE", "SSL connection closed by server", "SslAuthentication", "SSL handshake failed", "TLS handshake", "requesting ApiVersion").within(kafkaContext),
	// The first bytes of a TLS record (0x1503 0301 or "HTTP"), read as the length of an answer.
	says(v1alpha1.CauseKafkaTLSMismatch, `(?i)(?:size|length|of) ?=? ?(?:352518\d{3}|369295\d{3}|1213486160|335741\d{3})\b`, "35251", "36929", "1213486160", "33574"),

	// 29, 30, 31, 53
	says(v1alpha1.CauseKafkaAuthorizationDenied, `(?i)(?:topic|group|cluster|transactional[_ ]?id|delegation[_ ]?token)[_ ]?authorization[_ ]?(?:failed|exception|error)|not authorized to access (?:this )?(?:topics?|group|cluster|transactional)[^:]*(?::\s*\[?(?P<topic>[\w.-]+))?|client is not authorized|not authorized to (?:send|access|describe|read|write|create)`,
		"uthorizationFailed", "uthorization failed", "uthorizationException", "UTHORIZATION_FAILED", "ot authorized to"),

	// 19, 20
	says(v1alpha1.CauseKafkaNotEnoughReplicas, `(?i)NOT_ENOUGH_REPLICAS|NotEnoughReplicas|not enough replicas|fewer in-sync replicas than required|not enough in-sync replicas|insufficient (?:in-sync )?replicas`,
		"NOT_ENOUGH_REPLICAS", "NotEnoughReplicas", "not enough replicas", "ewer in-sync replicas", "nough in-sync replicas", "nsufficient replicas", "nsufficient in-sync"),
	// 10, 18
	says(v1alpha1.CauseKafkaMessageTooLarge, `(?i)MESSAGE_TOO_LARGE|MESSAGE_SIZE_TOO_LARGE|RECORD_LIST_TOO_LARGE|MessageSizeTooLarge|RecordTooLarge|RecordListTooLarge|RecordBatchTooLarge|message size too large|message was too large, server rejected|larger than the (?:max(?:imum)? )?(?:message|request) size|bytes when serialized which is larger than|batch larger than the configured|MSG_SIZE_TOO_LARGE`,
		"TOO_LARGE", "TooLarge", "essage size too large", "essage was too large", "larger than the", "which is larger than", "atch larger than"),
	// 56
	says(v1alpha1.CauseKafkaDiskFull, `(?i)KAFKA_STORAGE_ERROR|KafkaStorage(?:Error|Exception)|disk error when trying to access log|LogDirFailure|log directory (?:is )?offline|All log dirs in .* have failed`,
		"KAFKA_STORAGE_ERROR", "KafkaStorage", "isk error when", "Broker: Disk error", "LogDirFailure", "og directory", "All log dirs"),

	// 22, 25, 27, 82, and consumers that were too slow
	says(v1alpha1.CauseKafkaGroupUnstable, `(?i)UNKNOWN_MEMBER_ID|UnknownMemberId`+holds+`|not aware of this member|ILLEGAL_GENERATION|IllegalGeneration|generation id is not|FENCED_INSTANCE_ID|FencedInstanceId|rejected this static consumer|Static consumer fenced|group\.instance\.id has registered|maximum poll interval|MAX_POLL_EXCEEDED|Commit(?:Failed| ?cannot be completed)|poll timeout has expired|Heartbeat poll expired|ProducerFenced`+holds+`|INVALID_PRODUCER_EPOCH|PRODUCER_FENCED|Broker: Unknown member|unknown member id|Specified group generation id|INCONSISTENT_GROUP_PROTOCOL|InconsistentGroupProtocol|member .* has failed, removing|STALE_MEMBER_EPOCH|FENCED_MEMBER_EPOCH`,
		"UNKNOWN_MEMBER", "UnknownMember", "of this member", "ILLEGAL_GENERATION", "IllegalGeneration", "eneration id is not", "FENCED", "Fenced", "static consumer", "Static consumer", "instance.id has registered", "aximum poll interval", "MAX_POLL_EXCEEDED", "CommitFailed", "ommit cannot be completed", "poll timeout has expired", "eartbeat poll expired", "INVALID_PRODUCER_EPOCH", "Unknown member", "group generation id", "INCONSISTENT_GROUP", "InconsistentGroup", "STALE_MEMBER"),
	hints(v1alpha1.CauseKafkaGroupUnstable, `(?i)REBALANCE_IN_PROGRESS|RebalanceInProgress`+holds+`|group rebalance in progress|group is rebalancing|rebalance timed out`, "REBALANCE_IN_PROGRESS", "RebalanceInProgress", "ebalance in progress", "roup is rebalancing", "ebalance timed out"),

	// 3
	says(v1alpha1.CauseKafkaTopicMissing, `(?i)UNKNOWN_TOPIC_OR_PART(?:ITION)?|UnknownTopicOrPart(?:ition)?|unknown topic or partition|does not host this topic-?partition|topic or partition that does not exist|(?:Subscribed topic not available: (?P<topic>[\w.-]+))|Topic (?P<topic2>[\w.-]+) not found in cluster metadata|Local: Unknown topic|UNKNOWN_TOPIC\b|Topic\(s\) \[?(?P<topic3>[\w.-]+).*(?:not present|missingTopicsFatal)|topic "?(?P<topic4>[\w.-]+)"? (?:does not exist|not found)`,
		"UNKNOWN_TOPIC", "UnknownTopic", "nknown topic", "host this topic", "topic or partition that", "topic not available", "in cluster metadata", "Topic(s)", "is not present", "topic does not exist", "topic not found").but(`(?i)authoriz`),
	hints(v1alpha1.CauseKafkaTopicMissing, `Topic (?P<topic>\S+) not present in metadata after|No partition metadata for topic (?P<topic2>\S+)`, "not present in metadata", "No partition metadata for topic").weighing(weightGeneric).guess(),

	// 5, 6, 14, 15, 16
	says(v1alpha1.CauseKafkaCoordinatorUnavailable, `(?i)COORDINATOR_NOT_AVAILABLE|CoordinatorNotAvailable|coordinator is not available|coordinator not available|COORDINATOR_LOAD_IN_PROGRESS|Coordinator ?Load ?In ?Progress|coordinator is (?:still )?loading|LEADER_NOT_AVAILABLE|LeaderNotAvailable|leader not available|no leader for (?:this|the)|there is (?:currently )?no leader|leadership election|NOT_LEADER|NotLeader|NOT_COORDINATOR|NotCoordinator|NOT_CONTROLLER|NotController|not the (?:correct )?coordinator|__consumer_offsets topic is not initialized`,
		"COORDINATOR", "CoordinatorNot", "CoordinatorLoad", "oordinator is ", "oordinator load", "oordinator Load", "LEADER", "LeaderNot", "eader not available", "o leader for", "o leader", "eadership election", "NotLeader", "NotCoordinator", "NOT_CONTROLLER", "NotController", "oordinator not available", "is not initialized"),
	hints(v1alpha1.CauseKafkaCoordinatorUnavailable, `(?i)failed to find group coordinator|KafkaJSGroupCoordinatorNotFound|GroupCoordinatorNotFound|Group coordinator lookup failed|found some partitions to be leaderless`, "group coordinator", "GroupCoordinatorNotFound", "Group coordinator", "leaderless").weighing(weightGeneric),

	// Bootstrapping
	network(faultHostNotFound, familyKafka, `No resolvable bootstrap urls|DNS lookup failed for (?P<host>[\w.-]+):\d+, exception`, "resolvable bootstrap", "DNS lookup failed for").but(`(?i)temporary failure|EAI_AGAIN`),
	// kafka-clients says so whether there is no such name or no resolver.
	network(faultHostNotFound, familyKafka, `Couldn't resolve server (?P<host>[\w.-]+)`, "resolve server").guess(),
	network(faultHostNotFound, familyKafka, `DNS lookup failed for (?P<host>[\w.-]+):\d+ \(0\)`, "DNS lookup failed for").weighing(weightConsequence),
	network(faultHostNotFound, familyKafka, `Failed to resolve '(?P<host>[^']+)'`, "Failed to resolve '").but(`(?i)temporary failure|try again`),
	network(faultResolver, familyKafka, `(?i)(?:Failed to resolve '(?P<host>[^']+)'|DNS lookup failed).*(?:temporary failure|try again)`, "Failed to resolve '", "DNS lookup failed for"),
	network(faultRefused, familyKafka, `Connect to (?:ipv[46]#)?(?P<host>\S+?):(?P<port>\d+) failed: (?:Connection refused)`, "Connect to "),
	network(faultNoRoute, familyKafka, `Connect to (?:ipv[46]#)?(?P<host>\S+?):(?P<port>\d+) failed: (?:No route|Network|Host)|returned error 113`, "Connect to ", "returned error 113"),
	network(faultTimeout, familyKafka, `Connect to (?:ipv[46]#)?(?P<host>\S+?):(?P<port>\d+) failed: .*timed out|Connection setup timed out|returned error 110`, "Connect to ", "Connection setup timed out", "returned error 110").weighing(weightNetwork).but(`SSL_HANDSHAKE`),
	network(faultTimeout, familyKafka, `Connection attempt to <BrokerConnection .*host=(?P<host>[^\s:]+):(?P<port>\d+).* timed out|KafkaConnectionError: timeout|\[Connection\] Connection timeout`, "Connection attempt to", "KafkaConnectionError: timeout", "Connection timeout").weighing(weightNetwork),
	network(faultRefused, familyKafka, `Connection to node -?\d+ \((?P<host>[^/:]*)/?[^:]*:(?P<port>\d+)\) could not be established|Connect attempt to <BrokerConnection .*host=(?P<host2>[^\s:]+):.*returned error 111`, "could not be established", "returned error 111"),
	network(faultClosed, familyKafka, `Bootstrap broker (?P<host>[^\s:]+):(?P<port>\d+).*disconnected|\[Bootstrap broker|Node -?\d+ disconnected|socket disconnected|Closed connection to broker|KafkaJSConnectionClosedError|\[BrokerPool\] Closed connection|broker transport failure|UnrecognizedBrokerVersion|got error from broker .*: EOF`,
		"disconnected", "losed connection", "ConnectionClosedError", "roker transport failure", "UnrecognizedBrokerVersion", ": EOF"),
	network(faultGaveUp, familyKafka, `(?i)NoBrokersAvailable|run out of available brokers|out of brokers|brokers? (?:are|is) down|ALL_BROKERS_DOWN|Message timed out|MSG_TIMED_OUT|Failed to update metadata after|KafkaTimeoutError|KafkaJSNumberOfRetriesExceeded|waiting for a node assignment|Unable to bootstrap from|failed to get metadata|Failed to fetch metadata|timed? ?out (?:while )?(?:fetching|waiting for).*metadata|any of the seed brokers|Local: Timed out|Local: Host resolution failure|Failed to construct kafka|Timeout of \d+ms expired before|records have timed out before|Expiring \d+ record`,
		"NoBrokersAvailable", "out of available brokers", "rokers are down", "ALL_BROKERS_DOWN", "essage timed out", "MSG_TIMED_OUT", "update metadata after", "KafkaTimeoutError", "NumberOfRetriesExceeded", "node assignment", "Unable to bootstrap", "ailed to get metadata", "ailed to fetch metadata", "seed brokers", "Local: Timed out", "Local: Host resolution", "ailed to construct kafka", "expired before", "records have timed out", "Expiring "),
}

// holds after an error's name tells it from a field of that name that is false,
// as clients print with any error of theirs.
const holds = `(?:[^\w'":]|Err|Exc|['"]?:\s*true|:\s+[a-eg-z]|$)`

// kafkaContext is a record that speaks of Kafka: for words that other clients
// use as well.
const kafkaContext = `(?i)kafka|broker|sarama|rdkafka|franz|bootstrap|redpanda|\[thrd:|SASL[_ ]|SaslAuth|consumer|producer`

var (
	// bootstrapping are the words of a client that has not reached any broker yet.
	bootstrapping = regexp.MustCompile(`(?i)bootstrap|seed|out of available brokers|NoBrokersAvailable|node -\d|broker -1|fetching metadata`)
	// pastBootstrap are the words of a client that has the cluster's metadata.
	pastBootstrap = regexp.MustCompile(`(?i)failed to send|sending|produce|consume[: ]|registered (?:new )?broker|node_id=(?:\d|coordinator|group)|node \d|\d/\d+\b|coordinator|Producer\]|Consumer\]`)
	advertisedBy  = regexp.MustCompile(`(?i)node_id=(?:\d+|coordinator-\d+) host=|node \d+ \(|\[thrd:[^\]]*/\d+\]|:\d+/\d+: |broker #\d`)
)

// kafka tells bootstrap servers from listeners that a broker advertised, and
// what hides behind a connection that a broker closed.
func (r *reading) kafka(k *clue, record func() string) {
	switch k.fault {
	case faultHostNotFound, faultRefused, faultTimeout, faultNoRoute:
		if r.isAdvertised(k, record()) {
			k.cause = v1alpha1.CauseKafkaAdvertisedListenerMismatch
		}
	case faultClosed:
		k.cause = r.closedByBroker()
	case faultGaveUp:
		if strings.HasSuffix(r.securityProtocol, "SSL") && r.closedByBroker() == v1alpha1.CauseKafkaTLSMismatch {
			k.cause = v1alpha1.CauseKafkaTLSMismatch
		}
	default:
	}
}

// isAdvertised says that a connection failed to an address that the broker gave
// out, and not to one that the client was given.
func (r *reading) isAdvertised(k *clue, record string) bool {
	host := strings.ToLower(k.subject.Host)
	if host == "" || len(r.bootstrap()) == 0 || r.isGiven(host) {
		return false
	}
	broker, named := namedBroker(record)
	switch {
	case isLoopback(host):
		return !named || !r.isGiven(broker)
	case !isAddress(host):
		return true
	case named:
		return broker == host
	case r.isServersAddress(host):
		return false
	}
	// An address says little: it may be a bootstrap server's. Then it is where
	// in its work the client was.
	k.guessed = true
	return advertisedBy.MatchString(k.text) || pastBootstrap.MatchString(k.text) && !bootstrapping.MatchString(k.text)
}

// isGiven says that the host is one of the bootstrap servers.
func (r *reading) isGiven(host string) bool {
	return slices.ContainsFunc(r.bootstrap(), func(t target) bool { return sameHost(t.host, host) })
}

// isServersAddress says that an earlier line names a bootstrap server together
// with the address.
func (r *reading) isServersAddress(address string) bool {
	return slices.ContainsFunc(r.clues, func(k clue) bool {
		t, ok := r.mentioned(k.text)
		return ok && t.family == familyKafka && strings.Contains(k.text, address)
	})
}

// namedBroker is the broker that a record names beside the address it dialled.
func namedBroker(record string) (string, bool) {
	m := brokerName.FindStringSubmatch(record)
	if m == nil {
		return "", false
	}
	return strings.ToLower(firstOf(m[1], m[2])), true
}

var brokerName = regexp.MustCompile(`(?:node_id=\S+ host=|connect to broker |broker: '|"broker":")([\w.-]+):\d+|(?m:^([\w.-]+):\d+$)`)

// bootstrap are the Kafka servers that the container is given.
func (r *reading) bootstrap() []target {
	var all []target
	for _, t := range r.targets {
		if t.family == familyKafka && !t.declared && t.host != "" {
			all = append(all, t)
		}
	}
	return all
}

// closedByBroker is what a broker that hangs up without a word most likely
// means, by what the client is set to and the port: a guess.
func (r *reading) closedByBroker() v1alpha1.Cause {
	servers := r.bootstrap()
	if len(servers) == 0 {
		return v1alpha1.CauseKafkaUnreachable
	}
	t := servers[0]
	wantsTLS := t.tls != evidence.TLSUnset && t.tls != evidence.TLSDisable || strings.HasSuffix(r.securityProtocol, "SSL")
	isTLSPort := t.port == 9093 || t.port == 9094 || strings.Contains(t.host, "tls") || strings.Contains(t.host, "ssl")
	if wantsTLS != isTLSPort {
		return v1alpha1.CauseKafkaTLSMismatch
	}
	return v1alpha1.CauseKafkaAuthFailed
}

// securityProtocol is Kafka's security.protocol as the env has it: PLAINTEXT,
// SSL, SASL_PLAINTEXT or SASL_SSL; empty where no variable says.
func securityProtocol(env evidence.Env) string {
	for name, v := range env.Variables {
		if strings.Contains(strings.ToUpper(name), "SECURITY_PROTOCOL") {
			return strings.ToUpper(v.Text())
		}
	}
	return ""
}
