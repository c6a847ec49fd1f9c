// Package remedy knows what helps what: from a finding and its evidence to one
// reversible action with an exact before and after, or the reason why not. It
// is pure; one file is one remedy.
package remedy

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
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
	// QuotaMemoryLeft is what a ResourceQuota leaves of limits.memory, in bytes; nil is no quota.
	QuotaMemoryLeft *int64
	// Replicas of the workload.
	Replicas int32
}

// Action is one remedy with its exact effect. Exactly one of Template, Pods,
// Topic and Hold is set, but for Escalate, which has none.
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
	// Hold says that nothing is touched until the service of this name is well.
	Hold string
	// Proof must pass before the action is applied, where set.
	Proof *evidence.Connection
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

// remedy is an entry of the registry.
type remedy struct {
	name v1alpha1.RemedyName
	// causes that it may help against.
	causes []v1alpha1.Cause
	// propose returns the action, or why it must not be used here.
	propose func(Input) (Action, *Refusal)
}

// registry lists the remedies; for a cause, the first that does not refuse is taken.
var registry = []remedy{
	raiseMemoryLimit,
	createTopic,
	setEnv,
	recreatePod,
	holdDependents,
}

// Propose is the remedy for a finding and the ones that were refused on the
// way. Where none is left, it is Escalate.
func Propose(in Input) (Action, []Refusal) {
	var refused []Refusal
	for _, r := range registry {
		if !slices.Contains(r.causes, in.Finding.Cause) {
			continue
		}
		if !in.Policy.Allows(r.name) {
			refused = append(refused, Refusal{r.name, "the policy switches it off"})
			continue
		}
		action, refusal := r.propose(in)
		if refusal != nil {
			refused = append(refused, *refusal)
			continue
		}
		action.Remedy = r.name
		return action, refused
	}
	return escalate(in, refused), refused
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

// For is the remedy that is looked at first for a cause, Escalate where none
// is known. Whether it may be used is for Propose to say.
func For(cause v1alpha1.Cause) v1alpha1.RemedyName {
	for _, r := range registry {
		if slices.Contains(r.causes, cause) {
			return r.name
		}
	}
	return v1alpha1.RemedyEscalate
}
