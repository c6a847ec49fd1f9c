package remedy

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// restartedAt is the annotation that kubectl rollout restart sets on a pod template.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// restartWorkload lets a workload's pods start anew, paced by its own update
// strategy: they hold on to something that has changed since they started.
var restartWorkload = remedy{
	name:      v1alpha1.RemedyRestartWorkload,
	summary:   "Restarts a workload's pods, as kubectl rollout restart does.",
	writes:    v1alpha1.ActionPatchTemplate,
	mayChange: restarts,
	causes: []v1alpha1.Cause{
		v1alpha1.CauseConfigStale, v1alpha1.CausePostgresConnectionLost, v1alpha1.CausePostgresPoolExhausted,
		v1alpha1.CauseUpstreamConnectionLost,
	},
	final: true,
	propose: func(in Input) (Action, *Refusal) {
		if in.tried(v1alpha1.RemedyRestartWorkload) > 0 {
			return refuse(v1alpha1.RemedyRestartWorkload, "a restart did not help before")
		}
		because := "its configuration is newer than its pods, and the new one works"
		if in.Finding.Cause != v1alpha1.CauseConfigStale {
			d, known := in.dependency()
			switch {
			case !known:
				return refuse(v1alpha1.RemedyRestartWorkload, "the stack declares no server that the cause is about")
			case in.probed(d.Service, v1alpha1.AsConfigured) != v1alpha1.ProbePassed:
				return refuse(v1alpha1.RemedyRestartWorkload, "%s does not answer yet with the container's own settings: new pods would end the same way", d.Service)
			}
			because = d.Service + " answers, and the container's connections do not come back by themselves"
		}
		return Action{Because: because, Target: in.workload(), Template: restarted(in.Template, in.Now)}, nil
	},
}

// restarted is a template whose pods are all to be made anew.
func restarted(template *corev1.PodTemplateSpec, now time.Time) *corev1.PodTemplateSpec {
	again := template.DeepCopy()
	if again.Annotations == nil {
		again.Annotations = map[string]string{}
	}
	again.Annotations[restartedAt] = now.UTC().Format(time.RFC3339)
	return again
}

// WithoutRestart is a pod template without the mark of its last restart (kubectl
// rollout restart), which edits nothing.
func WithoutRestart(template *corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	if _, restarted := template.Annotations[restartedAt]; !restarted {
		return template
	}
	out := template.DeepCopy()
	if delete(out.Annotations, restartedAt); len(out.Annotations) == 0 {
		out.Annotations = nil
	}
	return out
}
