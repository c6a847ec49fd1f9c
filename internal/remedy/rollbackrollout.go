package remedy

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// rollbackRollout returns to the newest older revision whose pods are up beside the
// looping new ones, where the new revision's own contents are at fault. Causes
// that lie outside of it, such as a dependency, are not among its causes.
var rollbackRollout = remedy{
	name:         v1alpha1.RemedyRollbackRollout,
	summary:      "Returns to the newest older revision whose pods are ready.",
	writes:       v1alpha1.ActionPatchTemplate,
	mayChange:    mayRollBack,
	recordedOnly: true,
	optIn:        true,
	needs:        []Need{NeedOlderRevision},
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
		case rollout.ReadyRevision == "":
			return refuse(v1alpha1.RemedyRollbackRollout, "no pod of an earlier revision is ready: that one would do better is not shown")
		case rollout.UpdatedReady > 0:
			return refuse(v1alpha1.RemedyRollbackRollout, "pods of revision %s are up as well: the revision is not what makes the difference", rollout.Revision)
		case in.Previous == nil:
			return refuse(v1alpha1.RemedyRollbackRollout, "revision %s is not on record any more", rollout.ReadyRevision)
		}
		if kept := keptFields(in.Template, in.Previous); len(kept) > 0 {
			return refuse(v1alpha1.RemedyRollbackRollout, "revision %s differs in %s, which no rollback changes: whether to go back there is for a person to decide (kubectl rollout undo)",
				rollout.ReadyRevision, strings.Join(kept, ", "))
		}
		return Action{
			Because: fmt.Sprintf("no pod of revision %s is up, while %d of revision %s are, and nothing else explains it",
				rollout.Revision, rollout.ReadyRevisionPods, rollout.ReadyRevision),
			Target:   in.workload(),
			Template: in.Previous.DeepCopy(),

			FromRevision: rollout.Revision, ToRevision: rollout.ReadyRevision,
		}, nil
	},
}

// keptOfPod and keptOfContainer are the fields of a pod and of a container that no rollback
// changes: who it is, what it may do on its node, and its data. What else is of
// a release, such as its image, its command and its settings, is on record as a
// whole and is shown in full.
var (
	keptOfPod = []string{
		"serviceAccountName", "serviceAccount", "automountServiceAccountToken", "securityContext", "volumes", "imagePullSecrets",
		"hostNetwork", "hostPID", "hostIPC", "hostUsers", "hostAliases", "runtimeClassName", "nodeName", "priorityClassName", "priority",
		"shareProcessNamespace", "resourceClaims", "schedulerName", "ephemeralContainers",
	}
	keptOfContainer = []string{"securityContext", "volumeMounts", "volumeDevices"}
)

// mayRollBack reports whether a rollback may change a field.
func mayRollBack(_ TemplateWrite, d difference) bool {
	_, rest, ok := d.path.inContainer()
	switch {
	case ok && len(rest) == 0: // a container that comes or goes brings these along
		return !hasKept(d.before) && !hasKept(d.after)
	case ok:
		return !slices.Contains(keptOfContainer, rest[0].key)
	case len(d.path) > 2 && d.path[:2].is("metadata", "annotations"): // where confinement was before it had fields
		return !strings.Contains(d.path[2].key, "apparmor") && !strings.Contains(d.path[2].key, "seccomp")
	case len(d.path) > 1 && d.path[0].key == "spec":
		return !slices.Contains(keptOfPod, d.path[1].key)
	}
	return true
}

// hasKept reports whether a container has any of the fields that no rollback changes.
func hasKept(container any) bool {
	object, _ := container.(map[string]any)
	return slices.ContainsFunc(keptOfContainer, func(field string) bool { _, set := object[field]; return set })
}

// keptFields are those at which two revisions differ and that no rollback changes.
func keptFields(present, older *corev1.PodTemplateSpec) []string {
	different, err := differences(present, older)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, d := range different {
		if !mayRollBack(TemplateWrite{}, d) {
			out = append(out, d.path.String())
		}
	}
	return out
}
