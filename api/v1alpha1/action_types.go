package v1alpha1

import "k8s.io/apimachinery/pkg/types"

// ActionType names the one write that an attempt makes.
//
// +kubebuilder:validation:Enum=PatchTemplate;EvictPods;CreateTopic;DeleteConsumerGroup;RunJob
type ActionType string

// The action types.
const (
	// ActionPatchTemplate changes the pod template of a workload.
	ActionPatchTemplate ActionType = "PatchTemplate"
	// ActionEvictPods evicts pods, so that their controller makes new ones at once.
	ActionEvictPods ActionType = "EvictPods"
	// ActionCreateTopic creates a topic on a Kafka cluster of the stack.
	ActionCreateTopic ActionType = "CreateTopic"
	// ActionDeleteConsumerGroup deletes an empty consumer group of a Kafka cluster of the stack.
	ActionDeleteConsumerGroup ActionType = "DeleteConsumerGroup"
	// ActionRunJob creates a Job from the template of the owner's own CronJob.
	ActionRunJob ActionType = "RunJob"
)

// AttemptAction is exactly what an attempt writes. It is persisted before
// anything is written and is what is executed, resumed and taken back: no part
// of it is ever rebuilt from text. Exactly the member that type names is set.
// Credentials are never part of it.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'PatchTemplate') == has(self.patchTemplate) && (self.type == 'EvictPods') == has(self.evictPods) && (self.type == 'CreateTopic') == has(self.createTopic) && (self.type == 'DeleteConsumerGroup') == has(self.deleteConsumerGroup) && (self.type == 'RunJob') == has(self.runJob)",message="exactly the member that type names must be set"
type AttemptAction struct {
	// type of the action.
	// +required
	// +unionDiscriminator
	Type ActionType `json:"type"`
	// patchTemplate changes a workload's pod template.
	// +optional
	PatchTemplate *PatchTemplateAction `json:"patchTemplate,omitempty"`
	// evictPods evicts pods.
	// +optional
	EvictPods *EvictPodsAction `json:"evictPods,omitempty"`
	// createTopic creates a Kafka topic.
	// +optional
	CreateTopic *CreateTopicAction `json:"createTopic,omitempty"`
	// deleteConsumerGroup deletes a Kafka consumer group.
	// +optional
	DeleteConsumerGroup *DeleteConsumerGroupAction `json:"deleteConsumerGroup,omitempty"`
	// runJob creates a Job.
	// +optional
	RunJob *RunJobAction `json:"runJob,omitempty"`
}

// PatchTemplateAction changes the pod template of one workload.
type PatchTemplateAction struct {
	// workload whose pod template is changed. RestartDependency names another
	// one than the diagnosis is about.
	// +required
	Workload DiagnosedWorkload `json:"workload"`
	// generation of the workload when the attempt was recorded.
	// +optional
	Generation int64 `json:"generation,omitempty"`
	// templateHash is the SHA-256 of the pod template before the change: a
	// rollback must lead back to exactly it.
	// +required
	TemplateHash string `json:"templateHash"`
	// patch is the exact change to the pod template, a JSON Patch (RFC 6902).
	// +required
	// +kubebuilder:validation:MaxLength=16384
	Patch string `json:"patch"`
	// undo is the JSON Patch that takes the change back.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Undo string `json:"undo,omitempty"`
}

// EvictPodsAction evicts exactly these pods.
type EvictPodsAction struct {
	// pods to evict.
	// +listType=map
	// +listMapKey=uid
	// +kubebuilder:validation:MaxItems=256
	Pods []PodIdentity `json:"pods"`
}

// PodIdentity is a pod by name and UID: a new pod under the same name is another one.
type PodIdentity struct {
	// name of the pod.
	// +required
	Name string `json:"name"`
	// uid of the pod.
	// +required
	UID types.UID `json:"uid"`
}

// CreateTopicAction creates a topic as the stack declares it.
type CreateTopicAction struct {
	// service of the stack that is the Kafka cluster.
	// +required
	Service string `json:"service"`
	// name of the topic.
	// +required
	Name string `json:"name"`
	// partitions of the topic.
	// +required
	Partitions int32 `json:"partitions"`
	// replicationFactor of the topic.
	// +required
	ReplicationFactor int32 `json:"replicationFactor"`
}

// DeleteConsumerGroupAction deletes an empty consumer group.
type DeleteConsumerGroupAction struct {
	// service of the stack that is the Kafka cluster.
	// +required
	Service string `json:"service"`
	// group is the consumer group's id.
	// +required
	Group string `json:"group"`
}

// RunJobAction creates a Job from a CronJob's jobTemplate, as kubectl create job --from does.
type RunJobAction struct {
	// cronJob whose jobTemplate is run.
	// +required
	CronJob string `json:"cronJob"`
	// jobName of the Job. It is of this attempt of this diagnosis alone.
	// +required
	// +kubebuilder:validation:MaxLength=63
	JobName string `json:"jobName"`
}
