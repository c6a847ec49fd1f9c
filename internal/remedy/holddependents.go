package remedy

import (
	"fmt"
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
	},
	propose: func(in Input) (Action, *Refusal) {
		d, known := in.dependency()
		if !known {
			return refuse(v1alpha1.RemedyHoldDependents, "the stack declares no dependency that the cause is about")
		}
		answers := in.probed(d.Service, v1alpha1.AsConfigured) == v1alpha1.ProbePassed
		settling := d.Workload.Known && (!d.Workload.Ready || d.Workload.Looping) || in.settling(d)
		passing := in.Finding.Cause == v1alpha1.CausePostgresStarting || in.Finding.Cause == v1alpha1.CauseDependencyUnhealthy
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

// settleTime is how long a dependency may count as ready before it answers:
// many have no readiness probe that asks.
const settleTime = time.Minute

// settling is true of a dependency that became ready only just now.
func (in Input) settling(d evidence.Dependency) bool {
	return d.Workload.Ready && !d.Workload.ReadySince.IsZero() && in.Now.Sub(d.Workload.ReadySince) < settleTime
}
