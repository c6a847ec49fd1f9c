package plan

import (
	"fmt"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/workload"
)

// Untried says that the pod in trouble, zero where there is none, does not have the
// present template, though it is to get it: what ends it says nothing of that, so that
// nothing more is changed there.
func Untried(w workload.Workload, worst evidence.WorkloadPod) string {
	if worst.Pod.Name == "" || worst.Newest || w.Strategy().KeepsOlder() {
		return ""
	}
	return fmt.Sprintf("pod %s has an earlier pod template than %s/%s has now, and what ends it says nothing of the present one: see what keeps the rollout from going on, or delete the pod",
		worst.Pod.Name, w.Kind(), w.Object().GetName())
}
