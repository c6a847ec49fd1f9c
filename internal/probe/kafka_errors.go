package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"

	"github.com/bridgestack/operator/internal/evidence"
)

// kafkaNames are the protocol's own names of error codes
// (org.apache.kafka.common.protocol.Errors), those that a probe can meet.
var kafkaNames = map[sarama.KError]string{
	sarama.ErrUnknown:                            "UNKNOWN_SERVER_ERROR",
	sarama.ErrUnknownTopicOrPartition:            "UNKNOWN_TOPIC_OR_PARTITION",
	sarama.ErrLeaderNotAvailable:                 "LEADER_NOT_AVAILABLE",
	sarama.ErrNotLeaderForPartition:              "NOT_LEADER_OR_FOLLOWER",
	sarama.ErrRequestTimedOut:                    "REQUEST_TIMED_OUT",
	sarama.ErrBrokerNotAvailable:                 "BROKER_NOT_AVAILABLE",
	sarama.ErrReplicaNotAvailable:                "REPLICA_NOT_AVAILABLE",
	sarama.ErrMessageSizeTooLarge:                "MESSAGE_TOO_LARGE",
	sarama.ErrNetworkException:                   "NETWORK_EXCEPTION",
	sarama.ErrOffsetsLoadInProgress:              "COORDINATOR_LOAD_IN_PROGRESS",
	sarama.ErrConsumerCoordinatorNotAvailable:    "COORDINATOR_NOT_AVAILABLE",
	sarama.ErrNotCoordinatorForConsumer:          "NOT_COORDINATOR",
	sarama.ErrInvalidTopic:                       "INVALID_TOPIC_EXCEPTION",
	sarama.ErrMessageSetSizeTooLarge:             "RECORD_LIST_TOO_LARGE",
	sarama.ErrNotEnoughReplicas:                  "NOT_ENOUGH_REPLICAS",
	sarama.ErrNotEnoughReplicasAfterAppend:       "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
	sarama.ErrInvalidGroupId:                     "INVALID_GROUP_ID",
	sarama.ErrRebalanceInProgress:                "REBALANCE_IN_PROGRESS",
	sarama.ErrTopicAuthorizationFailed:           "TOPIC_AUTHORIZATION_FAILED",
	sarama.ErrGroupAuthorizationFailed:           "GROUP_AUTHORIZATION_FAILED",
	sarama.ErrClusterAuthorizationFailed:         "CLUSTER_AUTHORIZATION_FAILED",
	sarama.ErrUnsupportedSASLMechanism:           "UNSUPPORTED_SASL_MECHANISM",
	sarama.ErrIllegalSASLState:                   "ILLEGAL_SASL_STATE",
	sarama.ErrUnsupportedVersion:                 "UNSUPPORTED_VERSION",
	sarama.ErrTopicAlreadyExists:                 "TOPIC_ALREADY_EXISTS",
	sarama.ErrInvalidPartitions:                  "INVALID_PARTITIONS",
	sarama.ErrInvalidReplicationFactor:           "INVALID_REPLICATION_FACTOR",
	sarama.ErrInvalidConfig:                      "INVALID_CONFIG",
	sarama.ErrNotController:                      "NOT_CONTROLLER",
	sarama.ErrInvalidRequest:                     "INVALID_REQUEST",
	sarama.ErrPolicyViolation:                    "POLICY_VIOLATION",
	sarama.ErrTransactionalIDAuthorizationFailed: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
	sarama.ErrKafkaStorageError:                  "KAFKA_STORAGE_ERROR",
	sarama.ErrLogDirNotFound:                     "LOG_DIR_NOT_FOUND",
	sarama.ErrSASLAuthenticationFailed:           "SASL_AUTHENTICATION_FAILED",
	sarama.ErrGroupIDNotFound:                    "GROUP_ID_NOT_FOUND",
	sarama.ErrListenerNotFound:                   "LISTENER_NOT_FOUND",
	sarama.ErrGroupMaxSizeReached:                "GROUP_MAX_SIZE_REACHED",
	sarama.ErrThrottlingQuotaExceeded:            "THROTTLING_QUOTA_EXCEEDED",
}

// nameOf an error code, its number where it has no name here.
func nameOf(code sarama.KError) string {
	if name, ok := kafkaNames[code]; ok {
		return name
	}
	return fmt.Sprintf("ERROR_%d", int16(code))
}

// kafkaVerdict is what an error of the client shows: the broker's own code, or
// that the exchange broke off.
func (r *run) kafkaVerdict(err error) verdict {
	var code sarama.KError
	switch {
	case errors.As(err, &code):
		return failed(nameOf(code), err.Error())
	// With the broker's message beside it, the code can be asked for, but not had.
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed):
		return failed(nameOf(sarama.ErrSASLAuthenticationFailed), err.Error())
	default:
		return broken(err)
	}
}

// whyClosed finds out why a broker did not answer a client that is configured
// to speak plaintext or to do without SASL, or refused its mechanism. Each
// question has a connection of its own. Where no answer is to be had, the
// verdict stays as it was.
func (r *run) whyClosed(ctx context.Context, name evidence.StageName, v verdict) (evidence.StageName, verdict) {
	switch {
	case v.code == nameOf(sarama.ErrUnsupportedSASLMechanism):
		if _, mechanisms, err := r.saslHandshake(ctx, r.settings.Mechanism); err == nil {
			r.result.Kafka = &evidence.KafkaFacts{Mechanisms: mechanisms}
			v.message += "; the broker offers " + strings.Join(mechanisms, ", ")
		}
		return name, v
	case v.code != evidence.CodeReset && v.code != evidence.CodeTimeout && v.code != evidence.CodeProtocol:
		return name, v
	}
	return r.whatIsWanted(ctx, name, v)
}

// whatIsWanted asks a listener that broke off for TLS and SASL.
func (r *run) whatIsWanted(ctx context.Context, name evidence.StageName, v verdict) (evidence.StageName, verdict) {
	code, mechanisms, err := r.saslHandshake(ctx, "")
	switch {
	case err != nil && !r.wantsTLS() && r.brokerSpeaksTLS(ctx):
		return evidence.StageTLS, failed(evidence.CodeTLSRequired, "the listener speaks TLS; the client is configured without")
	case err == nil && r.settings.Mechanism == "" && code == sarama.ErrUnsupportedSASLMechanism:
		r.result.Kafka = &evidence.KafkaFacts{Mechanisms: mechanisms}
		return evidence.StageAuthenticate, failed(evidence.CodeNoPassword, "the listener wants SASL ("+strings.Join(mechanisms, ", ")+"); the client is configured without")
	}
	return name, v
}

// kafkaTLSVerdict tells a plaintext listener, which hangs up on a TLS greeting,
// from one that is broken.
func (r *run) kafkaTLSVerdict(ctx context.Context, err error) verdict {
	v := tlsVerdict(err)
	if v.code == evidence.CodeReset || v.code == evidence.CodeTimeout {
		if conn, reached := r.prober.reach(ctx, r.scope, r.settings.Server()); reached.passed() {
			defer func() { _ = conn.Close() }()
			if _, _, plain := r.askMechanisms(ctx, conn, ""); plain == nil {
				return failed(evidence.CodeTLSRefused, "the listener speaks plaintext; the client is configured for TLS")
			}
		}
	}
	return v
}

func (r *run) brokerSpeaksTLS(ctx context.Context) bool {
	conn, v := r.prober.reach(ctx, r.scope, r.settings.Server())
	if !v.passed() {
		return false
	}
	defer func() { _ = conn.Close() }()
	return r.prober.speaksTLS(ctx, conn, r.settings.Server().Host)
}

// saslHandshake asks, over a connection of its own, whether the listener wants
// SASL, and which mechanisms it offers.
func (r *run) saslHandshake(ctx context.Context, mechanism string) (sarama.KError, []string, error) {
	conn, v := r.prober.reach(ctx, r.scope, r.settings.Server())
	if !v.passed() {
		return 0, nil, errors.New(v.message)
	}
	defer func() { _ = conn.Close() }()
	if r.wantsTLS() {
		secure, err := r.prober.handshake(ctx, conn, r.settings.TLS, r.settings.Server().Host)
		if err != nil {
			return 0, nil, err
		}
		conn = secure
	}
	return r.askMechanisms(ctx, conn, mechanism)
}

// askMechanisms sends a SaslHandshake request (API key 17, version 1), which a
// listener answers before authentication, and with ILLEGAL_SASL_STATE where it
// has no SASL. The client library keeps the mechanisms of the answer to itself.
func (r *run) askMechanisms(ctx context.Context, conn net.Conn, mechanism string) (sarama.KError, []string, error) {
	const correlation = 0x62726467
	ctx, cancel := context.WithTimeout(ctx, r.prober.options.Exchange)
	defer cancel()
	defer deadline(ctx, conn)()
	body := binary.BigEndian.AppendUint16(nil, 17)
	body = binary.BigEndian.AppendUint16(body, 1)
	body = binary.BigEndian.AppendUint32(body, correlation)
	for _, s := range []string{clientName, mechanism} {
		body = append(binary.BigEndian.AppendUint16(body, uint16(len(s))), s...)
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
		return 0, nil, fmt.Errorf("asking for SASL mechanisms: %w", err)
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(conn, head); err != nil {
		return 0, nil, fmt.Errorf("asking for SASL mechanisms: %w", err)
	}
	length := binary.BigEndian.Uint32(head)
	if length < 10 || length > 64<<10 || binary.BigEndian.Uint32(head[4:]) != correlation {
		return 0, nil, errors.New("the answer is not of Kafka's protocol")
	}
	answer := make([]byte, length-4)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return 0, nil, fmt.Errorf("reading the SASL mechanisms: %w", err)
	}
	return sarama.KError(int16(binary.BigEndian.Uint16(answer))), stringsOf(answer[2:]), nil
}

// stringsOf reads an array of strings of Kafka's protocol, as far as it goes.
func stringsOf(b []byte) []string {
	if len(b) < 4 {
		return nil
	}
	var out []string
	for b = b[4:]; len(b) >= 2 && len(out) < 32; {
		n := int(binary.BigEndian.Uint16(b))
		if n > len(b)-2 || n > 128 {
			break
		}
		out = append(out, string(b[2:2+n]))
		b = b[2+n:]
	}
	return out
}

// scramClient is the client's side of SCRAM (RFC 5802) for sarama.
type scramClient struct {
	hash         scram.HashGeneratorFcn
	conversation *scram.ClientConversation
}

func scramFor(mechanism sarama.SASLMechanism) func() sarama.SCRAMClient {
	hash := scram.SHA256
	if mechanism == sarama.SASLTypeSCRAMSHA512 {
		hash = scram.SHA512
	}
	return func() sarama.SCRAMClient { return &scramClient{hash: hash} }
}

func (s *scramClient) Begin(user, password, authorization string) error {
	client, err := s.hash.NewClient(user, password, authorization)
	if err != nil {
		return err
	}
	s.conversation = client.NewConversation()
	return nil
}

func (s *scramClient) Step(challenge string) (string, error) {
	switch n, err := iterationsOf(challenge); {
	case err != nil:
		return "", err
	case n > 0 && n < leastIterations:
		return "", fmt.Errorf("the broker asks for %d SCRAM iterations; Kafka stores no password with fewer than %d", n, leastIterations)
	}
	return s.conversation.Step(challenge)
}

func (s *scramClient) Done() bool { return s.conversation.Done() }
