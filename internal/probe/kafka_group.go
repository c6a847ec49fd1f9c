package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
)

// DeleteGroup deletes a consumer group that has no members; the broker itself
// refuses one that has (NON_EMPTY_GROUP, 68). One that is gone is success. It
// goes the probes' way and takes at most ten seconds.
func (p *Prober) DeleteGroup(ctx context.Context, scope egress.Scope, c evidence.Connection, group string) error {
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r := p.newRun(scope, c, v1alpha1.AsDeclared)
	if err := r.withBroker(ctx, func(b broker) error { return r.deleteGroup(ctx, b, group) }); err != nil {
		return fmt.Errorf("deleting consumer group %s at %s: %w", group, r.result.Target, err)
	}
	return nil
}

func (r *run) deleteGroup(ctx context.Context, b broker, group string) error {
	metadata, v := r.metadata(ctx, b)
	if !v.passed() {
		return errors.New(v.message)
	}
	coordinator, v := r.coordinator(ctx, b, metadata, group)
	if !v.passed() {
		return errors.New(v.message)
	}
	if coordinator.server != b.server {
		defer coordinator.close()
	}
	response, err := within(ctx, r.prober.options.Exchange, func() (*sarama.DeleteGroupsResponse, error) {
		return coordinator.client.DeleteGroups(&sarama.DeleteGroupsRequest{Groups: []string{group}})
	})
	if err != nil {
		return r.clean(err)
	}
	if code := response.GroupErrorCodes[group]; !slices.Contains([]sarama.KError{sarama.ErrNoError, sarama.ErrGroupIDNotFound}, code) {
		return r.clean(code)
	}
	return nil
}

// group asks the coordinator of the consumer group for it.
func (r *run) group(ctx context.Context, b broker, metadata *sarama.MetadataResponse) verdict {
	facts := &evidence.KafkaGroup{Name: r.settings.Group}
	r.result.Kafka.Group = facts
	internal := slices.IndexFunc(metadata.Topics, func(t *sarama.TopicMetadata) bool { return t.Name == offsetsTopic })
	if internal >= 0 {
		switch metadata.Topics[internal].Err {
		case sarama.ErrUnknownTopicOrPartition:
			return verdict{} // no group has ever been in this cluster
		case sarama.ErrTopicAuthorizationFailed:
			return r.groupOfAny(ctx, b, metadata, facts)
		default:
		}
	}
	coordinator, v := r.coordinator(ctx, b, metadata, r.settings.Group)
	if !v.passed() {
		facts.Code = v.code
		return v
	}
	if coordinator.server != b.server {
		defer coordinator.close()
	}
	return r.describeGroup(ctx, coordinator, facts)
}

// groupOfAny asks one broker after the other for the group, until one turns out
// to be its coordinator. That is for clients which must not see the topic of the
// groups' offsets: where it is not there yet, asking which broker coordinates a
// group would create it, and be answered with COORDINATOR_NOT_AVAILABLE.
func (r *run) groupOfAny(ctx context.Context, b broker, metadata *sarama.MetadataResponse, facts *evidence.KafkaGroup) verdict {
	v := r.describeGroup(ctx, b, facts)
	for _, next := range metadata.Brokers[:min(len(metadata.Brokers), mostListeners)] {
		if v.code != nameOf(sarama.ErrNotCoordinatorForConsumer) {
			return v
		}
		if addressOf(next) != b.server {
			v = r.groupOf(ctx, metadata, next.ID(), facts)
		}
	}
	if v.code == nameOf(sarama.ErrNotCoordinatorForConsumer) {
		return unknown(v.code, "no broker coordinates group "+r.settings.Group+"; the client may not see whether there are groups at all")
	}
	return v
}

func (r *run) groupOf(ctx context.Context, metadata *sarama.MetadataResponse, id int32, facts *evidence.KafkaGroup) verdict {
	b, v := r.openListener(ctx, metadata, id)
	if !v.passed() {
		return v
	}
	defer b.close()
	return r.describeGroup(ctx, b, facts)
}

// coordinator is the broker that looks after a group; b itself where it does.
func (r *run) coordinator(ctx context.Context, b broker, metadata *sarama.MetadataResponse, group string) (broker, verdict) {
	found, err := within(ctx, r.prober.options.Exchange, func() (*sarama.FindCoordinatorResponse, error) {
		return b.client.FindCoordinator(&sarama.FindCoordinatorRequest{Version: 1, CoordinatorKey: group, CoordinatorType: sarama.CoordinatorGroup})
	})
	switch {
	case err != nil:
		return b, r.kafkaVerdict(err)
	case found.Err != sarama.ErrNoError:
		return b, failed(nameOf(found.Err), "group "+group+": "+found.Err.Error())
	case found.Coordinator == nil || addressOf(found.Coordinator) == b.server:
		return b, verdict{}
	}
	return r.openListener(ctx, metadata, found.Coordinator.ID())
}

// describeGroup asks a group's coordinator for its state and members.
func (r *run) describeGroup(ctx context.Context, coordinator broker, facts *evidence.KafkaGroup) verdict {
	group := r.settings.Group
	response, err := within(ctx, r.prober.options.Exchange, func() (*sarama.DescribeGroupsResponse, error) {
		return coordinator.client.DescribeGroups(&sarama.DescribeGroupsRequest{Groups: []string{group}})
	})
	if err != nil {
		return r.kafkaVerdict(err)
	}
	i := slices.IndexFunc(response.Groups, func(g *sarama.GroupDescription) bool { return g.GroupId == group })
	if i < 0 {
		return verdict{}
	}
	found := response.Groups[i]
	facts.State, facts.Members, facts.Code = found.State, int32(len(found.Members)), ""
	switch {
	case found.Err != sarama.ErrNoError && found.Err != sarama.ErrGroupIDNotFound:
		facts.Code = nameOf(found.Err)
		return failed(facts.Code, "group "+group+": "+found.Err.Error())
	case found.State == "Dead":
		r.describeConsumerGroup(ctx, coordinator, facts)
	}
	return verdict{}
}

// describeConsumerGroup looks whether a group that is Dead, which is to say not
// there, is one of the newer protocol (KIP-848): a request of their own tells of
// these. Where the broker is older than that request, the group stays as it is.
func (r *run) describeConsumerGroup(ctx context.Context, coordinator broker, facts *evidence.KafkaGroup) {
	response, err := within(ctx, r.prober.options.Exchange, func() (*sarama.ConsumerGroupDescribeResponse, error) {
		return coordinator.client.ConsumerGroupDescribe(&sarama.ConsumerGroupDescribeRequest{GroupIDs: []string{facts.Name}})
	})
	if err != nil {
		return
	}
	for _, g := range response.Groups {
		switch {
		case g.GroupID != facts.Name || g.ErrorCode == sarama.ErrGroupIDNotFound:
		case g.ErrorCode == sarama.ErrNoError:
			facts.State, facts.Members = g.GroupState, int32(len(g.Members))
		default: // there may be one, about which the client may not know
			facts.State = ""
		}
	}
}
