// Package evidence holds what is known about one looping container, as plain
// values: no I/O, no clients. What observes fills it in, what decides reads it.
package evidence

import (
	"fmt"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Case is everything that is known about one looping container at one moment.
// Every part may be missing: offline there are no probes, and an API call may
// have been refused. Rules treat what is missing as not known, never as absent.
type Case struct {
	// Now is when the case was put together.
	Now time.Time
	// Service is the looping container's service in its stack.
	Service string
	// Pod that was looked at.
	Pod Pod
	// Container that loops.
	Container Container
	// Siblings are the other containers of the pod.
	Siblings []Container
	// Log of the container, redacted.
	Log Log
	// Events on the pod and, for image, volume and quota trouble, on its owner; newest last.
	Events []Event
	// Env is the container's effective environment.
	Env Env
	// Node that the pod is on.
	Node Node
	// Rollout is the state of the workload's revisions.
	Rollout Rollout
	// Run is how it stands with a workload that runs to an end; zero for others.
	Run Run
	// Owner is the object that controls the pods, where that is another operator's, and what
	// it says of itself; zero where there is none, or it may not be read.
	Owner Owner
	// LimitDefaults are what LimitRanges give to containers that set no limit; they are
	// read only where one may have given this container its limit.
	LimitDefaults []LimitDefault
	// Config are the Secrets and ConfigMaps that the template refers to.
	Config []ConfigObject
	// Changes of the workload, whenever they were made.
	Changes []Change
	// Differences are the fields in which the container in the pod is not what the pod
	// template says.
	Differences []FieldChange
	// Dependencies of the service, as the stack declares them or the env implies them.
	Dependencies []Dependency
	// Probes that were run.
	Probes []Probe
	// OwnerEvents are those on what makes the workload's pods (a ReplicaSet, a
	// StatefulSet, a DaemonSet), newest last. They are read where pods are wanting.
	OwnerEvents []Event
	// Scheduling is why the pod has no node.
	Scheduling Scheduling
	// Claims are the pod's PersistentVolumeClaims; they are read where it has no node.
	Claims []Claim
	// ReadinessProbes are the operator's own requests of what the container's
	// readiness probe asks, the one that asks exactly that first.
	ReadinessProbes []Probe
	// Proved is what an earlier look at the same incident found; zero at the first.
	Proved Proved
}

// Proved is what an earlier look found, with the evidence for it.
type Proved struct {
	Cause      v1alpha1.Cause
	Confidence v1alpha1.Confidence
	Message    string
	Evidence   []v1alpha1.EvidenceItem
	// Restarts that there were by then, LongestRun of those that were seen to end, and
	// how the last one did; ExitCode is nil where none was seen to.
	Restarts   int32
	LongestRun time.Duration
	ExitCode   *int32
}

// ProvedBy is what an earlier look at an incident found.
func ProvedBy(s v1alpha1.BridgeDiagnosisStatus) Proved {
	p := Proved{Cause: s.Cause, Confidence: s.Confidence, Message: s.Message, Evidence: s.Evidence}
	if loop := s.Loop; loop != nil {
		p.Restarts, p.LongestRun, p.ExitCode = loop.Restarts, time.Duration(loop.LongestRunSeconds)*time.Second, loop.ExitCode
	}
	return p
}

// DiagnosisOf is the open diagnosis of a dependency, empty where there is none.
func (c Case) DiagnosisOf(service string) string {
	for _, d := range c.Dependencies {
		if d.Service == service {
			return d.Workload.Diagnosis
		}
	}
	return ""
}

// Pod is the pod as far as rules look at it.
type Pod struct {
	Namespace, Name, UID string
	Phase                string
	// Reason and Message of the pod's status, such as Evicted.
	Reason, Message string
	RestartPolicy   string
	Created         time.Time
	// Resources of the pod as a whole (KEP-2837).
	Resources Resources
	// Terminating says that the pod is being deleted: whatever ends in it now is no crash.
	Terminating bool
	// Scheduled says that it has a node, Unplaced that the scheduler found none that
	// takes it.
	Scheduled, Unplaced bool
	// Ready is the pod's own condition Ready, ReadySince when it last changed.
	Ready      Readiness
	ReadySince time.Time
	// ClosedGates are the readiness gates that are not True.
	ClosedGates []string
	// NodeReady is the condition Ready of its node, NodeReadySince when that last
	// changed: a kubelet that was away reports its pods as ready since before it was,
	// and nobody watched them in between. Unknown where the node was not read.
	NodeReady      Readiness
	NodeReadySince time.Time
	// ContainersReady says that each of its containers is ready by its own status.
	// The kubelet then reports the pod as ready: where it is not, its node does not
	// answer (the node controller sets Ready to False and leaves the statuses as
	// they are), or a readiness gate is closed.
	ContainersReady bool
}

// Readiness is the status of a condition Ready, of a pod or of a node.
type Readiness string

// The readinesses.
const (
	// ReadinessUnknown: there is no such condition, as far as is known.
	ReadinessUnknown Readiness = ""
	ReadinessTrue    Readiness = "True"
	ReadinessFalse   Readiness = "False"
)

// Excused says that the pod cannot be up for a reason that lies outside of it:
// no node has room for it, its node does not answer, or a readiness gate is closed.
func (p Pod) Excused() bool {
	return p.Phase == "Pending" && !p.Scheduled || p.Ready == ReadinessFalse && p.ContainersReady || p.NodeReady == ReadinessFalse
}

// On is the pod with what is known of its node.
func (p Pod) On(n Node) Pod {
	switch {
	case !n.Known:
		p.NodeReady, p.NodeReadySince = ReadinessUnknown, time.Time{}
	case n.Ready:
		p.NodeReady, p.NodeReadySince = ReadinessTrue, n.ReadySince
	default:
		p.NodeReady, p.NodeReadySince = ReadinessFalse, n.ReadySince
	}
	return p
}

// ContainerRole tells the containers of a pod apart.
type ContainerRole string

// The roles.
const (
	RoleMain    ContainerRole = "Main"
	RoleInit    ContainerRole = "Init"
	RoleSidecar ContainerRole = "Sidecar" // an init container with restartPolicy Always (KEP-753)
)

// Container is a container's specification and state.
type Container struct {
	Name     string
	Role     ContainerRole
	Image    string
	Command  []string
	Args     []string
	Ready    bool
	Started  bool
	Restarts int32
	// Waiting is nil unless the container waits.
	Waiting *Waiting
	// RunningSince is zero unless the container runs.
	RunningSince time.Time
	// Terminated is the present state, nil unless it is terminated.
	Terminated *Termination
	// LastTermination is that of the previous run, nil if there was none.
	LastTermination *Termination
	// Resources of the container as it runs.
	Resources Resources
	// Template are the resources of this container in the pod template that the pod
	// was made of, nil where that is not known: what admits a pod may set others.
	Template  *Resources
	Liveness  *ProbeSpec
	Startup   *ProbeSpec
	Readiness *ProbeSpec
	// RunAsNonRoot and RunAsUser are the effective security context, nil where unset.
	RunAsNonRoot *bool
	RunAsUser    *int64
	// ReadOnlyRoot is readOnlyRootFilesystem.
	ReadOnlyRoot bool
	// Ports that the container declares for TCP.
	Ports []int32
	// Throttled is the share of CPU periods in which the container was
	// throttled, 0 to 1; 0 where that is not known.
	Throttled float64
}

// Ended is the most recent termination that is known: the present one, or that
// of the previous run.
func (c Container) Ended() *Termination {
	if c.Terminated != nil {
		return c.Terminated
	}
	return c.LastTermination
}

// Waiting is why a container does not run.
type Waiting struct{ Reason, Message string }

// Termination is how a run ended.
type Termination struct {
	ExitCode int32
	// Signal that ended it, 0 where the runtime does not say.
	Signal              int32
	Reason, Message     string
	StartedAt, Finished time.Time
}

// Ran is how long the run lasted, 0 where the times are not known.
func (t Termination) Ran() time.Duration {
	if t.StartedAt.IsZero() || t.Finished.Before(t.StartedAt) {
		return 0
	}
	return t.Finished.Sub(t.StartedAt)
}

// Resources are requests and limits: memory in bytes, CPU in millicores, 0 where unset.
type Resources struct {
	MemoryRequest, MemoryLimit int64
	CPURequest, CPULimit       int64
}

// ProbeSpec is a kubelet probe's numbers.
type ProbeSpec struct {
	// Kind is httpGet, tcpSocket, exec or grpc.
	Kind string
	// Scheme, Port and Path of the request: the scheme and the path of httpGet only,
	// no port of exec. The port is 0 where the container has none of the name.
	Scheme string
	Port   int32
	Path   string
	// Own says that the request has headers of its own, or goes to another host than the
	// pod: nobody else's request is the same.
	Own              bool
	InitialDelay     time.Duration
	Period           time.Duration
	Timeout          time.Duration
	FailureThreshold int32
}

// Asks is what the probe asks, as a person would write it.
func (p ProbeSpec) Asks() string {
	switch p.Kind {
	case "httpGet":
		return fmt.Sprintf("GET %s %s %s", strings.ToLower(p.Scheme), p.port(), p.Path)
	case "tcpSocket":
		return "TCP " + p.port()
	case "grpc":
		return fmt.Sprintf("gRPC health, port %d", p.Port)
	}
	return "its command"
}

func (p ProbeSpec) port() string {
	if p.Port == 0 {
		return "at a port that the container does not name"
	}
	return fmt.Sprintf("port %d", p.Port)
}

// Budget is the longest start that the probe allows.
func (p ProbeSpec) Budget() time.Duration {
	return p.InitialDelay + time.Duration(p.FailureThreshold)*p.Period
}

// Log is what a container wrote, oldest first, redacted, at most 64 KiB each.
type Log struct {
	// Previous instance's tail: the run that ended.
	Previous []byte
	// Current instance's tail.
	Current []byte
	// Truncated says that the tail begins in the middle.
	Truncated bool
	// Unavailable says why there is no log, empty where there is one.
	Unavailable string
}

// Newest is the latest time that the evidence holds: when it was gathered, at
// the earliest. Zero where it holds none.
func (c Case) Newest() time.Time {
	newest := c.Container.RunningSince
	later := func(at time.Time) {
		if at.After(newest) {
			newest = at
		}
	}
	for _, t := range []*Termination{c.Container.Terminated, c.Container.LastTermination} {
		if t != nil {
			later(t.Finished)
		}
	}
	for _, s := range c.Siblings {
		later(s.RunningSince)
	}
	for _, e := range c.Events {
		later(e.Last)
	}
	return newest
}

// Last is the log that tells how the most recent run ended: the previous
// instance's while a new one runs, else the current one's if it has ended.
func (c Case) Last() []byte {
	if c.Container.Terminated != nil && len(c.Log.Current) > 0 {
		return c.Log.Current
	}
	if len(c.Log.Previous) > 0 {
		return c.Log.Previous
	}
	return c.Log.Current
}

// Event is what somebody told of an object.
type Event struct {
	// About is the object that it is about.
	About                 ObjectReference
	Type, Reason, Message string
	// Container that the event is about, empty where it is about the whole pod.
	Container string
	// Count is how often it was told from First to Last, also where likes of it were
	// told as one.
	Count       int32
	First, Last time.Time
}

// ObjectReference names any object of the cluster.
type ObjectReference struct{ Kind, Namespace, Name, UID string }

// Node is the node of the pod; zero where it is not known.
type Node struct {
	Name  string
	Known bool
	// Created is when it joined the cluster.
	Created time.Time
	// Ready is the condition Ready, ReadySince when it last changed.
	Ready      bool
	ReadySince time.Time
	// NotReady is why it is not, as its condition says (such as the kubelet's PLEG);
	// empty where it is ready.
	NotReady       string
	MemoryPressure bool
	DiskPressure   bool
	PIDPressure    bool
	// AllocatableMemory in bytes, AllocatableCPU in millicores.
	AllocatableMemory, AllocatableCPU int64
}

// Rollout is the state of the workload; zero where it is not known.
type Rollout struct {
	Known      bool
	Kind       v1alpha1.WorkloadKind
	Name       string
	UID        string
	Generation int64
	// Lock says why its template is not for anyone to change in place, empty where it is.
	Lock string
	// Replicas wanted, and those of the newest revision and of older ones that are ready.
	Replicas, UpdatedReady, OlderReady int32
	// TemplateChanged is when the newest revision was made.
	TemplateChanged time.Time
	// Revision of the newest template, and ReadyRevision the newest older one that
	// has ready pods, ReadyRevisionPods of them; empty where there is none.
	Revision, ReadyRevision string
	ReadyRevisionPods       int32
}

// Owner is another operator's object.
type Owner struct {
	// Object as Kind/name.
	Object     string
	Conditions []Condition
}

// Condition of an object.
type Condition struct {
	Type, Status, Reason, Message string
	Since                         time.Time
}

// Run is the last run of what runs to an end, such as a Job.
type Run struct {
	Known bool
	// Object that ran, as Kind/name.
	Object string
	// Failed says that it came to no good end; Reason and Message are what its controller
	// says of that, such as DeadlineExceeded.
	Failed          bool
	Reason, Message string
	Ended           time.Time
	// Active says that a run is under way, Failures are how many of its pods failed so far,
	// and Well how many succeeded or are ready.
	Active         bool
	Failures, Well int32
}

// ConfigObject is a Secret or ConfigMap that a pod template refers to.
type ConfigObject struct {
	// Kind is Secret or ConfigMap.
	Kind, Name string
	// Optional says that the container starts without it.
	Optional bool
	// Missing says that it does not exist; MissingKeys are keys that are
	// referred to, not optional, and not in it.
	Missing     bool
	MissingKeys []string
	// Changed is when its data was last written, zero where that is not known.
	Changed time.Time
}

// Dependency is a service that the looping one depends on.
type Dependency struct {
	Service   string
	Condition v1alpha1.DependencyCondition
	Required  bool
	// Declared is where the stack says that it listens, nil where it does not say.
	Declared *Connection
	// Configured is what the container's env makes of it, nil where nothing was found.
	Configured *Connection
	// Workload is the state of what runs it; zero for external services.
	Workload DependencyWorkload
	// Topics as the stack declares them.
	Topics []v1alpha1.DeclaredTopic
}

// DependencyWorkload is the state of a dependency's own workload.
type DependencyWorkload struct {
	Known bool
	// Object is the workload as Kind/name.
	Object string
	// ScaledToZero says that it wants no pods.
	ScaledToZero bool
	// Ready is true when it has a ready pod.
	Ready bool
	// ReadySince is since when a pod of it has been ready, of several the one that
	// has been for longest; zero where that is not known.
	ReadySince time.Time
	// NewestPod is when the newest of its pods was made; zero where that is not known.
	NewestPod time.Time
	// Looping is true when a container of it is in a restart loop.
	Looping bool
	// Diagnosis is the name of its open BridgeDiagnosis, empty where there is none.
	Diagnosis string
}
