package diagnosis

import (
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

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
