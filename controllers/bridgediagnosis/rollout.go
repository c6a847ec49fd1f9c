package bridgediagnosis

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/verify"
	"github.com/bridgestack/operator/internal/workload"
)

// unreachable says why a change of the pod template would not reach the pod in
// trouble, empty where it would.
func (in *round) unreachable() string {
	pod, _, ok := in.worst()
	if !ok {
		return workload.Withheld(in.workload, "")
	}
	return workload.Withheld(in.workload, pod.Name)
}

// untried says that the pod in trouble does not have the present template, though it is
// to get it: what ends it says nothing of that, so that nothing more is changed there.
func (in *round) untried() string {
	pod, _, ok := in.worst()
	if !ok || pod.Newest || in.workload.Strategy().KeepsOlder() {
		return ""
	}
	return fmt.Sprintf("pod %s has an earlier pod template than %s/%s has now, and what ends it says nothing of the present one: see what keeps the rollout from going on, or delete the pod",
		pod.Name, in.workload.Kind(), in.workload.Object().GetName())
}

// podsNow are the pods that a change of the template is judged by: of the
// newest revision, and earlier ones where the workload keeps them, or where a node
// that does not answer keeps its rollout from going on: a pod there is never replaced,
// and counts as the one that may be unavailable.
func (in *round) podsNow() []verify.Pod {
	keepsOlder := in.workload.Strategy().KeepsOlder() || slices.ContainsFunc(in.pods, in.stuckOnNode)
	return in.podsUp(func(p observe.Pod) bool { return p.Newest || keepsOlder })
}

// stuckOnNode says that a pod is on a node that does not answer and that no other pod
// takes its place before it is gone, also where it is being deleted.
func (in *round) stuckOnNode(p observe.Pod) bool {
	return in.silentNodes[p.Spec.NodeName] && workload.TraitsOf(in.workload.Kind()).LeavesPods
}

// livePods are all that should be up, of whatever revision: while a rollout is
// paused, or where pods change on delete only, none may be of the newest.
func (in *round) livePods() []verify.Pod {
	return in.podsUp(func(observe.Pod) bool { return true })
}

func (in *round) podsUp(wanted func(observe.Pod) bool) []verify.Pod {
	var out []verify.Pod
	for _, p := range in.pods {
		c, ok := observe.ContainerOf(p.Pod, in.after.Spec.Container)
		over := p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
		stuck := in.stuckOnNode(p)
		if !ok || over || !p.DeletionTimestamp.IsZero() && !stuck || !wanted(p) {
			continue
		}
		pod := observe.PodOf(p.Pod)
		since, _ := detect.Up(pod, c)
		if stuck {
			since = time.Time{}
		}
		out = append(out, verify.Pod{
			Name: p.Name, Created: p.CreationTimestamp.Time, Restarts: c.Restarts, UpSince: since,
			Looping: isStuck(c),
			Older:   !p.Newest || !in.rolloutSeen(),
			Excused: stuck || pod.Excused(),
		})
	}
	return out
}

// rolloutSeen is true once the workload's controller has seen the template as
// it is: before, what is the newest revision is one of the past.
func (in *round) rolloutSeen() bool {
	generation := in.workload.Object().GetGeneration()
	return in.workload.ObservedGeneration() >= generation && generation > in.generationBefore()
}

// generationBefore is the workload's when the attempt in force was recorded,
// which the cache may still show; 0 where there is none.
func (in *round) generationBefore() int64 {
	if a := in.attempt(); a != nil && a.Outcome.InForce() && attempt.ChangesTemplateOf(a.Action, in.after.Spec.Workload) {
		return a.Action.PatchTemplate.Generation
	}
	return 0
}

// backingOff are the pods that sit in CrashLoopBackOff.
func (in *round) backingOff() []remedy.Pod {
	var out []remedy.Pod
	for _, p := range in.pods {
		c, ok := observe.ContainerOf(p.Pod, in.after.Spec.Container)
		if ok && p.DeletionTimestamp.IsZero() && c.Waiting != nil && c.Waiting.Reason == detect.ReasonCrashLoopBackOff {
			out = append(out, remedy.Pod{Name: p.Name, UID: string(p.UID)})
		}
	}
	return out
}
