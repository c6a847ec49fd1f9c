package remedy

import (
	"fmt"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// deleteConsumerGroup clears an empty consumer group, so that it is built anew.
// The group's committed offsets go with it: its consumers begin where their
// auto.offset.reset says.
var deleteConsumerGroup = remedy{
	name:    v1alpha1.RemedyDeleteConsumerGroup,
	summary: "Deletes an empty consumer group, with its committed offsets.",
	writes:  v1alpha1.ActionDeleteConsumerGroup,
	optIn:   true,
	settles: SettlesAtOnce,
	causes:  []v1alpha1.Cause{v1alpha1.CauseKafkaGroupUnstable},
	final:   true,
	propose: func(in Input) (Action, *Refusal) {
		d, known := in.dependency()
		if !known || d.Declared == nil || d.Configured == nil || d.Configured.Group == "" {
			return refuse(v1alpha1.RemedyDeleteConsumerGroup, "the stack does not declare the Kafka cluster, or the container's settings do not name the group")
		}
		group := in.group(d.Service)
		switch {
		case group == nil || group.Name != d.Configured.Group:
			return refuse(v1alpha1.RemedyDeleteConsumerGroup, "no probe shows the state of group %q", d.Configured.Group)
		case group.State != "Empty" || group.Members > 0:
			return refuse(v1alpha1.RemedyDeleteConsumerGroup, "group %q is %s with %d members; only an empty one is deleted", group.Name, group.State, group.Members)
		case in.tried(v1alpha1.RemedyDeleteConsumerGroup) > 0:
			return refuse(v1alpha1.RemedyDeleteConsumerGroup, "it did not help before")
		}
		connection := *d.Configured
		connection.Servers = d.Declared.Servers
		return Action{
			Because: fmt.Sprintf("group %q does not settle and has no member now; its committed offsets go with it", group.Name),
			Target:  "ConsumerGroup/" + group.Name,
			Group:   &GroupDeletion{Connection: connection, Group: group.Name},
		}, nil
	},
}

// group is the consumer group as a probe of a service saw it, nil where none did.
func (in Input) group(service string) *evidence.KafkaGroup {
	for _, p := range in.Case.Probes {
		if p.Service == service && p.Kafka != nil && p.Kafka.Group != nil {
			return p.Kafka.Group
		}
	}
	return nil
}
