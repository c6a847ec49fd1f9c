package remedy

import (
	"cmp"
	"fmt"
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// createTopic makes a missing topic as the stack declares it.
var createTopic = remedy{
	name:    v1alpha1.RemedyCreateTopic,
	summary: "Creates a Kafka topic as the stack declares it.",
	writes:  v1alpha1.ActionCreateTopic,
	settles: SettlesAtOnce,
	causes:  []v1alpha1.Cause{v1alpha1.CauseKafkaTopicMissing},
	propose: func(in Input) (Action, *Refusal) {
		name := in.Finding.Subject.Topic
		d, known := in.dependency()
		switch {
		case name == "":
			return refuse(v1alpha1.RemedyCreateTopic, "the evidence does not name the topic")
		case !known || d.Declared == nil:
			return refuse(v1alpha1.RemedyCreateTopic, "the stack does not declare the Kafka cluster that the topic is missing from")
		}
		i := slices.IndexFunc(d.Topics, func(t v1alpha1.DeclaredTopic) bool { return t.Name == name })
		if i < 0 {
			return refuse(v1alpha1.RemedyCreateTopic, "the stack declares no topic %q; declare it under the endpoint of %s, or create it by hand", name, d.Service)
		}
		topic := d.Topics[i]
		topic.Partitions = cmp.Or(topic.Partitions, 1)
		topic.ReplicationFactor = cmp.Or(topic.ReplicationFactor, 1)
		connection := *d.Declared
		if d.Configured != nil {
			connection = *d.Configured
			connection.Servers = d.Declared.Servers
		}
		return Action{
			Because: fmt.Sprintf("topic %q is declared for %s and is not there", name, d.Service),
			Target:  "Topic/" + name,
			Topic:   &TopicCreation{Connection: connection, Topic: topic},
		}, nil
	},
}
