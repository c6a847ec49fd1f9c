package attempt

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/workload"
)

// PodsOf are a workload's pods as far as it matters whether one is evicted.
func PodsOf(w workload.Workload, pods []evidence.WorkloadPod) []Pod {
	var out []Pod
	for _, p := range pods {
		if p.Pod.Terminating {
			continue
		}
		c := p.Container
		_, up := detect.Up(p.Pod, c)
		out = append(out, Pod{
			PodIdentity: v1alpha1.PodIdentity{Name: p.Pod.Name, UID: types.UID(p.Pod.UID)}, Created: p.Pod.Created, Newest: p.Newest,
			Up: p.HasContainer && up, BackingOff: c.Waiting != nil && c.Waiting.Reason == detect.ReasonCrashLoopBackOff,
			Broken: c.Blocked() || c.Terminated != nil && c.Terminated.ExitCode != 0, OutOfReach: workload.Withheld(w, p.Pod.Name) != "",
		})
	}
	return out
}

// AmongPods are those of the named pods that are the workload's: what is read back
// from a status names no others.
func AmongPods(named []v1alpha1.PodIdentity, pods []evidence.WorkloadPod) []v1alpha1.PodIdentity {
	var out []v1alpha1.PodIdentity
	for _, p := range named {
		own := func(o evidence.WorkloadPod) bool { return o.Pod.Name == p.Name && o.Pod.UID == string(p.UID) }
		if slices.ContainsFunc(pods, own) {
			out = append(out, p)
		}
	}
	return out
}

// ContainerIsGone is true once a container was removed from the pod template, or
// renamed, and no pod has it any more.
func ContainerIsGone(template *corev1.PodTemplateSpec, container string, pods []evidence.WorkloadPod) bool {
	named := func(c corev1.Container) bool { return c.Name == container }
	if slices.ContainsFunc(template.Spec.Containers, named) || slices.ContainsFunc(template.Spec.InitContainers, named) {
		return false
	}
	alive := false
	for _, p := range pods {
		if p.HasContainer {
			return false
		}
		alive = alive || !p.Pod.Terminating
	}
	return alive // where there is no pod, a webhook may yet add it to the next one
}

// TemplateSeen is true once the workload's controller has seen the template as it is:
// before, what is the newest revision is one of the past. The cache may still show the
// workload as it was before latest, the last attempt at the diagnosis of it.
func TemplateSeen(w workload.Workload, latest *v1alpha1.Attempt, own v1alpha1.DiagnosedWorkload) bool {
	before := int64(0)
	if latest != nil && latest.Outcome.InForce() && ChangesTemplateOf(latest.Action, own) {
		before = latest.Action.PatchTemplate.Generation
	}
	generation := w.Object().GetGeneration()
	return w.ObservedGeneration() >= generation && generation > before
}
