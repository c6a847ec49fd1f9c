package remedy

import (
	"fmt"
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// runJob runs the owner's own Job, such as a migration or a restore. What it
// does is the owner's; that it succeeded and the loop ended is verified.
var runJob = remedy{
	name:    v1alpha1.RemedyRunJob,
	summary: "Runs the owner's own Job, such as a migration, from a CronJob's template.",
	writes:  v1alpha1.ActionRunJob,
	optIn:   true,
	settles: SettlesWithJob,
	causes:  v1alpha1.Causes,
	final:   true,
	propose: func(in Input) (Action, *Refusal) {
		i := slices.IndexFunc(in.Policy.Jobs, func(j v1alpha1.JobHook) bool {
			return slices.Contains(j.Causes, in.Finding.Cause) && (j.Service == "" || j.Service == in.Service.Name)
		})
		switch {
		case i < 0:
			return Action{}, &Refusal{Remedy: v1alpha1.RemedyRunJob} // nobody asked for it
		case in.tried(v1alpha1.RemedyRunJob) > 0:
			return refuse(v1alpha1.RemedyRunJob, "CronJob %s was run before and did not help", in.Policy.Jobs[i].CronJob)
		}
		return Action{
			Because: fmt.Sprintf("the policy runs CronJob %s for %s", in.Policy.Jobs[i].CronJob, in.Finding.Cause),
			Target:  "CronJob/" + in.Policy.Jobs[i].CronJob,
			Job:     in.Policy.Jobs[i].CronJob,
		}, nil
	},
}
