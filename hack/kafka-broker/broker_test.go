package main

import (
	"crypto/tls"
	"errors"
	"net"
	"testing"

	"github.com/IBM/sarama"
)

func env(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

// serve starts a broker on a free port of loopback and returns its address.
func serve(t *testing.T, values map[string]string) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	values["LISTEN_ADDRESS"] = address
	c, err := configOf(env(values))
	if err != nil {
		t.Fatal(err)
	}
	broker, err := start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return address
}

func metadata(t *testing.T, address string, config *sarama.Config, topics ...string) *sarama.MetadataResponse {
	t.Helper()
	client := sarama.NewBroker(address)
	if err := client.Open(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	answer, err := client.GetMetadata(sarama.NewMetadataRequest(config.Version, topics))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestMetadataNamesTheAdvertisedHost(t *testing.T) {
	for _, c := range []struct{ advertised, wantPort, want string }{
		{advertised: "redpanda:19092", want: "redpanda:19092"},
		{advertised: "redpanda", want: "redpanda:"}, // and the port that it listens on
	} {
		t.Run(c.advertised, func(t *testing.T) {
			address := serve(t, map[string]string{"ADVERTISED_HOST": c.advertised})
			if c.want == "redpanda:" {
				_, port, _ := net.SplitHostPort(address)
				c.want += port
			}
			answer := metadata(t, address, sarama.NewConfig())
			if len(answer.Brokers) != 1 || answer.Brokers[0].Addr() != c.want {
				t.Errorf("brokers = %v, want one at %s", answer.Brokers, c.want)
			}
		})
	}
}

func TestTopicsAreThoseThatWereAskedFor(t *testing.T) {
	address := serve(t, map[string]string{"ADVERTISED_HOST": "127.0.0.1", "TOPICS": "workflows:3, events"})
	client, err := sarama.NewClient([]string{address}, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	for topic, want := range map[string]int{"workflows": 3, "events": 1} {
		if partitions, err := client.Partitions(topic); err != nil || len(partitions) != want {
			t.Errorf("partitions of %s = %v, %v; want %d", topic, partitions, err, want)
		}
	}
	// Asking for a topic, even with auto-creation allowed, must not create it.
	if _, err := client.Partitions("missing"); !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		t.Errorf("partitions of a missing topic: %v, want %v", err, sarama.ErrUnknownTopicOrPartition)
	}
}

func TestTopicCanBeCreated(t *testing.T) {
	address := serve(t, map[string]string{"ADVERTISED_HOST": "127.0.0.1"})
	admin, err := sarama.NewClusterAdmin([]string{address}, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if err := admin.CreateTopic("workflows", &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	topics, err := admin.ListTopics()
	if err != nil || topics["workflows"].NumPartitions != 3 {
		t.Errorf("topics = %v, %v; want workflows with 3 partitions", topics, err)
	}
}

func TestSASLIsRequiredWhenConfigured(t *testing.T) {
	address := serve(t, map[string]string{
		"ADVERTISED_HOST": "127.0.0.1",
		"SASL_MECHANISM":  "PLAIN", "SASL_USERNAME": "bridge", "SASL_PASSWORD": "right",
	})
	config := sarama.NewConfig()
	config.Metadata.Retry.Max = 0
	config.Net.SASL.Enable = true
	config.Net.SASL.Mechanism = sarama.SASLTypePlaintext
	config.Net.SASL.User = "bridge"
	for password, accepted := range map[string]bool{"right": true, "wrong": false} {
		config.Net.SASL.Password = password
		client, err := sarama.NewClient([]string{address}, config)
		if (err == nil) != accepted {
			t.Errorf("password %q: %v, want accepted = %v", password, err, accepted)
		}
		if err == nil {
			_ = client.Close()
		}
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	for name, values := range map[string]map[string]string{
		"partitions are no number": {"TOPICS": "workflows:many"},
		"no partitions":            {"TOPICS": "workflows:0"},
		"SASL without a user":      {"SASL_MECHANISM": "PLAIN"},
		"an error without a code":  {"PRODUCE_ERROR": "MESSAGE_TOO_LARGE"},
	} {
		if c, err := configOf(env(values)); err == nil {
			t.Errorf("%s: accepted as %+v", name, c)
		}
	}
}

func TestAFencedGroupLetsNoneInUntilItIsDeleted(t *testing.T) {
	values := map[string]string{"ADVERTISED_HOST": "127.0.0.1", "TOPICS": "orders", "FENCED_GROUP": "workers"}
	address := serve(t, values)
	config := sarama.NewConfig()
	client := sarama.NewBroker(address)
	if err := client.Open(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	join := func() sarama.KError {
		t.Helper()
		request := &sarama.JoinGroupRequest{Version: 1, GroupId: "workers", SessionTimeout: 10000, RebalanceTimeout: 1000, ProtocolType: "consumer"}
		if err := request.AddGroupProtocolMetadata("range", &sarama.ConsumerGroupMemberMetadata{Topics: []string{"orders"}}); err != nil {
			t.Fatal(err)
		}
		answer, err := client.JoinGroup(request)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Err
	}
	described, err := client.DescribeGroups(&sarama.DescribeGroupsRequest{Groups: []string{"workers"}})
	if err != nil || len(described.Groups) != 1 || described.Groups[0].State != "Empty" {
		t.Fatalf("at the start the group is %+v, %v", described, err)
	}
	if got := join(); got != sarama.ErrFencedInstancedId {
		t.Errorf("joining answers %v", got)
	}
	if _, err := client.DeleteGroups(&sarama.DeleteGroupsRequest{Groups: []string{"workers"}}); err != nil {
		t.Fatal(err)
	}
	if got := join(); got != sarama.ErrNoError {
		t.Errorf("after the deletion joining answers %v", got)
	}
}

func TestWhatIsSentIsAnsweredWithAnError(t *testing.T) {
	for code, want := range map[string]error{"": nil, "10": sarama.ErrMessageSizeTooLarge, "19": sarama.ErrNotEnoughReplicas} {
		address := serve(t, map[string]string{"ADVERTISED_HOST": "127.0.0.1", "TOPICS": "orders", "PRODUCE_ERROR": code})
		config := sarama.NewConfig()
		config.Producer.Return.Successes = true
		producer, err := sarama.NewSyncProducer([]string{address}, config)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: "orders", Value: sarama.StringEncoder("one")})
		if !errors.Is(err, want) {
			t.Errorf("code %q: %v, want %v", code, err, want)
		}
		_ = producer.Close()
	}
}

func TestNobodyIsAuthorized(t *testing.T) {
	address := serve(t, map[string]string{"ADVERTISED_HOST": "127.0.0.1", "TOPICS": "orders", "DENY": "true"})
	answer := metadata(t, address, sarama.NewConfig(), "orders")
	if len(answer.Topics) != 1 || answer.Topics[0].Err != sarama.ErrTopicAuthorizationFailed {
		t.Errorf("topics %+v", answer.Topics)
	}
}

func TestOnlyTLSIsSpoken(t *testing.T) {
	address := serve(t, map[string]string{"ADVERTISED_HOST": "127.0.0.1", "TLS": "true"})
	for encrypted, want := range map[bool]bool{true: true, false: false} {
		config := sarama.NewConfig()
		config.Metadata.Retry.Max = 0
		config.Net.TLS.Enable = encrypted
		config.Net.TLS.Config = &tls.Config{InsecureSkipVerify: true}
		client, err := sarama.NewClient([]string{address}, config)
		if (err == nil) != want {
			t.Errorf("encrypted %t: %v", encrypted, err)
		}
		if err == nil {
			_ = client.Close()
		}
		t.Log(err)
	}
}
