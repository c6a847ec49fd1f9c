package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
	metrics "github.com/rcrowley/go-metrics"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// broker is an open, authenticated connection to one broker.
type broker struct {
	client *sarama.Broker
	// server that it is a connection to.
	server evidence.HostPort
	conn   net.Conn
}

func (b broker) close() {
	// A broker that hangs would make the client wait, so its connection goes
	// first, and nobody waits for what the client then still has to do.
	_ = b.conn.Close()
	go func() { _ = b.client.Close() }()
}

// handOver is a dialer that gives away the connection that is there already:
// the client library never dials by itself.
type handOver struct{ conn net.Conn }

func (h handOver) Dial(string, string) (net.Conn, error) { return h.conn, nil }

// openBroker runs the stages TLS and Authenticate over a connection to the
// bootstrap server. Where the client is configured without either and the
// broker hangs up on it, it looks which of the two the broker wants.
func (r *run) openBroker(ctx context.Context, conn net.Conn) (broker, bool) {
	server := r.settings.Server()
	if r.wantsTLS() {
		ok := r.stage(ctx, evidence.StageTLS, r.prober.options.Total, func(ctx context.Context) verdict {
			secure, err := r.prober.handshake(ctx, conn, r.settings.TLS, server.Host)
			if err != nil {
				return r.kafkaTLSVerdict(ctx, err)
			}
			conn = secure
			return verdict{}
		})
		if !ok {
			return broker{}, false
		}
	}
	if r.settings.Mechanism != "" && !r.mayLogIn(ctx, server) {
		r.exchange(ctx, evidence.StageAccept, r.asksToLogIn)
		return broker{}, false
	}
	var b broker
	name := evidence.StageMetadata
	if r.settings.Mechanism != "" {
		name = evidence.StageAuthenticate
	}
	started := r.prober.options.Now()
	b, v := r.openClient(ctx, conn, server)
	if v.passed() && r.settings.Mechanism == "" {
		return b, true // the stage Metadata is still to come
	}
	if !v.passed() {
		name, v = r.whyClosed(ctx, name, v)
	}
	return b, r.record(name, v, r.prober.options.Now().Sub(started))
}

func (r *run) wantsTLS() bool {
	switch r.settings.TLS {
	case evidence.TLSRequire, evidence.TLSVerifyCA, evidence.TLSVerifyFull:
		return true
	case evidence.TLSUnset, evidence.TLSDisable, evidence.TLSPrefer: // Kafka's clients default to plaintext
		return false
	}
	return false
}

// openClient opens the client over a connection, and authenticates.
func (r *run) openClient(ctx context.Context, conn net.Conn, server evidence.HostPort) (broker, verdict) {
	config, v := r.saramaConfig(conn)
	if !v.passed() {
		return broker{}, v
	}
	b := broker{client: sarama.NewBroker(server.String()), server: server, conn: conn}
	if err := b.client.Open(config); err != nil {
		return broker{}, unknown("", err.Error())
	}
	// Open goes on in the background, within the connection's deadlines.
	_, err := within(ctx, r.prober.options.Exchange, func() (bool, error) { return b.client.Connected() })
	if err != nil {
		b.close()
		return broker{}, r.kafkaVerdict(err)
	}
	return b, verdict{}
}

// within gives up on a call of the client after the limit, or when ctx ends; the connection's end
// then ends the call as well.
func within[T any](ctx context.Context, limit time.Duration, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan answer, 1)
	go func() {
		value, err := caught(call)
		done <- answer{value, err}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// errPanic is what becomes of a panic at what a server sent: in a goroutine of its own
// it would end the operator for everyone.
var errPanic = errors.New("what the server sent made the client library panic")

func caught[T any](call func() (T, error)) (value T, err error) {
	defer func() {
		if recover() != nil { // what it says may be what the server sent
			err = errPanic
		}
	}()
	return call()
}

func (r *run) saramaConfig(conn net.Conn) (*sarama.Config, verdict) {
	config := sarama.NewConfig()
	config.ClientID = clientName
	config.Version = sarama.V3_7_0_0 // the newest that a request needs: see describeConsumerGroup
	limit := r.prober.options.Exchange
	config.Net.DialTimeout, config.Net.ReadTimeout, config.Net.WriteTimeout = limit, limit, limit
	config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, handOver{&framed{Conn: conn}}
	config.MetricRegistry = metrics.NewRegistry() // of its own: the default one is shared and grows
	if r.settings.Mechanism == "" {
		return config, verdict{}
	}
	switch mechanism := sarama.SASLMechanism(strings.ToUpper(r.settings.Mechanism)); mechanism {
	case sarama.SASLTypePlaintext, sarama.SASLTypeSCRAMSHA256, sarama.SASLTypeSCRAMSHA512:
		config.Net.SASL.Mechanism = mechanism
		config.Net.SASL.SCRAMClientGeneratorFunc = scramFor(mechanism)
	default:
		return nil, unknown("", "the probe does not speak the SASL mechanism "+r.settings.Mechanism)
	}
	if r.settings.User == "" || !r.settings.Password.IsSet() {
		return nil, r.noCredentials()
	}
	config.Net.SASL.Enable, config.Net.SASL.Version = true, sarama.SASLHandshakeV1
	config.Net.SASL.User, config.Net.SASL.Password = r.settings.User, r.settings.Password.Reveal()
	return config, verdict{}
}

func (r *run) noCredentials() verdict {
	if r.settings.Unresolved {
		return unknown("", "the operator could not read the client's SASL credentials")
	}
	return failed(evidence.CodeNoPassword, "SASL "+r.settings.Mechanism+" is configured without a user and password")
}

// metadata asks for the topics that matter, by name: not for all, and without
// creating any.
func (r *run) metadata(ctx context.Context, b broker) (*sarama.MetadataResponse, verdict) {
	request := sarama.NewMetadataRequest(sarama.V2_8_0_0, append(slices.Clone(r.settings.Topics), offsetsTopic))
	request.AllowAutoTopicCreation = false
	response, err := within(ctx, r.prober.options.Exchange, func() (*sarama.MetadataResponse, error) { return b.client.GetMetadata(request) })
	if err != nil {
		return nil, r.kafkaVerdict(err)
	}
	r.result.Kafka = &evidence.KafkaFacts{Mechanisms: r.mechanisms()}
	for _, t := range response.Topics {
		if slices.Contains(r.settings.Topics, t.Name) {
			r.result.Kafka.Topics = append(r.result.Kafka.Topics, topicFacts(t))
		}
	}
	if len(response.Brokers) == 0 {
		return nil, failed(nameOf(sarama.ErrBrokerNotAvailable), "the cluster has no broker yet")
	}
	return response, verdict{}
}

// mechanisms that an earlier stage was told of.
func (r *run) mechanisms() []string {
	if r.result.Kafka == nil {
		return nil
	}
	return r.result.Kafka.Mechanisms
}

func topicFacts(t *sarama.TopicMetadata) evidence.KafkaTopic {
	facts := evidence.KafkaTopic{Name: t.Name, Exists: t.Err == sarama.ErrNoError, Partitions: int32(len(t.Partitions))}
	switch t.Err {
	case sarama.ErrNoError:
	case sarama.ErrLeaderNotAvailable:
		facts.Exists = true // it is being made
		facts.Code = nameOf(t.Err)
	default:
		facts.Code = nameOf(t.Err)
	}
	for _, p := range t.Partitions {
		if p.Leader < 0 || errors.Is(p.Err, sarama.ErrLeaderNotAvailable) {
			facts.Leaderless++
		}
		if len(p.Isr) < len(p.Replicas) {
			facts.UnderReplicated++
		}
	}
	return facts
}

// openListener opens a connection to the broker with the id, at the listener
// that it advertises.
func (r *run) openListener(ctx context.Context, metadata *sarama.MetadataResponse, id int32) (broker, verdict) {
	i := slices.IndexFunc(metadata.Brokers, func(b *sarama.Broker) bool { return b.ID() == id })
	if i < 0 {
		return broker{}, unknown("", fmt.Sprintf("broker %d is not in the metadata", id))
	}
	server := addressOf(metadata.Brokers[i])
	if !r.mayAuthenticate(ctx, server) {
		return broker{}, unknown("", fmt.Sprintf("broker %d advertises %s, to which the client's password is not sent by %s", id, server, r.settings.Mechanism))
	}
	conn, v := r.prober.reach(ctx, r.scope, server)
	if !v.passed() {
		return broker{}, v
	}
	if r.wantsTLS() {
		secure, err := r.prober.handshake(ctx, conn, r.settings.TLS, server.Host)
		if err != nil {
			_ = conn.Close()
			return broker{}, tlsVerdict(err)
		}
		conn = secure
	}
	b, v := r.openClient(ctx, conn, server)
	if !v.passed() {
		_ = conn.Close()
	}
	return b, v
}

func (b broker) createTopic(ctx context.Context, topic v1alpha1.DeclaredTopic, limit time.Duration) error {
	request := &sarama.CreateTopicsRequest{Version: 3, Timeout: limit, TopicDetails: map[string]*sarama.TopicDetail{topic.Name: {
		NumPartitions: max(1, topic.Partitions), ReplicationFactor: int16(max(1, topic.ReplicationFactor)),
	}}}
	response, err := within(ctx, limit, func() (*sarama.CreateTopicsResponse, error) { return b.client.CreateTopics(request) })
	if err != nil {
		return err
	}
	answer := response.TopicErrors[topic.Name]
	switch {
	case answer == nil:
		return errors.New("the broker's answer does not name the topic")
	case answer.Err == sarama.ErrNoError, answer.Err == sarama.ErrTopicAlreadyExists:
		return nil
	}
	return answer
}

func addressOf(b *sarama.Broker) evidence.HostPort {
	host, port, err := net.SplitHostPort(b.Addr())
	if err != nil {
		return evidence.HostPort{Host: b.Addr()}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return evidence.HostPort{Host: host}
	}
	return evidence.HostPort{Host: host, Port: int32(n)}
}

func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback() || a.IsUnspecified()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
