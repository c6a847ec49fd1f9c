package main

import (
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// refuse answers whatever is sent to a topic with an error code.
func refuse(broker *kfake.Cluster, code int16) {
	control(broker, kmsg.Produce, func(request kmsg.Request) (kmsg.Response, bool) {
		asked := request.(*kmsg.ProduceRequest)
		response := asked.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range asked.Topics {
			answer := kmsg.NewProduceResponseTopic()
			answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				partition := kmsg.NewProduceResponseTopicPartition()
				partition.Partition, partition.ErrorCode, partition.BaseOffset = p.Partition, code, -1
				answer.Partitions = append(answer.Partitions, partition)
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, true
	})
}
