package probe

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/test/servers"
)

func TestKafkaTopicsAndGroups(t *testing.T) {
	k := servers.Kafka(t, kfake.NumBrokers(2), kfake.SeedTopics(3, "orders"))
	got := probe(t, local(), k.Connection("orders"))
	expect(t, got, "Resolve Dial Metadata Listeners Topics Passed")
	if facts := got.Kafka; len(facts.Brokers) != 2 || len(facts.Topics) != 1 || !facts.Topics[0].Exists || facts.Topics[0].Partitions != 3 {
		t.Errorf("facts: %+v", facts)
	}
	expect(t, probe(t, local(), k.Connection()), "Resolve Dial Metadata Listeners Passed")
	missing := probe(t, local(), k.Connection("orders", "shipments"))
	expect(t, missing, "Resolve Dial Metadata Listeners Topics Failed TOPIC_MISSING", "shipments")
	if k.TopicInfo("shipments") != nil {
		t.Error("asking for a topic created it")
	}
	grouped := with(k.Connection("orders"), func(c *evidence.Connection) { c.Group = "readers" })
	got = probe(t, local(), grouped)
	expect(t, got, "Resolve Dial Metadata Listeners Topics Group Passed")
	if got.Kafka.Group == nil || got.Kafka.Group.Name != "readers" || got.Kafka.Group.Members != 0 {
		t.Errorf("group: %+v", got.Kafka.Group)
	}
}

func TestKafkaBootstrapServers(t *testing.T) {
	k := servers.Kafka(t)
	closed, alive := closedPort(t), k.Servers[0]
	unknownHost := evidence.HostPort{Host: "nowhere", Port: 9092}
	tests := []struct {
		name, want string
		servers    []evidence.HostPort
	}{
		{"the first is down", "Resolve Dial Metadata Listeners Passed", []evidence.HostPort{closed, unknownHost, alive}},
		{"none resolves", "Resolve Failed NXDOMAIN", []evidence.HostPort{unknownHost, unknownHost}},
		{"one resolves, and refuses", "Resolve Dial Failed ECONNREFUSED", []evidence.HostPort{unknownHost, closed}},
		{"one may not be asked", "Resolve Guard Unknown NOT_ALLOWED", []evidence.HostPort{unknownHost, {Host: "203.0.113.9", Port: 9092}}},
		{"none is configured", "Resolve Unknown", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, probe(t, local(), evidence.Connection{Protocol: evidence.Kafka, Servers: tt.servers}), tt.want)
		})
	}
}

func TestKafkaSASL(t *testing.T) {
	k := servers.Kafka(t, kfake.EnableSASL(), kfake.SeedTopics(1, "orders"),
		kfake.Superuser("PLAIN", "hook", "plain-Password"), kfake.Superuser("SCRAM-SHA-256", "hook", "scram-Password"), kfake.Superuser("SCRAM-SHA-512", "hook", "scram-Password"))
	as := func(mechanism, user, password string) evidence.Connection {
		return with(k.Connection("orders"), func(c *evidence.Connection) {
			c.Mechanism, c.User, c.Password = mechanism, user, evidence.NewSecret(password)
		})
	}
	const passed, failed = "Resolve Dial Authenticate Metadata Listeners Topics Passed", "Resolve Dial Authenticate Failed "
	tests := []struct {
		name, want string
		settings   evidence.Connection
	}{
		{"PLAIN", passed, as("PLAIN", "hook", "plain-Password")},
		{"SCRAM-SHA-256", passed, as("SCRAM-SHA-256", "hook", "scram-Password")},
		{"SCRAM-SHA-512", passed, as("SCRAM-SHA-512", "hook", "scram-Password")},
		// kfake hangs up on wrong credentials, as brokers before Kafka 1.0 did: why is
		// not seen. Later ones answer with a code: see below.
		{"PLAIN, wrong", "Resolve Dial Authenticate Unknown ECONNRESET", as("PLAIN", "hook", "wrong")},
		{"SCRAM, wrong", "Resolve Dial Authenticate Unknown ECONNRESET", as("SCRAM-SHA-256", "hook", "wrong")},
		{"no password", failed + "NO_PASSWORD", as("PLAIN", "hook", "")},
		{"password not readable", "Resolve Dial Authenticate Unknown", with(as("PLAIN", "hook", ""), func(c *evidence.Connection) { c.Unresolved = true })},
		{"a mechanism that the probe does not speak", "Resolve Dial Authenticate Unknown", as("GSSAPI", "hook", "x")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { expect(t, probe(t, local(), tt.settings), tt.want) })
	}
	t.Run("client without SASL", func(t *testing.T) {
		got := probe(t, local(), k.Connection("orders"))
		expect(t, got, failed+"NO_PASSWORD", "the listener wants SASL")
		if got.Kafka == nil || !slices.Contains(got.Kafka.Mechanisms, "SCRAM-SHA-256") {
			t.Errorf("mechanisms: %+v", got.Kafka)
		}
	})
}

func TestKafkaWrongCredentials(t *testing.T) {
	k := servers.Kafka(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "hook", "plain-Password"))
	k.ControlKey(int16(kmsg.SASLAuthenticate), func(request kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		answer := request.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer.ErrorCode, answer.ErrorMessage = kerr.SaslAuthenticationFailed.Code, new("Authentication failed: Invalid username or password")
		return answer, nil, true
	})
	c := with(k.Connection(), func(c *evidence.Connection) {
		c.Mechanism, c.User, c.Password = "PLAIN", "hook", evidence.NewSecret("wrong")
	})
	expect(t, probe(t, local(), c), "Resolve Dial Authenticate Failed SASL_AUTHENTICATION_FAILED", "Invalid username or password")
}

func TestKafkaMechanismNotOffered(t *testing.T) {
	k := servers.Kafka(t)
	k.ControlKey(int16(kmsg.SASLHandshake), func(request kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		answer := request.ResponseKind().(*kmsg.SASLHandshakeResponse)
		answer.ErrorCode, answer.SupportedMechanisms = kerr.UnsupportedSaslMechanism.Code, []string{"SCRAM-SHA-512"}
		return answer, nil, true
	})
	c := with(k.Connection(), func(c *evidence.Connection) { c.Mechanism, c.User, c.Password = "PLAIN", "u", evidence.NewSecret("p") })
	got := probe(t, local(), c)
	expect(t, got, "Resolve Dial Authenticate Failed UNSUPPORTED_SASL_MECHANISM", "the broker offers SCRAM-SHA-512")
	if got.Kafka == nil || !slices.Equal(got.Kafka.Mechanisms, []string{"SCRAM-SHA-512"}) {
		t.Errorf("facts: %+v", got.Kafka)
	}
}

func TestKafkaTLS(t *testing.T) {
	authority := servers.NewAuthority(t)
	secure := servers.Kafka(t, kfake.TLS(authority.Issue(t, time.Hour, "127.0.0.1").Config(t)))
	plain := servers.Kafka(t)
	mode := func(k servers.KafkaCluster, m evidence.TLSMode) evidence.Connection {
		return with(k.Connection(), func(c *evidence.Connection) { c.TLS = m })
	}
	trusting := func(o *settings) { o.RootCAs = authority.Pool }
	expect(t, probe(t, local(trusting), mode(secure, evidence.TLSVerifyFull)), "Resolve Dial TLS Metadata Listeners Passed")
	expect(t, probe(t, local(), mode(secure, evidence.TLSVerifyFull)), "Resolve Dial TLS Unknown TLS_VERIFY", "unknown authority")
	expect(t, probe(t, local(trusting), mode(secure, evidence.TLSDisable)), "Resolve Dial TLS Failed TLS_REQUIRED")
	// kfake takes the greeting for the beginning of a long request, and waits for the rest.
	brief := func(o *settings) { o.Exchange = 2 * time.Second }
	expect(t, probe(t, local(trusting, brief), mode(plain, evidence.TLSVerifyFull)), "Resolve Dial TLS Failed TLS_REFUSED")
}

// advertise makes the cluster's brokers say that they are elsewhere.
func advertise(k servers.KafkaCluster, where ...evidence.HostPort) {
	k.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		answer := request.ResponseKind().(*kmsg.MetadataResponse)
		for i, w := range where {
			b := kmsg.NewMetadataResponseBroker()
			b.NodeID, b.Host, b.Port = int32(i), w.Host, w.Port
			answer.Brokers = append(answer.Brokers, b)
		}
		for _, topic := range request.(*kmsg.MetadataRequest).Topics {
			t := kmsg.NewMetadataResponseTopic()
			t.Topic = topic.Topic
			answer.Topics = append(answer.Topics, t)
		}
		return answer, nil, true
	})
}

func TestKafkaAdvertisedListeners(t *testing.T) {
	tests := []struct {
		name, want string
		second     func(*testing.T) evidence.HostPort
	}{
		{"refuses", "Listeners Failed ECONNREFUSED", closedPort},
		{"does not resolve", "Listeners Failed NXDOMAIN", func(*testing.T) evidence.HostPort { return evidence.HostPort{Host: "kafka-1.kafka", Port: 9092} }},
		{"is loopback", "Listeners Failed LOOPBACK", func(*testing.T) evidence.HostPort { return evidence.HostPort{Host: "::1", Port: 9092} }},
		{"may not be dialled", "Listeners Unknown NOT_ALLOWED", func(*testing.T) evidence.HostPort { return evidence.HostPort{Host: "203.0.113.9", Port: 9092} }},
		{"redirects to the metadata service", "Listeners Unknown NOT_ALLOWED", func(*testing.T) evidence.HostPort { return evidence.HostPort{Host: "169.254.169.254", Port: 80} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := servers.Kafka(t)
			second := tt.second(t)
			advertise(k, k.Servers[0], second)
			got := probe(t, local(), k.Connection())
			expect(t, got, "Resolve Dial Metadata "+tt.want, "broker 1 advertises "+second.String())
			if b := got.Kafka.Brokers; len(b) != 2 || b[0].Code != "" || b[1].Code != got.Last().Code {
				t.Errorf("brokers: %+v", b)
			}
		})
	}
	t.Run("there is none yet", func(t *testing.T) {
		k := servers.Kafka(t)
		advertise(k)
		expect(t, probe(t, local(), k.Connection()), "Resolve Dial Metadata Failed BROKER_NOT_AVAILABLE")
	})
}

func TestKafkaErrorCodesOfTopics(t *testing.T) {
	for _, e := range []*kerr.Error{kerr.TopicAuthorizationFailed, kerr.LeaderNotAvailable, kerr.InvalidTopicException} {
		t.Run(e.Message, func(t *testing.T) {
			k := servers.Kafka(t)
			k.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
				k.KeepControl()
				answer := request.ResponseKind().(*kmsg.MetadataResponse)
				b := kmsg.NewMetadataResponseBroker()
				b.Host, b.Port = k.Servers[0].Host, k.Servers[0].Port
				answer.Brokers = append(answer.Brokers, b)
				topic := kmsg.NewMetadataResponseTopic()
				topic.Topic, topic.ErrorCode = new("orders"), e.Code
				answer.Topics = append(answer.Topics, topic)
				return answer, nil, true
			})
			got := probe(t, local(), k.Connection("orders"))
			expect(t, got, "Resolve Dial Metadata Listeners Topics Failed "+e.Message, "orders")
		})
	}
}

func TestKafkaErrorCodesOfGroups(t *testing.T) {
	for _, e := range []*kerr.Error{kerr.GroupAuthorizationFailed, kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress} {
		t.Run(e.Message, func(t *testing.T) {
			k := servers.Kafka(t)
			k.ControlKey(int16(kmsg.FindCoordinator), func(request kmsg.Request) (kmsg.Response, error, bool) {
				k.KeepControl()
				answer := request.ResponseKind().(*kmsg.FindCoordinatorResponse)
				answer.ErrorCode = e.Code
				return answer, nil, true
			})
			// A cluster that has had groups has this topic.
			if err := k.CreateTopic(offsetsTopic, 1, nil); err != nil {
				t.Fatal(err)
			}
			c := with(k.Connection(), func(c *evidence.Connection) { c.Group = "readers" })
			got := probe(t, local(), c)
			expect(t, got, "Resolve Dial Metadata Listeners Group Failed "+e.Message)
			if got.Kafka.Group == nil || got.Kafka.Group.Code != e.Message {
				t.Errorf("group: %+v", got.Kafka.Group)
			}
		})
	}
}

// Who must not see the topic of the groups' offsets has each broker asked.
func TestKafkaGroupOfAnotherBroker(t *testing.T) {
	k := servers.Kafka(t, kfake.NumBrokers(3))
	described := map[int32]bool{}
	k.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		answer := request.ResponseKind().(*kmsg.MetadataResponse)
		for i, s := range k.Servers {
			b := kmsg.NewMetadataResponseBroker()
			b.NodeID, b.Host, b.Port = int32(i), s.Host, s.Port
			answer.Brokers = append(answer.Brokers, b)
		}
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.ErrorCode = new(offsetsTopic), kerr.TopicAuthorizationFailed.Code
		answer.Topics = append(answer.Topics, topic)
		return answer, nil, true
	})
	k.ControlKey(int16(kmsg.DescribeGroups), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		described[k.CurrentNode()] = true
		return nil, nil, false
	})
	k.ControlKey(int16(kmsg.FindCoordinator), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		t.Error("the probe asked which broker coordinates the group")
		return nil, nil, false
	})
	for _, group := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		c := with(k.Connection(), func(c *evidence.Connection) { c.Group = group })
		expect(t, probe(t, local(), c), "Resolve Dial Metadata Listeners Group Passed")
	}
	if len(described) < 2 {
		t.Errorf("of three brokers %v were asked for the groups", described)
	}
}

func TestKafkaGroupWithMembers(t *testing.T) {
	k := servers.Kafka(t)
	if err := k.CreateTopic(offsetsTopic, 1, nil); err != nil {
		t.Fatal(err)
	}
	k.ControlKey(int16(kmsg.DescribeGroups), func(request kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		answer := request.ResponseKind().(*kmsg.DescribeGroupsResponse)
		g := kmsg.NewDescribeGroupsResponseGroup()
		g.Group, g.State = "readers", "PreparingRebalance"
		m := kmsg.NewDescribeGroupsResponseGroupMember()
		m.MemberID = "m"
		g.Members = append(g.Members, m)
		answer.Groups = append(answer.Groups, g)
		return answer, nil, true
	})
	got := probe(t, local(), with(k.Connection(), func(c *evidence.Connection) { c.Group = "readers" }))
	expect(t, got, "Resolve Dial Metadata Listeners Group Passed")
	if g := got.Kafka.Group; g == nil || g.State != "PreparingRebalance" || g.Members != 1 {
		t.Errorf("group: %+v", g)
	}
}

func TestCreateTopic(t *testing.T) {
	k := servers.Kafka(t)
	scope := egress.Scope{Namespace: "shop"}
	for _, topic := range []v1alpha1.DeclaredTopic{
		{Name: "orders", Partitions: 3, ReplicationFactor: 1},
		{Name: "orders", Partitions: 3, ReplicationFactor: 1}, // again
		{Name: "plain"}, // the API's defaults
	} {
		if err := local().CreateTopic(t.Context(), scope, k.Connection(), topic); err != nil {
			t.Fatalf("%+v: %v", topic, err)
		}
	}
	if info := k.PartitionInfos("orders"); len(info) != 3 {
		t.Errorf("orders: %+v", info)
	}
	expect(t, probe(t, local(), k.Connection("orders", "plain")), "Resolve Dial Metadata Listeners Topics Passed")

	k.ControlKey(int16(kmsg.CreateTopics), func(request kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		answer := request.ResponseKind().(*kmsg.CreateTopicsResponse)
		topic := kmsg.NewCreateTopicsResponseTopic()
		topic.Topic, topic.ErrorCode = "denied", kerr.ClusterAuthorizationFailed.Code
		answer.Topics = append(answer.Topics, topic)
		return answer, nil, true
	})
	err := local().CreateTopic(t.Context(), scope, k.Connection(), v1alpha1.DeclaredTopic{Name: "denied"})
	if err == nil || !strings.Contains(err.Error(), "denied") || !strings.Contains(err.Error(), "not authorized") {
		t.Errorf("a refusal gave %v", err)
	}
	elsewhere := evidence.Connection{Protocol: evidence.Kafka, Servers: []evidence.HostPort{{Host: "203.0.113.9", Port: 9092}}}
	if err := local().CreateTopic(t.Context(), scope, elsewhere, v1alpha1.DeclaredTopic{Name: "x"}); err == nil || !strings.Contains(err.Error(), "NOT_ALLOWED") {
		t.Errorf("past the guard: %v", err)
	}
}

func TestKafkaThatIsOnlyReachableThroughTheScope(t *testing.T) {
	k := servers.Kafka(t)
	p := New(Options{Dialer: egress.New(egress.Options{Resolver: names{"kafka.shop.svc.cluster.local.": "127.0.0.1"}})})
	c := with(k.Connection(), func(c *evidence.Connection) { c.Servers[0].Host = "kafka" })
	got := p.Probe(t.Context(), egress.Scope{Namespace: "shop", Owned: func(netip.Addr) bool { return true }}, c, v1alpha1.AsConfigured)
	expect(t, got, "Resolve Guard Unknown NOT_ALLOWED")
}
