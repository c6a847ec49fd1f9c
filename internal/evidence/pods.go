package evidence

// WorkloadPod is one pod of a workload, with the container that an incident is of.
type WorkloadPod struct {
	Pod Pod
	// Container is zero where HasContainer is false: the pod has none of its name.
	Container    Container
	HasContainer bool
	// Newest says that it is of the workload's newest revision.
	Newest bool
	// Stranded says that its node does not answer and that no other pod takes its
	// place before it is gone, also where it is being deleted.
	Stranded bool
	// SiblingBroken says that another of its containers ends again and again, or cannot
	// start, so that the pod does not become ready whatever this one does.
	SiblingBroken bool
}

// Broken says that a container is not ready because it ended or cannot start.
func (c Container) Broken() bool {
	return !c.Ready && (c.Blocked() || c.Restarts > 0 || c.Terminated != nil && c.Terminated.ExitCode != 0)
}

// Begun says that a container runs or ran, or that it is said why it does not.
func (c Container) Begun() bool {
	return !c.RunningSince.IsZero() || c.Ended() != nil || c.Blocked() || c.Restarts > 0
}

// Blocked says that a container waits after a crash, or cannot start.
func (c Container) Blocked() bool {
	return c.Waiting != nil && c.Waiting.Reason != "ContainerCreating" && c.Waiting.Reason != "PodInitializing"
}
