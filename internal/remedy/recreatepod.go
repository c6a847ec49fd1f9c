package remedy

import (
	"fmt"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// recreatePod replaces pods whose back-off outlives its cause
// (kubernetes#57291): the dependency answers again, the kubelet still waits.
var recreatePod = remedy{
	name:       v1alpha1.RemedyRecreatePod,
	summary:    "Evicts pods that still sit in a back-off although its cause is gone.",
	writes:     v1alpha1.ActionEvictPods,
	repeatable: true,
	kindred:    [][]v1alpha1.Cause{unreached},
	causes: []v1alpha1.Cause{
		v1alpha1.CauseDependencyUnhealthy,
		v1alpha1.CausePostgresUnreachable, v1alpha1.CausePostgresStarting, v1alpha1.CausePostgresHostNotFound,
		v1alpha1.CausePostgresConnectionLost, v1alpha1.CausePostgresConnectionsExhausted,
		v1alpha1.CauseKafkaUnreachable, v1alpha1.CauseKafkaHostNotFound, v1alpha1.CauseKafkaCoordinatorUnavailable,
		v1alpha1.CauseUpstreamUnreachable, v1alpha1.CauseUpstreamStarting, v1alpha1.CauseUpstreamConnectionLost, v1alpha1.CauseUpstreamOverloaded,
	},
	propose: func(in Input) (Action, *Refusal) {
		d, known := in.dependency()
		switch {
		case !known:
			return refuse(v1alpha1.RemedyRecreatePod, "the stack declares no dependency that the cause is about")
		case in.probed(d.Service, v1alpha1.AsConfigured) != v1alpha1.ProbePassed:
			return refuse(v1alpha1.RemedyRecreatePod, "%s does not answer yet with the container's own settings: a new pod would end the same way", d.Service)
		case len(in.BackingOff) == 0:
			return refuse(v1alpha1.RemedyRecreatePod, "no pod sits in a back-off")
		}
		return Action{
			Because: fmt.Sprintf("%s answers again, and the back-off would outlive the cause", d.Service),
			Target:  in.workload(),
			Pods:    in.BackingOff,
		}, nil
	},
}
