// Package remedy knows what helps what: from a finding and its evidence to one
// reversible action with an exact before and after, or the reason why not. It
// is pure; one file is one remedy.
package remedy

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/stack"
)

// Input is what a remedy may look at.
type Input struct {
	Finding diagnosis.Finding
	Case    evidence.Case
	Policy  stack.Policy
	Service stack.Service
	// Template is the workload's present pod template. It is not changed.
	Template *corev1.PodTemplateSpec
	// Attempts at this incident, oldest first.
	Attempts []v1alpha1.Attempt
	// KnownKeys are the Secret and ConfigMap keys that the policy names for
	// this service and that are known to exist.
	KnownKeys map[ObjectKey]bool
	// BackingOff are the workload's pods that sit in CrashLoopBackOff.
	BackingOff []Pod
	// Bounds of the namespace and the cluster.
	Bounds Bounds
	// Now is the time of a restart.
	Now time.Time
	// Image of the operator, for init containers; empty where it does not know it.
	Image string
	// SlowestStart is the longest that a pod of an earlier revision needed from
	// start to ready, 0 where none is seen.
	SlowestStart time.Duration
	// Previous is the pod template of the newest older revision whose pods are
	// ready (Rollout.ReadyRevision), nil where there is none.
	Previous *corev1.PodTemplateSpec
	// Workloads are what runs the dependencies, by the dependency's service name.
	Workloads map[string]Workload
	// Recurrences are when earlier incidents of this service with the same cause
	// began that are still on record.
	Recurrences []time.Time
	// Restarts are the attempts of the stack's other incidents that act on another
	// workload than their own.
	Restarts []v1alpha1.Attempt
	// Secrets are those of the pod: what would have to be recorded with one in it is
	// not proposed. nil knows them by their form only.
	Secrets *redact.Redactor
}

// Workload is what runs a dependency.
type Workload struct {
	v1alpha1.DiagnosedWorkload
	Template *corev1.PodTemplateSpec
	// AllowRestart is the policy's, for stateful ones.
	AllowRestart bool
}

// ObjectKey is a key in a Secret or ConfigMap.
type ObjectKey struct{ Kind, Name, Key string }

// Pod is a pod by name and UID.
type Pod struct{ Name, UID string }

// Bounds are limits that the policy's owner does not set. 0 is no limit known.
type Bounds struct {
	// LargestNodeMemory is the most memory, in bytes, that any node could give a pod.
	LargestNodeMemory int64
	// MaxContainerMemory is a LimitRange's maximum for a container, in bytes.
	MaxContainerMemory int64
	// QuotaMemoryLeft is what a ResourceQuota leaves of limits.memory, and
	// QuotaMemoryRequestLeft of requests.memory, in bytes; nil is no quota.
	QuotaMemoryLeft, QuotaMemoryRequestLeft *QuotaRoom
	// QuotaPodsLeft is how many more pods a ResourceQuota allows; nil is no quota.
	QuotaPodsLeft *QuotaRoom
	// SurgesFirst says that a new pod has to be ready before an old one goes, so
	// that there must be room for one more pod.
	SurgesFirst bool
	// Replicas of the workload.
	Replicas int32
	// LargestNodeCPU, MaxContainerCPU and QuotaCPULeft are the same for CPU, in millicores.
	LargestNodeCPU, MaxContainerCPU int64
	QuotaCPULeft                    *QuotaRoom
	// VerticalAutoscaler is the VerticalPodAutoscaler that sets the workload's
	// resources, empty where there is none.
	VerticalAutoscaler string
	// MemoryScaler is the HorizontalPodAutoscaler that scales by use in
	// proportion to the memory request, empty where there is none.
	MemoryScaler string
}

// Action is one remedy with its exact effect. Exactly one of Template, Pods,
// Topic, Group, Job and Hold is set, but for Escalate, which has none.
type Action struct {
	Remedy v1alpha1.RemedyName
	// Because says why this remedy.
	Because string
	// Target as Kind/name.
	Target string
	// Template as it should be.
	Template *corev1.PodTemplateSpec
	// Pods to be evicted, so that their controller makes new ones at once.
	Pods []Pod
	// Topic to be created on the dependency Service.
	Topic *TopicCreation
	// Group to be deleted from the dependency Service.
	Group *GroupDeletion
	// Job is the CronJob whose Job template is to be run once.
	Job string
	// Hold says that nothing is touched until the service of this name is well.
	Hold string
	// Proof must pass before the action is applied, where set.
	Proof *evidence.Connection
	// On is the workload whose template is changed, nil for the looping one.
	On *Workload
	// FromRevision and ToRevision are the recorded revisions that a rollback leads
	// from and to, empty for other remedies.
	FromRevision, ToRevision string
}

// GroupDeletion is a consumer group to be deleted.
type GroupDeletion struct {
	// Connection as the stack declares the cluster, with the container's own credentials.
	Connection evidence.Connection
	Group      string
}

// TopicCreation is a topic to be created.
type TopicCreation struct {
	// Connection as the stack declares the cluster, with the container's own credentials.
	Connection evidence.Connection
	Topic      v1alpha1.DeclaredTopic
}

// Refusal is a remedy that was looked at and must not be used here.
type Refusal struct {
	Remedy  v1alpha1.RemedyName
	Because string
}

// remedy is an entry of the registry, and the only place for facts about it.
type remedy struct {
	name v1alpha1.RemedyName
	// summary says in one sentence what it does, for the documentation.
	summary string
	// causes that it may help against.
	causes []v1alpha1.Cause
	// writes is the kind of write that it makes, empty where it makes none.
	writes v1alpha1.ActionType
	// optIn remedies are off unless a policy enables them.
	optIn bool
	// final remedies have no way back: what they did cannot be undone.
	final bool
	// repeatable remedies act on what is there at the moment and not on a
	// setting: that they were tried before is no reason against them.
	repeatable bool
	// asksForRoom remedies have the pod request more of a node than before.
	asksForRoom bool
	// settles says when what it started has come to its end, empty where it
	// changes the looping workload itself.
	settles Settlement
	// mayChange says of each place at which its pod template differs from the
	// present one whether this remedy may change that. It is asked before each
	// write, there and back.
	mayChange func(TemplateWrite, difference) bool
	// recordedOnly remedies lead to a template that Kubernetes has on record.
	recordedOnly bool
	// needs is what has to be read for it, beside the case.
	needs []Need
	// kindred are sets of causes that are the same trouble for this remedy,
	// beside those that are so for any (see Kindred).
	kindred [][]v1alpha1.Cause
	// mayCause says that the change that was made for one finding may itself have
	// caused another one. nil where it cannot.
	mayCause func(was, is v1alpha1.FindingIdentity) bool
	// propose returns the action, or why it must not be used here.
	propose func(Input) (Action, *Refusal)
}

// Settlement is when a remedy that acts on something else than the looping
// workload has come to its end: only what happens from then on tells whether it
// helped. The looping pods do not notice such a remedy, and so are evicted from
// their back-off then.
type Settlement string

// The settlements.
const (
	// SettlesAtOnce: with the write itself.
	SettlesAtOnce Settlement = "AtOnce"
	// SettlesWithJob: when the Job is over; a Job that fails is a remedy that failed.
	SettlesWithJob Settlement = "WithJob"
	// SettlesWhenAnswering: when the other workload is rolled out and answers
	// where the stack declares it.
	SettlesWhenAnswering Settlement = "WhenAnswering"
)

// Need is something that has to be read before a remedy can be proposed.
type Need string

// The needs. What is not needed is not read.
const (
	// NeedBounds is Input.Bounds.
	NeedBounds Need = "Bounds"
	// NeedOlderRevision is Input.Previous.
	NeedOlderRevision Need = "OlderRevision"
	// NeedDependencyWorkloads is Input.Workloads and Input.Restarts.
	NeedDependencyWorkloads Need = "DependencyWorkloads"
	// NeedKnownKeys is Input.KnownKeys.
	NeedKnownKeys Need = "KnownKeys"
	// NeedRecurrences is Input.Recurrences.
	NeedRecurrences Need = "Recurrences"
)

// registry lists the remedies; for a cause, the first that does not refuse is taken.
var registry = []remedy{
	runJob,
	raiseMemoryLimit,
	raiseCPULimit,
	relaxProbe,
	createTopic,
	deleteConsumerGroup,
	setEnv,
	waitForDependency,
	recreatePod,
	restartWorkload,
	restartDependency,
	holdDependents,
	rollbackRollout,
}

// Propose is the remedy for a finding and the ones that were refused on the
// way. Where none is left, it is Escalate.
func Propose(in Input) (Action, []Refusal) {
	var refused []Refusal
	if in.Finding.PodOnly {
		return Action{Remedy: v1alpha1.RemedyEscalate, Target: in.workload(),
			Because: "look at the NetworkPolicies that select the pod and at its dnsPolicy and dnsConfig, which no remedy changes; the dependency is well, and another address or a restart would not help"}, nil
	}
	for _, r := range registry {
		if !slices.Contains(r.causes, in.Finding.Cause) {
			continue
		}
		action, refusal := r.propose(in)
		action.Remedy = r.name
		if refusal == nil {
			refusal = in.unrecordable(r.name, action)
		}
		if refusal == nil {
			refusal = in.notPermitted(action)
		}
		if !r.allowedBy(in.Policy) {
			refusal = r.switchedOff(action, refusal)
		}
		if refusal != nil {
			if refusal.Because != "" {
				refused = append(refused, *refusal)
			}
			continue
		}
		return action, refused
	}
	return escalate(in, refused), refused
}

// switchedOff is what is said of a remedy that the policy does not allow: of
// one that is off by default only where it would be for this.
func (r remedy) switchedOff(action Action, refusal *Refusal) *Refusal {
	switch {
	case refusal == nil:
		return &Refusal{r.name, "the policy switches it off; it would be used because " + action.Because}
	case r.optIn:
		return &Refusal{Remedy: r.name}
	}
	return &Refusal{r.name, "the policy switches it off"}
}

func refuse(name v1alpha1.RemedyName, format string, args ...any) (Action, *Refusal) {
	return Action{}, &Refusal{name, fmt.Sprintf(format, args...)}
}

// dependency is the one that the finding is about.
func (in Input) dependency() (evidence.Dependency, bool) {
	name := in.Finding.Subject.Dependency
	if name == "" {
		name = in.Finding.Root
	}
	i := slices.IndexFunc(in.Case.Dependencies, func(d evidence.Dependency) bool { return d.Service == name })
	if name == "" || i < 0 {
		return evidence.Dependency{}, false
	}
	return in.Case.Dependencies[i], true
}

// probed is the outcome of the probe of a service from a viewpoint, Unknown
// where none was run.
func (in Input) probed(service string, viewpoint v1alpha1.ProbeViewpoint) v1alpha1.ProbeOutcome {
	for _, p := range in.Case.Probes {
		if p.Service == service && p.Viewpoint == viewpoint {
			return p.Outcome()
		}
	}
	return v1alpha1.ProbeUnknown
}

// container is the looping one in a template, nil where it is not there.
func container(template *corev1.PodTemplateSpec, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{template.Spec.Containers, template.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// edit is a copy of the template with the looping container changed.
func (in Input) edit(change func(*corev1.Container)) *corev1.PodTemplateSpec {
	edited := in.Template.DeepCopy()
	change(container(edited, in.Case.Container.Name))
	return edited
}

// workload is the target of a template change, as Kind/name.
func (in Input) workload() string {
	return string(in.Case.Rollout.Kind) + "/" + in.Case.Rollout.Name
}
