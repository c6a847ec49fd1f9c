package detect

import "github.com/bridgestack/operator/internal/evidence"

// maxAsked is of how many pods it is asked whether an autoscaler answered for them:
// one for all is the rule.
const maxAsked = 3

// LearnScaleUps asks, of pods that have no node, whether an autoscaler makes one, and
// says whether it does. Those that are not asked are as the others: an autoscaler that
// answers for some makes room for all.
func LearnScaleUps(a *Availability, makesNode func(evidence.Pod) bool) bool {
	learnt, asked := false, 0
	for i := range a.Pods {
		p := &a.Pods[i]
		switch {
		case p.Pod.Scheduled, !p.Current:
		case asked == maxAsked:
			p.ScalesUp = learnt
		default:
			asked++
			p.ScalesUp = makesNode(p.Pod)
			learnt = learnt || p.ScalesUp
		}
	}
	return learnt
}

// ScalesUp is of the events by which the Cluster Autoscaler and Karpenter say that a
// node is made for a pod.
func ScalesUp(e evidence.Event) bool {
	return e.Reason == "TriggeredScaleUp" || e.Reason == "Nominated"
}
