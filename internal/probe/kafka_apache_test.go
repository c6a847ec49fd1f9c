package probe

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/test/servers"
)

const (
	hookPassword = "hook-Password-2"
	// kafkaSASL is the way of a probe that authenticates, up to the topics.
	kafkaSASL = "Resolve Dial Authenticate Metadata Listeners "
)

// Apache Kafka itself; one broker for all, as it takes seconds to start. The
// last of these restarts it.
func TestApacheKafka(t *testing.T) {
	authority := servers.NewAuthority(t)
	k := apacheKafka{authority: authority, refusing: closedPort(t)}
	k.ApacheKafkaBroker = servers.ApacheKafka(t, authority.Issue(t, time.Hour, "127.0.0.1"),
		servers.Login("hook", hookPassword),
		servers.Advertise("LOOPBACK", evidence.HostPort{Host: "::1", Port: 9092}),
		servers.Advertise("UNRESOLVABLE", evidence.HostPort{Host: "kafka-0.kafka", Port: 9092}),
		servers.Advertise("REFUSING", k.refusing),
	)
	k.admin = k.Client(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, apacheKafka)
	}{
		{"the first group", testApacheKafkaFirstGroup},
		{"SASL", testApacheKafkaSASL},
		{"TLS", testApacheKafkaTLS},
		{"advertised listeners", testApacheKafkaListeners},
		{"topics", testApacheKafkaTopics},
		{"groups", testApacheKafkaGroups},
		{"groups of the newer protocol", testApacheKafkaNewerGroups},
		{"CreateTopic", testApacheKafkaCreateTopic},
		{"DeleteGroup", testApacheKafkaDeleteGroup},
		{"restart", testApacheKafkaRestart},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, k) })
	}
	// Brokers create what was asked for a moment after they have answered.
	made := []string{offsetsTopic, "consumed", "created", "defaults", "orders", "secret"}
	if topics := k.topics(t); !slices.Equal(topics, made) {
		t.Errorf("in the end there are topics %q, want %q", topics, made)
	}
	if t.Failed() {
		t.Logf("the broker's log:\n%s", k.Log())
	}
}

// Asking for a group's coordinator makes a broker that never had one create the
// topic of the groups' offsets.
func testApacheKafkaFirstGroup(t *testing.T, k apacheKafka) {
	k.allow(t, "hook", kmsg.ACLResourceTypeGroup, "first", kmsg.ACLOperationRead)
	k.unchanged(t, func() {
		// Who may not see that topic cannot tell whether there are groups.
		c := with(k.as("SCRAM-SHA-256", "hook", hookPassword), func(c *evidence.Connection) { c.Group = "first" })
		expect(t, probe(t, local(), c), kafkaSASL+"Group Unknown NOT_COORDINATOR")
		c = with(k.Connection(servers.Plaintext), func(c *evidence.Connection) { c.Group = "first" })
		expect(t, probe(t, local(), c), "Resolve Dial Metadata Listeners Group Passed")
	})
}

func testApacheKafkaSASL(t *testing.T, k apacheKafka) {
	const failed = "Resolve Dial Authenticate Failed "
	tests := []struct {
		name, want, says string
		settings         evidence.Connection
	}{
		{"PLAIN", kafkaSASL + "Passed", "", k.as("PLAIN", "hook", hookPassword)},
		{"SCRAM-SHA-256", kafkaSASL + "Passed", "", k.as("SCRAM-SHA-256", "hook", hookPassword)},
		{"SCRAM-SHA-512", kafkaSASL + "Passed", "", k.as("SCRAM-SHA-512", "hook", hookPassword)},
		{"PLAIN, wrong password", failed + "SASL_AUTHENTICATION_FAILED", "Invalid username or password", k.as("PLAIN", "hook", "wrong-Password")},
		{"SCRAM-SHA-256, wrong password", failed + "SASL_AUTHENTICATION_FAILED", "invalid credentials with SASL mechanism SCRAM-SHA-256", k.as("SCRAM-SHA-256", "hook", "wrong-Password")},
		{"SCRAM-SHA-512, no such user", failed + "SASL_AUTHENTICATION_FAILED", "invalid credentials with SASL mechanism SCRAM-SHA-512", k.as("SCRAM-SHA-512", "ghost", hookPassword)},
		{"no password", failed + "NO_PASSWORD", "without a user and password", k.as("PLAIN", "hook", "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := probe(t, local(), tt.settings)
			expect(t, got, tt.want, tt.says)
			for _, s := range got.Stages {
				if strings.Contains(s.Message, "-Password") {
					t.Errorf("stage %s says %q", s.Name, s.Message)
				}
			}
		})
	}
	t.Run("mechanism that is not offered", func(t *testing.T) {
		c := with(k.Connection(servers.SASLSSL), credentials("PLAIN", "hook", hookPassword))
		got := probe(t, local(k.trusted), c)
		expect(t, got, "Resolve Dial TLS Authenticate Failed UNSUPPORTED_SASL_MECHANISM", "the broker offers SCRAM-SHA-512")
		if got.Kafka == nil || !slices.Equal(got.Kafka.Mechanisms, []string{"SCRAM-SHA-512"}) {
			t.Errorf("facts: %+v", got.Kafka)
		}
	})
	t.Run("client without SASL", func(t *testing.T) {
		got := probe(t, local(), k.Connection(servers.SASLPlaintext))
		expect(t, got, failed+"NO_PASSWORD", "the listener wants SASL", "SCRAM-SHA-256")
		if got.Kafka == nil || len(got.Kafka.Mechanisms) != 3 {
			t.Errorf("facts: %+v", got.Kafka)
		}
	})
	t.Run("client without SASL, over TLS", func(t *testing.T) {
		got := probe(t, local(k.trusted), k.Connection(servers.SASLSSL))
		expect(t, got, "Resolve Dial TLS Authenticate Failed NO_PASSWORD", "the listener wants SASL (SCRAM-SHA-512)")
	})
	t.Run("SASL client of a listener without", func(t *testing.T) {
		c := with(k.Connection(servers.Plaintext), credentials("PLAIN", "hook", hookPassword))
		expect(t, probe(t, local(), c), failed+"ILLEGAL_SASL_STATE")
	})
}

func testApacheKafkaTLS(t *testing.T, k apacheKafka) {
	mode := func(listener string, m evidence.TLSMode) evidence.Connection {
		return with(k.Connection(listener), func(c *evidence.Connection) { c.TLS = m })
	}
	expect(t, probe(t, local(k.trusted), k.Connection(servers.SSL)), "Resolve Dial TLS Metadata Listeners Passed")
	expect(t, probe(t, local(), mode(servers.SSL, evidence.TLSRequire)), "Resolve Dial TLS Metadata Listeners Passed")
	secure := with(k.Connection(servers.SASLSSL), credentials("SCRAM-SHA-512", "hook", hookPassword))
	expect(t, probe(t, local(k.trusted), secure), "Resolve Dial TLS Authenticate Metadata Listeners Passed")

	t.Run("authority that the probe does not know", func(t *testing.T) {
		expect(t, probe(t, local(), k.Connection(servers.SSL)), "Resolve Dial TLS Unknown TLS_VERIFY", "unknown authority")
	})
	t.Run("another host's certificate", func(t *testing.T) {
		resolver := func(o *settings) { o.Resolver = names{"kafka.shop.svc.cluster.local.": "127.0.0.1"} }
		c := with(k.Connection(servers.SSL), func(c *evidence.Connection) { c.Servers[0].Host = "kafka" })
		expect(t, probe(t, local(k.trusted, resolver), c), "Resolve Dial TLS Failed TLS_VERIFY", "kafka")
	})
	// Which a client may have, and the probe has not. In TLS 1.3 it hears so only
	// after the handshake.
	t.Run("listener that wants a certificate of the client", func(t *testing.T) {
		expect(t, probe(t, local(k.trusted), k.Connection(servers.MutualTLS)), "Resolve Dial TLS Metadata Unknown PROTOCOL", "certificate")
	})
	t.Run("plaintext client of a TLS listener", func(t *testing.T) {
		expect(t, probe(t, local(), mode(servers.SSL, evidence.TLSDisable)), "Resolve Dial TLS Failed TLS_REQUIRED")
	})
	t.Run("SASL client without TLS of a TLS listener", func(t *testing.T) {
		c := with(mode(servers.SASLSSL, evidence.TLSUnset), credentials("SCRAM-SHA-512", "hook", hookPassword))
		expect(t, probe(t, local(), c), "Resolve Dial TLS Failed TLS_REQUIRED")
	})
	t.Run("TLS client of a plaintext listener", func(t *testing.T) {
		expect(t, probe(t, local(k.trusted), mode(servers.Plaintext, evidence.TLSVerifyFull)), "Resolve Dial TLS Failed TLS_REFUSED")
	})
	t.Run("TLS client of a SASL listener without TLS", func(t *testing.T) {
		c := with(mode(servers.SASLPlaintext, evidence.TLSVerifyFull), credentials("PLAIN", "hook", hookPassword))
		expect(t, probe(t, local(k.trusted), c), "Resolve Dial TLS Failed TLS_REFUSED")
	})
}

func testApacheKafkaListeners(t *testing.T, k apacheKafka) {
	tests := []struct{ listener, want, says string }{
		{"LOOPBACK", "LOOPBACK", "broker 1 advertises [::1]:9092"},
		{"UNRESOLVABLE", "NXDOMAIN", "broker 1 advertises kafka-0.kafka:9092"},
		{"REFUSING", "ECONNREFUSED", "broker 1 advertises " + k.refusing.String()},
	}
	for _, tt := range tests {
		t.Run(tt.listener, func(t *testing.T) {
			got := probe(t, local(), k.Connection(tt.listener))
			expect(t, got, "Resolve Dial Metadata Listeners Failed "+tt.want, tt.says)
			if got.Kafka == nil || len(got.Kafka.Brokers) != 1 || got.Kafka.Brokers[0].Code != tt.want {
				t.Errorf("facts: %+v", got.Kafka)
			}
		})
	}
}

func testApacheKafkaTopics(t *testing.T, k apacheKafka) {
	k.createTopic(t, "orders", 3)
	k.createTopic(t, "secret", 1)
	k.allow(t, "hook", kmsg.ACLResourceTypeTopic, "orders", kmsg.ACLOperationDescribe)
	k.allow(t, "hook", kmsg.ACLResourceTypeTopic, "shipments", kmsg.ACLOperationDescribe)
	tests := []struct {
		name, want string
		settings   evidence.Connection
	}{
		{"there", "Resolve Dial Metadata Listeners Topics Passed", k.Connection(servers.Plaintext, "orders")},
		{"missing", "Resolve Dial Metadata Listeners Topics Failed TOPIC_MISSING", k.Connection(servers.Plaintext, "orders", "shipments")},
		{"authorized", kafkaSASL + "Topics Passed", k.as("PLAIN", "hook", hookPassword, "orders")},
		{"authorized, missing", kafkaSASL + "Topics Failed TOPIC_MISSING", k.as("PLAIN", "hook", hookPassword, "shipments")},
		{"not authorized", kafkaSASL + "Topics Failed TOPIC_AUTHORIZATION_FAILED", k.as("PLAIN", "hook", hookPassword, "orders", "secret")},
		// The broker hides from strangers that a topic does not exist.
		{"not authorized, missing", kafkaSASL + "Topics Failed TOPIC_AUTHORIZATION_FAILED", k.as("PLAIN", "hook", hookPassword, "parcels")},
		{"impossible name", "Resolve Dial Metadata Listeners Topics Failed INVALID_TOPIC_EXCEPTION", k.Connection(servers.Plaintext, "orders/eu")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k.unchanged(t, func() { expect(t, probe(t, local(), tt.settings), tt.want) })
		})
	}
	facts := probe(t, local(), tests[0].settings).Kafka
	if want := (evidence.KafkaTopic{Name: "orders", Exists: true, Partitions: 3}); facts == nil || len(facts.Topics) != 1 || facts.Topics[0] != want {
		t.Errorf("facts: %+v", facts)
	}
}

func testApacheKafkaGroups(t *testing.T, k apacheKafka) {
	k.allow(t, "hook", kmsg.ACLResourceTypeGroup, "readers", kmsg.ACLOperationRead)
	of := func(c evidence.Connection, group string) evidence.Connection {
		c.Group = group
		return c
	}
	super, hook := k.Connection(servers.Plaintext), k.as("PLAIN", "hook", hookPassword)
	k.consume(t, "readers")
	tests := []struct {
		name, want string
		settings   evidence.Connection
		facts      evidence.KafkaGroup
	}{
		{"with a member", "Resolve Dial Metadata Listeners Group Passed", of(super, "readers"), evidence.KafkaGroup{Name: "readers", State: "Stable", Members: 1}},
		{"authorized", kafkaSASL + "Group Passed", of(hook, "readers"), evidence.KafkaGroup{Name: "readers", State: "Stable", Members: 1}},
		{"none of this name", "Resolve Dial Metadata Listeners Group Passed", of(super, "writers"), evidence.KafkaGroup{Name: "writers", State: "Dead"}},
		{"not authorized", kafkaSASL + "Group Failed GROUP_AUTHORIZATION_FAILED", of(hook, "writers"), evidence.KafkaGroup{Name: "writers", Code: "GROUP_AUTHORIZATION_FAILED"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k.unchanged(t, func() {
				got := probe(t, local(), tt.settings)
				expect(t, got, tt.want)
				if got.Kafka == nil || got.Kafka.Group == nil || *got.Kafka.Group != tt.facts {
					t.Errorf("group: %+v, want %+v", got.Kafka.Group, tt.facts)
				}
			})
		})
	}
}

// In the groups of KIP-848 the broker assigns the partitions to the members.
func testApacheKafkaNewerGroups(t *testing.T, k apacheKafka) {
	k.allow(t, "hook", kmsg.ACLResourceTypeGroup, "newer", kmsg.ACLOperationRead)
	group := func(c evidence.Connection, want string) evidence.KafkaGroup {
		t.Helper()
		c.Group = "newer"
		got := probe(t, local(), c)
		expect(t, got, want)
		if got.Kafka == nil || got.Kafka.Group == nil {
			t.Fatalf("facts: %+v", got.Kafka)
		}
		return *got.Kafka.Group
	}
	super := k.Connection(servers.Plaintext)
	member := k.consume(t, "newer", kgo.ServerSideBalancer())
	const passed = "Resolve Dial Metadata Listeners Group Passed"
	if got, want := group(super, passed), (evidence.KafkaGroup{Name: "newer", State: "Stable", Members: 1}); got != want {
		t.Errorf("with a member: %+v, want %+v", got, want)
	}
	// That takes the right to see the group's topics as well.
	if got, want := group(k.as("PLAIN", "hook", hookPassword), kafkaSASL+"Group Passed"), (evidence.KafkaGroup{Name: "newer"}); got != want {
		t.Errorf("for a stranger to its topics: %+v, want %+v", got, want)
	}
	remove := func() error {
		return local().DeleteGroup(t.Context(), egress.Scope{Namespace: "shop"}, ofTemplate(super), "newer")
	}
	if err := remove(); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("deleting it with a member: %v", err)
	}
	member.Close()
	k.awaitState(t, "newer", "Empty")
	if got, want := group(super, passed), (evidence.KafkaGroup{Name: "newer", State: "Empty"}); got != want {
		t.Errorf("without members: %+v, want %+v", got, want)
	}
	if err := remove(); err != nil {
		t.Errorf("deleting it: %v", err)
	}
}

func testApacheKafkaCreateTopic(t *testing.T, k apacheKafka) {
	topic := v1alpha1.DeclaredTopic{Name: "created", Partitions: 2, ReplicationFactor: 1}
	create := func(c evidence.Connection, topic v1alpha1.DeclaredTopic) error {
		return local(k.trusted).CreateTopic(t.Context(), egress.Scope{Namespace: "shop"}, ofTemplate(c), topic)
	}
	err := create(k.as("PLAIN", "hook", hookPassword), topic)
	if err == nil || !strings.Contains(err.Error(), "created") || !strings.Contains(err.Error(), "not authorized") {
		t.Errorf("without authorization: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), hookPassword) {
		t.Errorf("the refusal tells the password: %v", err)
	}
	if slices.Contains(k.topics(t), "created") {
		t.Error("the topic was created without authorization")
	}
	k.allow(t, "hook", kmsg.ACLResourceTypeTopic, "created", kmsg.ACLOperationCreate)
	for range 2 { // and once it is there
		if err := create(k.as("SCRAM-SHA-256", "hook", hookPassword), topic); err != nil {
			t.Errorf("creating: %v", err)
		}
	}
	k.await(t, "topic created", func() bool { return slices.Contains(k.topics(t), "created") })
	got := probe(t, local(), k.Connection(servers.Plaintext, "created"))
	expect(t, got, "Resolve Dial Metadata Listeners Topics Passed")
	if got.Kafka == nil || got.Kafka.Topics[0].Partitions != 2 {
		t.Errorf("facts: %+v", got.Kafka)
	}
	if err := create(k.Connection(servers.SSL), v1alpha1.DeclaredTopic{Name: "defaults"}); err != nil {
		t.Errorf("over TLS, with the API's defaults: %v", err)
	}
	err = create(k.Connection(servers.Plaintext), v1alpha1.DeclaredTopic{Name: "replicated", ReplicationFactor: 3})
	if err == nil || !strings.Contains(err.Error(), "eplication") {
		t.Errorf("with more replicas than brokers: %v", err)
	}
}

func testApacheKafkaDeleteGroup(t *testing.T, k apacheKafka) {
	remove := func(c evidence.Connection, group string) error {
		return local().DeleteGroup(t.Context(), egress.Scope{Namespace: "shop"}, ofTemplate(c), group)
	}
	super := k.Connection(servers.Plaintext)
	member := k.consume(t, "to-delete")
	if err := remove(super, "to-delete"); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("with a member: %v", err)
	}
	member.Close()
	k.awaitState(t, "to-delete", "Empty")
	if err := remove(k.as("PLAIN", "hook", hookPassword), "to-delete"); err == nil || !strings.Contains(err.Error(), "not authorized") {
		t.Errorf("without authorization: %v", err)
	}
	if !slices.Contains(k.groups(t), "to-delete") {
		t.Fatal("the group is gone, which nobody was allowed to delete")
	}
	for range 2 { // and once it is gone
		if err := remove(super, "to-delete"); err != nil {
			t.Errorf("empty: %v", err)
		}
		if slices.Contains(k.groups(t), "to-delete") {
			t.Error("the group is still there")
		}
	}
}

// A broker that is down, then starts: until it serves, what the probes say of it
// is that it does not, and nothing of credentials or topics.
func testApacheKafkaRestart(t *testing.T, k apacheKafka) {
	super := with(k.Connection(servers.Plaintext, "orders"), func(c *evidence.Connection) { c.Group = "readers" })
	hook := with(k.as("SCRAM-SHA-256", "hook", hookPassword, "orders"), func(c *evidence.Connection) { c.Group = "readers" })
	k.Stop(t)
	expect(t, probe(t, local(), super), "Resolve Dial Failed ECONNREFUSED")
	k.Start(t)
	starting := []string{evidence.CodeRefused, "BROKER_NOT_AVAILABLE", "LEADER_NOT_AVAILABLE", "NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS"}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		passed := 0
		for _, c := range []evidence.Connection{super, hook} {
			got := probe(t, local(), c)
			switch got.Outcome() {
			case v1alpha1.ProbePassed:
				passed++
			case v1alpha1.ProbeFailed:
				if !slices.Contains(starting, got.Last().Code) {
					t.Errorf("of a broker that starts the probe says %q: %s", story(got), got.Last().Message)
				}
			case v1alpha1.ProbeUnknown:
			}
		}
		if passed == 2 {
			return
		}
	}
	t.Error("no probe passed within two minutes")
}
