package detect

import "github.com/bridgestack/operator/internal/evidence"

// Candidate is one pod of a workload, with the container that an incident is of.
type Candidate struct {
	Pod       evidence.Pod
	Container evidence.Container
	// Newest says that it is of the workload's newest revision.
	Newest bool
}

// Worst is the index of the pod to look at, -1 where there is none: one that is not
// up rather than one that is, and there the one that restarted most.
//
// While a rollout replaces the others, pods of the newest revision come first, up or
// not: what is wrong with the others is over with them. Where the rollout rests, be it
// for a partition, OnDelete, a pause or a quota, a healthy newest pod hides none that
// loops; of two that are not up, the newest comes first there, too.
func Worst(candidates []Candidate, rolloutRests bool) int {
	worst := -1
	for i := range candidates {
		if worst < 0 || worse(candidates[i], candidates[worst], rolloutRests) {
			worst = i
		}
	}
	return worst
}

func worse(a, b Candidate, rolloutRests bool) bool {
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
