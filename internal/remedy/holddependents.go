package remedy

import (
	"fmt"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// holdDependents leaves a symptom alone while its root is in trouble.
var holdDependents = remedy{
	name: v1alpha1.RemedyHoldDependents,
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
		settling := d.Workload.Known && (!d.Workload.Ready || d.Workload.Looping)
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
