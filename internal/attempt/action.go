package attempt

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/remedy"
)

// Target is what an action is recorded for.
type Target struct {
	// Diagnosis by its UID, and the number of the attempt at it, from 1.
	Diagnosis types.UID
	Number    int
	// Workload that loops, with its generation and its pod template.
	Workload   v1alpha1.DiagnosedWorkload
	Generation int64
	Template   *corev1.PodTemplateSpec
}

// ActionOf is a remedy's action as an attempt records it: all that is needed to
// execute it, to resume it and to take it back, and no credentials.
func ActionOf(a remedy.Action, t Target) (v1alpha1.AttemptAction, error) {
	switch {
	case a.Template != nil:
		return patchAction(a, t)
	case a.Topic != nil:
		topic := a.Topic.Topic
		return v1alpha1.AttemptAction{Type: v1alpha1.ActionCreateTopic, CreateTopic: &v1alpha1.CreateTopicAction{
			Service: a.Topic.Connection.Service, Name: topic.Name, Partitions: topic.Partitions, ReplicationFactor: topic.ReplicationFactor,
		}}, nil
	case a.Group != nil:
		return v1alpha1.AttemptAction{Type: v1alpha1.ActionDeleteConsumerGroup, DeleteConsumerGroup: &v1alpha1.DeleteConsumerGroupAction{
			Service: a.Group.Connection.Service, Group: a.Group.Group,
		}}, nil
	case a.Job != "":
		return v1alpha1.AttemptAction{Type: v1alpha1.ActionRunJob, RunJob: &v1alpha1.RunJobAction{
			CronJob: a.Job, JobName: JobName(a.Job, t.Diagnosis, t.Number),
		}}, nil
	case len(a.Pods) > 0:
		out := v1alpha1.AttemptAction{Type: v1alpha1.ActionEvictPods, EvictPods: &v1alpha1.EvictPodsAction{}}
		for _, p := range a.Pods {
			out.EvictPods.Pods = append(out.EvictPods.Pods, v1alpha1.PodIdentity{Name: p.Name, UID: types.UID(p.UID)})
		}
		return out, nil
	}
	return v1alpha1.AttemptAction{}, fmt.Errorf("%s writes nothing, so that there is nothing to record", a.Remedy)
}

func patchAction(a remedy.Action, t Target) (v1alpha1.AttemptAction, error) {
	before, workload, generation := t.Template, t.Workload, t.Generation
	if a.On != nil {
		before, workload, generation = a.On.Template, a.On.DiagnosedWorkload, 0
	}
	patch, undo, err := remedy.Patches(before, a.Template)
	if err != nil {
		return v1alpha1.AttemptAction{}, fmt.Errorf("recording %s: %w", a.Remedy, err)
	}
	return v1alpha1.AttemptAction{Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{
		Workload: workload, Generation: generation, TemplateHash: hashFor(patch)(before), Patch: patch, Undo: undo,
	}}, nil
}

// TakenBackOnDelete is true where the policy wants an action taken back when its stack
// is deleted, and there is a way back.
func TakenBackOnDelete(policy v1alpha1.OnDelete, a v1alpha1.AttemptAction, name v1alpha1.RemedyName) bool {
	return policy == v1alpha1.OnDeleteTakeBack && a.PatchTemplate != nil && !remedy.Final(name)
}

// Settlement is how what an attempt started elsewhere comes to its end.
func Settlement(a v1alpha1.Attempt) remedy.Settlement {
	by := remedy.SettlesBy(a.Proposal.Remedy)
	switch {
	case a.Action.RunJob != nil:
		return remedy.SettlesWithJob
	case by == remedy.SettlesWhenAnswering && a.Action.PatchTemplate != nil:
		return by
	}
	return remedy.SettlesAtOnce
}

// Declares says that a stack's declared topics have one exactly as an action makes
// it. What a declaration leaves open is 1.
func Declares(topics []v1alpha1.DeclaredTopic, action v1alpha1.CreateTopicAction) bool {
	return slices.ContainsFunc(topics, func(t v1alpha1.DeclaredTopic) bool {
		return t.Name == action.Name && cmp.Or(t.Partitions, 1) == action.Partitions && cmp.Or(t.ReplicationFactor, 1) == action.ReplicationFactor
	})
}

// maxJobName is what a Job's name may have: it becomes a label of the Job's pods.
const maxJobName = 63

// JobName is the same for the same attempt at the same incident, so that a Job is
// created once, and another one for any other attempt or incident.
func JobName(cronJob string, diagnosis types.UID, number int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", cronJob, diagnosis, number))
	suffix := "-" + hex.EncodeToString(sum[:])[:10]
	return strings.TrimRight(cronJob[:min(len(cronJob), maxJobName-len(suffix))], "-.") + suffix
}
