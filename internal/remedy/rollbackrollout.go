package remedy

import (
	"fmt"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// rollbackRollout returns to the revision before, whose pods are up beside the
// looping new ones, where the new revision's own contents are at fault. Causes
// that lie outside of it, such as a dependency, are not among its causes.
var rollbackRollout = remedy{
	name:    v1alpha1.RemedyRollbackRollout,
	summary: "Returns to the newest older revision whose pods are ready.",
	writes:  v1alpha1.ActionPatchTemplate,
	optIn:   true,
	needs:   []Need{NeedOlderRevision},
	causes: []v1alpha1.Cause{
		v1alpha1.CauseApplicationError, v1alpha1.CauseSegfault, v1alpha1.CauseCompletedExit,
		v1alpha1.CauseCommandNotFound, v1alpha1.CauseCommandNotExecutable, v1alpha1.CauseExecFormatError, v1alpha1.CauseArgumentsInvalid,
		v1alpha1.CauseImagePullFailed, v1alpha1.CauseStartupProbeFailed, v1alpha1.CauseLivenessProbeFailed,
		v1alpha1.CauseUnknown,
	},
	// All that is wrong with another release came with it, such as that it cannot
	// read a newer schema.
	mayCause: func(_, _ v1alpha1.FindingIdentity) bool { return true },
	propose: func(in Input) (Action, *Refusal) {
		rollout := in.Case.Rollout
		switch {
		case rollout.PreviousRevision == "":
			return refuse(v1alpha1.RemedyRollbackRollout, "the workload has no earlier revision")
		case rollout.OlderReady == 0:
			return refuse(v1alpha1.RemedyRollbackRollout, "no pod of revision %s is up: that it would do better is not shown", rollout.PreviousRevision)
		case rollout.UpdatedReady > 0:
			return refuse(v1alpha1.RemedyRollbackRollout, "pods of revision %s are up as well: the revision is not what makes the difference", rollout.Revision)
		case in.Previous == nil:
			return refuse(v1alpha1.RemedyRollbackRollout, "revision %s is not on record any more", rollout.PreviousRevision)
		}
		return Action{
			Because: fmt.Sprintf("no pod of revision %s is up, while %d of revision %s are, and nothing else explains it",
				rollout.Revision, rollout.OlderReady, rollout.PreviousRevision),
			Target:     in.workload(),
			Template:   in.Previous.DeepCopy(),
			ToRevision: rollout.PreviousRevision,
		}, nil
	},
}
