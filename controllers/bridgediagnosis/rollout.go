package bridgediagnosis

import (
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/verify"
)

// unreachable says why a change of the pod template would not reach the pod in
// trouble, empty where it would.
func (in *round) unreachable() string {
	switch w := in.workload.(type) {
	case *appsv1.Deployment:
		if w.Spec.Paused {
			return "the Deployment's rollout is paused (spec.paused), so that a change would not reach its pods"
		}
	case *appsv1.StatefulSet:
		pod, _, ok := in.worst()
		if below := partition(w); ok && below > 0 && ordinal(pod.Name) < int(below) {
			return fmt.Sprintf("the StatefulSet's partition %d keeps a change from pod %s", below, pod.Name)
		}
	}
	return ""
}

func partition(w *appsv1.StatefulSet) int32 {
	if r := w.Spec.UpdateStrategy.RollingUpdate; r != nil && r.Partition != nil {
		return *r.Partition
	}
	return 0
}

// ordinal of a StatefulSet's pod, 0 where the name has none.
func ordinal(pod string) int {
	n, err := strconv.Atoi(pod[strings.LastIndex(pod, "-")+1:])
	if err != nil {
		return 0
	}
	return n
}

// onDelete is true of workloads whose pods get a new template only when they
// are deleted.
func (in *round) onDelete() bool {
	switch w := in.workload.(type) {
	case *appsv1.StatefulSet:
		return w.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType
	case *appsv1.DaemonSet:
		return w.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType
	}
	return false
}

// keepsOlder is true of workloads some of whose pods keep an earlier template
// after a rollout.
func (in *round) keepsOlder() bool {
	w, stateful := in.workload.(*appsv1.StatefulSet)
	return in.onDelete() || stateful && partition(w) > 0
}

// podsNow are the pods that a change of the template is judged by: of the
// newest revision, and earlier ones where the workload keeps them.
func (in *round) podsNow() []verify.Pod {
	return in.podsUp(func(p observe.Pod) bool { return p.Newest || in.keepsOlder() })
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
		if !ok || over || !p.DeletionTimestamp.IsZero() || !wanted(p) {
			continue
		}
		since, _ := detect.Up(c)
		out = append(out, verify.Pod{
			Name: p.Name, Created: p.CreationTimestamp.Time, Restarts: c.Restarts, UpSince: since,
			Looping: c.Waiting != nil && c.Waiting.Reason != "ContainerCreating" && c.Waiting.Reason != "PodInitializing",
			Older:   !p.Newest || !in.rolloutSeen(),
		})
	}
	return out
}

// rolloutSeen is true once the workload's controller has seen the template as
// it is: before, what is the newest revision is one of the past.
func (in *round) rolloutSeen() bool {
	generation := in.workload.GetGeneration()
	return in.observedGeneration() >= generation && generation > in.generationBefore()
}

// observedGeneration is the latest that the workload's controller has seen.
func (in *round) observedGeneration() int64 {
	switch w := in.workload.(type) {
	case *appsv1.Deployment:
		return w.Status.ObservedGeneration
	case *appsv1.StatefulSet:
		return w.Status.ObservedGeneration
	case *appsv1.DaemonSet:
		return w.Status.ObservedGeneration
	}
	return 0
}

// generationBefore is the workload's when the attempt in force was recorded,
// which the cache may still show; 0 where there is none.
func (in *round) generationBefore() int64 {
	if a := in.attempt(); a != nil && a.Outcome.InForce() && a.Patch != "" && a.Workload == nil {
		return a.Generation
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
