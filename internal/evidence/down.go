package evidence

import "time"

// Scheduling is what the scheduler said of a pod that has no node; zero where it has
// one, or where it said nothing yet.
type Scheduling struct {
	// Reason and Message of the pod's condition PodScheduled, and since when it is
	// false.
	Reason, Message string
	Since           time.Time
	// Requests of the pod as the scheduler counts them.
	Requests Resources
	// NodeSelector of the pod, as key=value.
	NodeSelector []string
	// Nodes of the cluster, as far as they could be read.
	Nodes []NodeRoom
}

// NodeRoom is a node as a place for one pod.
type NodeRoom struct {
	Name string
	// Ready is its own condition, Cordoned that it takes no new pods.
	Ready, Cordoned bool
	// Taints that the pod does not tolerate, as key=value:effect.
	Taints []string
	// Unmatched says that its labels are not those that the pod asks for.
	Unmatched bool
	// Allocatable to pods.
	Allocatable Resources
	// Free is what the requests of the pods there leave of it, where FreeKnown says
	// that they could be read.
	Free      Resources
	FreeKnown bool
}

// Open says that nothing but the lack of room keeps the pod from the node.
func (n NodeRoom) Open() bool {
	return n.Ready && !n.Cordoned && len(n.Taints) == 0 && !n.Unmatched
}

// Claim is a PersistentVolumeClaim of the pod.
type Claim struct {
	Name string
	// Missing says that it does not exist.
	Missing bool
	// Phase is Pending, Bound or Lost; empty where it could not be read.
	Phase string
	// Class that it asks for, empty where it asks for none.
	Class string
	// Events on it, newest last.
	Events []Event
}
