package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fence makes a group without members that lets none in, as one does that
// remembers a static member (FENCED_INSTANCE_ID, 82), until it is deleted.
func fence(broker *kfake.Cluster, c config) error {
	group := c.fencedGroup
	var deleted atomic.Bool
	control(broker, kmsg.DeleteGroups, func(request kmsg.Request) (kmsg.Response, bool) {
		if slices.Contains(request.(*kmsg.DeleteGroupsRequest).Groups, group) {
			deleted.Store(true)
		}
		return nil, false
	})
	control(broker, kmsg.JoinGroup, func(request kmsg.Request) (kmsg.Response, bool) {
		if request.(*kmsg.JoinGroupRequest).Group != group || deleted.Load() {
			return nil, false
		}
		response := request.ResponseKind().(*kmsg.JoinGroupResponse)
		response.ErrorCode = kerr.FencedInstanceID.Code
		return response, true
	})
	if err := commit(c); err != nil {
		return fmt.Errorf("make group %s: %w", group, err)
	}
	return nil
}

// control answers requests of a kind as long as the broker runs, or lets it
// answer them itself.
func control(broker *kfake.Cluster, kind kmsg.Key, answer func(kmsg.Request) (kmsg.Response, bool)) {
	broker.ControlKey(kind.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		broker.KeepControl()
		response, answered := answer(request)
		return response, nil, answered
	})
}

// commit makes the group be there: it has a committed offset and no member. It
// asks the broker at its own address: the advertised one may not lead here yet.
func commit(c config) error {
	if len(c.topics) == 0 {
		return errors.New("FENCED_GROUP needs a topic: set TOPICS")
	}
	_, port, err := net.SplitHostPort(c.listen)
	if err != nil {
		return err
	}
	client := sarama.NewBroker(net.JoinHostPort("127.0.0.1", port))
	if err := client.Open(sarama.NewConfig()); err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	request := &sarama.OffsetCommitRequest{Version: 2, ConsumerGroup: c.fencedGroup, ConsumerGroupGeneration: -1}
	request.AddBlock(c.topics[0].name, 0, 0, 0, "")
	response, err := client.CommitOffset(request)
	if err != nil {
		return err
	}
	for _, partitions := range response.Errors {
		for _, code := range partitions {
			if code != sarama.ErrNoError {
				return code
			}
		}
	}
	return nil
}
