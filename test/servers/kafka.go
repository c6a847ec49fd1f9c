package servers

import (
	"net"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/bridgestack/operator/internal/evidence"
)

// KafkaCluster is a running kfake cluster, which ends with its test. Its methods
// inject faults: see kfake.
type KafkaCluster struct {
	*kfake.Cluster
	// Servers are all brokers, on 127.0.0.1.
	Servers []evidence.HostPort
}

// Kafka starts a kfake cluster: a broker that speaks the Kafka protocol over
// TCP. It has one broker unless the options say otherwise.
func Kafka(t testing.TB, options ...kfake.Opt) KafkaCluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, options...)...)
	if err != nil {
		t.Fatalf("starting kfake: %v", err)
	}
	t.Cleanup(cluster.Close)
	k := KafkaCluster{Cluster: cluster}
	for _, address := range cluster.ListenAddrs() {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatalf("kfake listens on %q: %v", address, err)
		}
		n, err := strconv.ParseInt(port, 10, 32)
		if err != nil {
			t.Fatalf("kfake listens on %q: %v", address, err)
		}
		k.Servers = append(k.Servers, evidence.HostPort{Host: host, Port: int32(n)})
	}
	return k
}

// Connection is how a client is configured for the cluster, without TLS or SASL.
func (k KafkaCluster) Connection(topics ...string) evidence.Connection {
	return evidence.Connection{Service: "kafka", Protocol: evidence.Kafka, Servers: k.Servers[:1], Topics: topics}
}
