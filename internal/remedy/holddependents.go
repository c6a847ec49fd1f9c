package remedy

import (
	"fmt"
	"slices"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// holdDependents leaves a symptom alone while its root is in trouble.
var holdDependents = remedy{
	name:    v1alpha1.RemedyHoldDependents,
	summary: "Touches nothing while a dependency is the root of the trouble, until that is healthy again.",
	causes: []v1alpha1.Cause{
		v1alpha1.CauseDependencyUnhealthy, v1alpha1.CausePostgresStarting,
		v1alpha1.CausePostgresUnreachable, v1alpha1.CauseKafkaUnreachable, v1alpha1.CauseKafkaCoordinatorUnavailable,
		v1alpha1.CausePostgresHostNotFound, v1alpha1.CauseKafkaHostNotFound,
		v1alpha1.CauseUpstreamUnreachable, v1alpha1.CauseUpstreamStarting,
	},
	propose: func(in Input) (Action, *Refusal) {
		d, known := in.dependency()
		if !known {
			return refuse(v1alpha1.RemedyHoldDependents, "the stack declares no dependency that the cause is about")
		}
		if in.endsAllTheSame(d) {
			return refuse(v1alpha1.RemedyHoldDependents, "%s answers with the container's own settings, and the container ends all the same: waiting would not help", d.Service)
		}
		answers := in.probed(d.Service, v1alpha1.AsConfigured) == v1alpha1.ProbePassed
		settling := d.Workload.Known && (!d.Workload.Ready || d.Workload.Looping) || in.settling(d)
		passing := slices.Contains([]v1alpha1.Cause{v1alpha1.CausePostgresStarting, v1alpha1.CauseUpstreamStarting, v1alpha1.CauseDependencyUnhealthy}, in.Finding.Cause)
		if !answers && !settling && !passing {
			return refuse(v1alpha1.RemedyHoldDependents, "%s is ready and still does not answer: waiting would not help", d.Service)
		}
		return Action{
			Because: fmt.Sprintf("%s is at the root: patching its dependents would not help", d.Service),
			Target:  in.workload(),
			Hold:    d.Service,
		}, nil
	},
}

// longestBackOff is the kubelet's (MaxContainerBackOff): a container that is
// started again so long after its dependency was ready does not end for want of it.
const longestBackOff = 5 * time.Minute

// endsAllTheSame is true where the dependency answers, and that did not end the
// loop: it has answered for longer than any back-off lasts, or what was changed for
// the same trouble did not help. New pods alone are no such change.
func (in Input) endsAllTheSame(d evidence.Dependency) bool {
	if in.probed(d.Service, v1alpha1.AsConfigured) != v1alpha1.ProbePassed {
		return false
	}
	ready := d.Workload.ReadySince
	if d.Workload.Ready && !ready.IsZero() && in.Now.Sub(ready) > longestBackOff {
		return true
	}
	return slices.ContainsFunc(in.Attempts, func(a v1alpha1.Attempt) bool {
		failed := a.Outcome == v1alpha1.AttemptRolledBack || a.Outcome == v1alpha1.AttemptFailed
		return failed && a.Action.Type != v1alpha1.ActionEvictPods && slices.Contains(unreached, a.Finding.Cause)
	})
}

// settleTime is how long a dependency may count as ready before it answers:
// many have no readiness probe that asks.
const settleTime = time.Minute

// settling is true of a dependency that became ready only just now.
func (in Input) settling(d evidence.Dependency) bool {
	return d.Workload.Ready && !d.Workload.ReadySince.IsZero() && in.Now.Sub(d.Workload.ReadySince) < settleTime
}
