package detect

import (
	"slices"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// replacedWithin is how long after the newest pod was made pods of an earlier
// revision may still be there only because they are not replaced yet.
const replacedWithin = 5 * time.Minute

// RolloutRests is true where no pod of the newest revision was made lately: pods of an
// earlier one stay, because of a partition, of OnDelete, of a pause or of a quota.
func RolloutRests(pods []evidence.WorkloadPod, now time.Time) bool {
	for _, p := range pods {
		if p.Newest && now.Sub(p.Pod.Created) < replacedWithin {
			return false
		}
	}
	return true
}

// MarkCurrent decides which pods count: those of the newest revision, and earlier ones
// where the workload keeps them or its rollout rests, so that nothing replaces them.
func MarkCurrent(pods []PodState, keepsOlder bool, now time.Time) {
	for _, p := range pods {
		if p.Newest && now.Sub(p.Pod.Created) < replacedWithin {
			for i := range pods {
				pods[i].Current = pods[i].Newest || keepsOlder
			}
			return
		}
	}
	for i := range pods {
		pods[i].Current = true
	}
}

// briefRun is the shortest time that a container must have been up to have outlived
// its earlier runs.
const briefRun = 5 * time.Second

// Outlived is true while a pod's container has been up for longer than it ever ran
// before it crashed; before is nil where that is not known.
func Outlived(p evidence.WorkloadPod, before *v1alpha1.LoopObservation, now time.Time) bool {
	since, up := Up(p.Pod, p.Container)
	longest := briefRun
	if before != nil {
		longest = max(longest, 2*time.Duration(before.LongestRunSeconds)*time.Second)
	}
	return up && now.Sub(since) > longest
}

// Worst is the index of the pod to look at, -1 where there is none: one that is not
// up rather than one that is, and there the one that restarted most.
//
// While a rollout replaces the others, pods of the newest revision come first, up or
// not: what is wrong with the others is over with them. Where the rollout rests, be it
// for a partition, OnDelete, a pause or a quota, a healthy newest pod hides none that
// loops; of two that are not up, the newest comes first there, too. A pod that did what
// it was made for shows nothing where there is another one. Pods that are being deleted
// or have no such container are not looked at, nor, unless ended is true, those that have
// ended: where pods are wanting, one that was evicted says nothing of those that come
// after it.
func Worst(pods []evidence.WorkloadPod, rolloutRests, ended bool) int {
	worst := -1
	for i, p := range pods {
		over := p.Pod.Phase == "Succeeded" || p.Pod.Phase == "Failed"
		if p.HasContainer && !p.Pod.Terminating && (ended || !over) && (worst < 0 || worse(p, pods[worst], rolloutRests)) {
			worst = i
		}
	}
	return worst
}

func worse(a, b evidence.WorkloadPod, rolloutRests bool) bool {
	if done := a.Pod.Phase == "Succeeded"; done != (b.Pod.Phase == "Succeeded") {
		return !done
	}
	_, up := Up(a.Pod, a.Container)
	_, otherUp := Up(b.Pod, b.Container)
	if rolloutRests && up != otherUp {
		return !up
	}
	if a.Newest != b.Newest {
		return a.Newest
	}
	if up != otherUp {
		return !up
	}
	return a.Container.Restarts > b.Container.Restarts
}

// TurnedAway is the index of the youngest pod that the kubelet of its node turned away
// lately, before anything of it ran; -1 where there is none. What makes pods makes the
// next one at once, which fares no better: there may be hundreds.
func TurnedAway(pods []evidence.WorkloadPod, now time.Time) int {
	youngest := -1
	for i, p := range pods {
		if turnedAway(p.Pod, []evidence.Container{p.Container}) && now.Sub(p.Pod.Created) < replacedWithin &&
			(youngest < 0 || p.Pod.Created.After(pods[youngest].Pod.Created)) {
			youngest = i
		}
	}
	return youngest
}

// turnedAway says that a kubelet admitted a pod not at all (OutOfcpu,
// UnexpectedAdmissionError, NodeAffinity: pkg/kubelet/lifecycle): it failed, and nothing
// of it ever ran. One that was evicted before it ran is not meant.
func turnedAway(pod evidence.Pod, containers []evidence.Container) bool {
	return pod.Phase == "Failed" && pod.Reason != "" && pod.Reason != ReasonEvicted && !pod.Terminating &&
		!slices.ContainsFunc(containers, evidence.Container.Begun)
}
