package vantage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const (
	// patience with a container that was added: it may have to pull its image.
	patience = time.Minute
	// mostPerPod of such containers, which stay in the pod's spec, are added to
	// one pod: one for each new turn that its incident takes.
	mostPerPod = 3
)

// Standing is where a question stands in a pod.
type Standing struct {
	// Asked says that the container is in the pod's spec, with this question.
	Asked    bool
	Question Question
	// Answered says that it ended well: its log is the Answer.
	Answered bool
	// Trouble says why there will be no answer, or none so far.
	Trouble string
	// Left is how long an answer is still awaited, 0 where it is not.
	Left time.Duration
}

// Look finds out where the question of this name stands. It is pure.
func Look(pod *corev1.Pod, name string, now time.Time) Standing {
	i := slices.IndexFunc(pod.Spec.EphemeralContainers, func(c corev1.EphemeralContainer) bool { return c.Name == name })
	if i < 0 {
		return Standing{}
	}
	q, err := questionOf(pod.Spec.EphemeralContainers[i])
	if err != nil {
		return Standing{Asked: true, Trouble: "a container of the probe's name is in the pod and is not the operator's: " + err.Error()}
	}
	state := stateOf(pod, name)
	if ended := state.Terminated; ended != nil {
		if ended.ExitCode == 0 {
			return Standing{Asked: true, Question: q, Answered: true}
		}
		return Standing{Asked: true, Trouble: fmt.Sprintf("the probe's container ended with exit code %d: %s", ended.ExitCode, ended.Reason)}
	}
	return Standing{
		Asked: true, Left: max(0, q.AskedAt.Add(patience).Sub(now)),
		Trouble: fmt.Sprintf("the probe's container did not end within %s: %s", patience, notEnded(state)),
	}
}

// notEnded says why not. The words stay the same while a pull is tried again
// and again.
func notEnded(state corev1.ContainerState) string {
	switch {
	case state.Running != nil:
		return "it still runs"
	case state.Waiting == nil:
		return "it was not started"
	}
	switch reason := state.Waiting.Reason; reason {
	case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName":
		return "its image cannot be pulled"
	default:
		return reason
	}
}

func questionOf(c corev1.EphemeralContainer) (Question, error) {
	if len(c.Args) != 2 || c.Args[0] != Command {
		return Question{}, fmt.Errorf("its arguments are %d others", len(c.Args))
	}
	return ParseQuestion([]byte(c.Args[1]))
}

func stateOf(pod *corev1.Pod, name string) corev1.ContainerState {
	for _, s := range pod.Status.EphemeralContainerStatuses {
		if s.Name == name {
			return s.State
		}
	}
	return corev1.ContainerState{}
}

// Refusal says why a pod cannot be asked anything, empty where it can. It is pure.
func Refusal(pod *corev1.Pod) string {
	asked := 0
	for _, c := range pod.Spec.EphemeralContainers {
		if strings.HasPrefix(c.Name, v1alpha1.ProbeContainerPrefix) {
			asked++
		}
	}
	switch {
	case pod.Status.PodIP == "":
		return "the pod has no network"
	case pod.Status.PodIP == pod.Status.HostIP:
		return "the pod is on its node's network, which probes never use"
	case asked >= mostPerPod:
		return fmt.Sprintf("the pod was asked %d times already, and each leaves a container in its spec", asked)
	}
	return ""
}

// Asker adds the containers. It is the only one to do so, and does nothing else.
type Asker struct {
	// Writer needs the right to patch pods/ephemeralcontainers, which only
	// config/probe-from-pod grants.
	Writer client.SubResourceClientConstructor
	// Image of the operator; empty where it does not know it.
	Image string
}

// Ask adds the container to the pod as it was read: where the pod has changed
// since, the API server answers with a conflict, and the caller looks again.
func (a Asker) Ask(ctx context.Context, pod *corev1.Pod, name string, q Question) error {
	container, err := a.container(name, q)
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID, "resourceVersion": pod.ResourceVersion},
		"spec":     map[string]any{"ephemeralContainers": []corev1.EphemeralContainer{container}},
	})
	if err != nil {
		return fmt.Errorf("writing the probe's container: %w", err)
	}
	target := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	err = a.Writer.SubResource("ephemeralcontainers").Patch(ctx, target, client.RawPatch(types.StrategicMergePatchType, patch), client.FieldOwner(v1alpha1.FieldManager))
	if err != nil {
		return fmt.Errorf("adding the ephemeral container %s to pod %s/%s: %w", name, pod.Namespace, pod.Name, err)
	}
	return nil
}

// container meets the Pod Security level restricted, whatever the pod around it
// is like. Ephemeral containers can have neither limits nor probes.
func (a Asker) container(name string, q Question) (corev1.EphemeralContainer, error) {
	question, err := json.Marshal(q)
	if err != nil {
		return corev1.EphemeralContainer{}, fmt.Errorf("writing the question: %w", err)
	}
	no, yes, nobody := false, true, int64(65532)
	return corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: name, Image: a.Image, ImagePullPolicy: corev1.PullIfNotPresent, Args: []string{Command, string(question)},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: &no, Privileged: &no, ReadOnlyRootFilesystem: &yes, RunAsNonRoot: &yes, RunAsUser: &nobody,
			Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}}, nil
}

// Because says why the API server refused a container, in its own words and
// with what an admin can do about it.
func Because(err error) string {
	switch {
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "pods/ephemeralcontainers"):
		return "the operator lacks the right for it, which config/probe-from-pod grants: " + err.Error()
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return "the cluster's policy refuses it: " + err.Error()
	}
	return err.Error()
}
