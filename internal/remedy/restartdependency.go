package remedy

import (
	"fmt"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

// restartDependency restarts a dependency that is wedged: its pods are ready,
// it has no diagnosis of its own, and it does not answer where it is declared.
var restartDependency = remedy{
	name:      v1alpha1.RemedyRestartDependency,
	summary:   "Restarts a dependency that is ready and does not answer.",
	writes:    v1alpha1.ActionPatchTemplate,
	mayChange: restarts,
	optIn:     true,
	settles:   SettlesWhenAnswering,
	needs:     []Need{NeedDependencyWorkloads},
	causes: []v1alpha1.Cause{
		v1alpha1.CauseDependencyUnhealthy, v1alpha1.CausePostgresUnreachable, v1alpha1.CausePostgresConnectionsExhausted,
		v1alpha1.CauseKafkaUnreachable, v1alpha1.CauseKafkaCoordinatorUnavailable, v1alpha1.CauseUpstreamUnreachable,
	},
	final: true,
	propose: func(in Input) (Action, *Refusal) {
		d, known := in.dependency()
		if !known {
			return refuse(v1alpha1.RemedyRestartDependency, "the stack declares no dependency that the cause is about")
		}
		target, runs := in.Workloads[d.Service]
		switch {
		case !runs:
			return refuse(v1alpha1.RemedyRestartDependency, "%s has no workload in this namespace", d.Service)
		case d.Workload.Looping || !d.Workload.Ready:
			return refuse(v1alpha1.RemedyRestartDependency, "%s is in trouble of its own, which is looked after by itself", d.Service)
		case in.settling(d):
			return refuse(v1alpha1.RemedyRestartDependency, "%s has been ready for less than %s: it may still be coming up", d.Service, settleTime)
		case in.probed(d.Service, v1alpha1.AsDeclared) != v1alpha1.ProbeFailed:
			return refuse(v1alpha1.RemedyRestartDependency, "it is not shown that %s does not answer where it is declared", d.Service)
		case workload.TraitsOf(target.Kind).Lock != "":
			return refuse(v1alpha1.RemedyRestartDependency, "%s is a %s: %s", d.Service, target.Kind, workload.TraitsOf(target.Kind).Lock)
		case !MayRestart(target.Kind, target.AllowRestart):
			return refuse(v1alpha1.RemedyRestartDependency, "%s is stateful; services[].allowRestart would allow it", d.Service)
		case in.tried(v1alpha1.RemedyRestartDependency) > 0:
			return refuse(v1alpha1.RemedyRestartDependency, "a restart of %s did not help before", d.Service)
		}
		if other, known := in.restarted(target); known {
			ago := in.Now.Sub(other.RecordedAt.Time).Round(time.Second)
			if other.Outcome.InForce() {
				return Action{
					Because: fmt.Sprintf("%s is being restarted for another service since %s", d.Service, ago),
					Target:  string(target.Kind) + "/" + target.Name, Hold: d.Service,
				}, nil
			}
			return refuse(v1alpha1.RemedyRestartDependency, "%s was restarted for another service %s ago (%s) and does not answer", d.Service, ago, other.Outcome)
		}
		return Action{
			Because:  fmt.Sprintf("%s is ready and does not answer at %s", d.Service, d.Declared.Server()),
			Target:   string(target.Kind) + "/" + target.Name,
			Template: restarted(target.Template, in.Now),
			On:       &target,
		}, nil
	},
}

// MayRestart says whether a policy lets a dependency of a kind be restarted: one that
// is stateful only where it says so (services[].allowRestart), and none that the operator
// does not write.
func MayRestart(kind v1alpha1.WorkloadKind, allowed bool) bool {
	traits := workload.TraitsOf(kind)
	return traits.Lock == "" && (allowed || !traits.Stateful)
}

// restartMemory is for how long a restart of a dependency is not repeated, whoever
// it was for: all dependents of one that is wedged see the same.
const restartMemory = time.Hour

// restarted is the latest restart of a workload for another incident within restartMemory.
func (in Input) restarted(target Workload) (latest v1alpha1.Attempt, known bool) {
	for _, a := range in.Restarts {
		patch := a.Action.PatchTemplate
		if patch == nil || patch.Workload != target.DiagnosedWorkload || a.Outcome == v1alpha1.AttemptWithdrawn || in.Now.Sub(a.RecordedAt.Time) > restartMemory {
			continue
		}
		if !known || a.RecordedAt.After(latest.RecordedAt.Time) {
			latest, known = a, true
		}
	}
	return latest, known
}
