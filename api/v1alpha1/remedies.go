package v1alpha1

// RemedyName names one kind of repair. A name, once released, keeps its meaning.
//
// +kubebuilder:validation:Enum=RaiseMemoryLimit;RelaxProbe;RaiseCPULimit;SetEnv;WaitForDependency;HoldDependents;RecreatePod;RestartWorkload;RollbackRollout;CreateTopic;DeleteConsumerGroup;RestartDependency;RunJob;Escalate
type RemedyName string

// The remedies.
const (
	// RemedyRaiseMemoryLimit raises a container's memory limit by a factor, up to the policy's ceiling.
	RemedyRaiseMemoryLimit RemedyName = "RaiseMemoryLimit"
	// RemedyRelaxProbe gives a startup or liveness probe the time that the start is seen to need.
	RemedyRelaxProbe RemedyName = "RelaxProbe"
	// RemedyRaiseCPULimit raises a throttled container's CPU limit, up to the policy's ceiling.
	RemedyRaiseCPULimit RemedyName = "RaiseCPULimit"
	// RemedySetEnv sets one declared environment variable on the pod template.
	RemedySetEnv RemedyName = "SetEnv"
	// RemedyWaitForDependency adds an init container that waits for a dependency, with a deadline.
	RemedyWaitForDependency RemedyName = "WaitForDependency"
	// RemedyHoldDependents leaves dependents of a failing root alone and recreates their pods when it is healthy again.
	RemedyHoldDependents RemedyName = "HoldDependents"
	// RemedyRecreatePod deletes a pod whose back-off outlives the cause, so that it starts at once.
	RemedyRecreatePod RemedyName = "RecreatePod"
	// RemedyRestartWorkload restarts a workload's pods, paced, as kubectl rollout restart does.
	RemedyRestartWorkload RemedyName = "RestartWorkload"
	// RemedyRollbackRollout returns to the previous, healthy revision. Opt-in.
	RemedyRollbackRollout RemedyName = "RollbackRollout"
	// RemedyCreateTopic creates a Kafka topic as the policy declares it.
	RemedyCreateTopic RemedyName = "CreateTopic"
	// RemedyDeleteConsumerGroup deletes an empty consumer group. Opt-in.
	RemedyDeleteConsumerGroup RemedyName = "DeleteConsumerGroup"
	// RemedyRestartDependency restarts a wedged dependency. Opt-in for stateful ones.
	RemedyRestartDependency RemedyName = "RestartDependency"
	// RemedyRunJob creates the owner's own Job, such as a migration. Opt-in.
	RemedyRunJob RemedyName = "RunJob"
	// RemedyEscalate calls a person, with the whole evidence, once.
	RemedyEscalate RemedyName = "Escalate"
)

// Remedies is the closed list, in the order of its documentation.
var Remedies = []RemedyName{
	RemedyRaiseMemoryLimit,
	RemedyRelaxProbe,
	RemedyRaiseCPULimit,
	RemedySetEnv,
	RemedyWaitForDependency,
	RemedyHoldDependents,
	RemedyRecreatePod,
	RemedyRestartWorkload,
	RemedyRollbackRollout,
	RemedyCreateTopic,
	RemedyDeleteConsumerGroup,
	RemedyRestartDependency,
	RemedyRunJob,
	RemedyEscalate,
}
