package probe

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/test/servers"
)

// apacheKafka is a broker, and what its super user does with it.
type apacheKafka struct {
	*servers.ApacheKafkaBroker
	admin     *kgo.Client
	authority servers.Authority
	refusing  evidence.HostPort
}

// trusted makes a probe know the authority of the broker's certificate.
func (k apacheKafka) trusted(o *settings) { o.RootCAs = k.authority.Pool }

// as is the connection of a user of the SASL listener without TLS.
func (k apacheKafka) as(mechanism, user, password string, topics ...string) evidence.Connection {
	return with(k.Connection(servers.SASLPlaintext, topics...), credentials(mechanism, user, password))
}

func credentials(mechanism, user, password string) func(*evidence.Connection) {
	return func(c *evidence.Connection) {
		c.Mechanism, c.User, c.Password = mechanism, user, evidence.NewSecret(password)
	}
}

// ask fails the test unless the broker answers.
func ask[Q interface {
	RequestWith(context.Context, kmsg.Requestor) (A, error)
}, A any](t *testing.T, k apacheKafka, request Q) A {
	t.Helper()
	answer, err := request.RequestWith(t.Context(), k.admin)
	if err != nil {
		t.Fatalf("%T: %v", request, err)
	}
	return answer
}

func (k apacheKafka) topics(t *testing.T) []string {
	t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = nil // all
	var names []string
	for _, topic := range ask(t, k, request).Topics {
		names = append(names, *topic.Topic)
	}
	slices.Sort(names)
	return names
}

func (k apacheKafka) groups(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, g := range ask(t, k, kmsg.NewPtrListGroupsRequest()).Groups {
		names = append(names, g.Group)
	}
	slices.Sort(names)
	return names
}

// unchanged fails the test if something creates a topic or a group, or makes one go.
func (k apacheKafka) unchanged(t *testing.T, something func()) {
	t.Helper()
	topics, groups := k.topics(t), k.groups(t)
	something()
	if now := k.topics(t); !slices.Equal(now, topics) {
		t.Errorf("topics were %q and are %q", topics, now)
	}
	if now := k.groups(t); !slices.Equal(now, groups) {
		t.Errorf("groups were %q and are %q", groups, now)
	}
}

func (k apacheKafka) createTopic(t *testing.T, name string, partitions int32) {
	t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics = append(request.Topics, topic)
	if err := kerr.ErrorForCode(ask(t, k, request).Topics[0].ErrorCode); err != nil {
		t.Fatalf("creating topic %s: %v", name, err)
	}
	k.await(t, "topic "+name, func() bool { return slices.Contains(k.topics(t), name) })
}

// allow lets a user do something with a topic or group, from now on.
func (k apacheKafka) allow(t *testing.T, user string, kind kmsg.ACLResourceType, name string, operation kmsg.ACLOperation) {
	t.Helper()
	acl := kmsg.NewCreateACLsRequestCreation()
	acl.ResourceType, acl.ResourceName, acl.ResourcePatternType = kind, name, kmsg.ACLResourcePatternTypeLiteral
	acl.Principal, acl.Host = "User:"+user, "*"
	acl.Operation, acl.PermissionType = operation, kmsg.ACLPermissionTypeAllow
	request := kmsg.NewPtrCreateACLsRequest()
	request.Creations = append(request.Creations, acl)
	if err := kerr.ErrorForCode(ask(t, k, request).Results[0].ErrorCode); err != nil {
		t.Fatalf("allowing %s of %s to %s: %v", operation, name, user, err)
	}
	k.await(t, "the ACL of "+user+" for "+name, func() bool {
		seen := kmsg.NewPtrDescribeACLsRequest()
		seen.ResourceType, seen.ResourceName, seen.ResourcePatternType = kind, &name, kmsg.ACLResourcePatternTypeLiteral
		seen.Principal, seen.Operation, seen.PermissionType = &acl.Principal, operation, kmsg.ACLPermissionTypeAllow
		return len(ask(t, k, seen).Resources) > 0
	})
}

// await what the controller has decided and the broker is yet to hear of.
func (k apacheKafka) await(t *testing.T, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !there(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the broker has not heard of %s within a minute:\n%s", what, k.Log())
		}
	}
}

// awaitState of a group, as a probe of the super user's sees it.
func (k apacheKafka) awaitState(t *testing.T, group, state string) {
	t.Helper()
	c := with(k.Connection(servers.Plaintext), func(c *evidence.Connection) { c.Group = group })
	k.await(t, "group "+group+" being "+state, func() bool {
		got := probe(t, local(), c).Kafka
		return got != nil && got.Group != nil && got.Group.State == state
	})
}

// consume starts a member of a group, and waits until it has joined and is settled.
func (k apacheKafka) consume(t *testing.T, group string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	if !slices.Contains(k.topics(t), "consumed") {
		k.createTopic(t, "consumed", 1)
	}
	joined := make(chan struct{})
	member := k.Client(t, append(options, kgo.ConsumerGroup(group), kgo.ConsumeTopics("consumed"),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { close(joined) }))...)
	select {
	case <-joined:
	case <-time.After(time.Minute):
		t.Fatalf("no member joined group %s within a minute:\n%s", group, k.Log())
	}
	k.awaitState(t, group, "Stable")
	return member
}
