package vantage

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/evidence"
)

// silent is a resolver that never answers.
type silent struct{}

func (silent) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// podWith is a pod with a container that was asked something, in this state.
func podWith(t *testing.T, name string, state corev1.ContainerState) *corev1.Pod {
	t.Helper()
	c, err := Asker{Image: "example.com/operator:1"}.container(name, question(Target{Service: "postgres", Protocol: evidence.TCP}))
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{EphemeralContainers: []corev1.EphemeralContainer{c}}}
	pod.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{{Name: name, State: state}}
	return pod
}

func TestLook(t *testing.T) {
	const name = "bridgestack-probe-1"
	waits := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "Back-off 10s"}}
	}
	ends := func(code int32) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "OOMKilled"}}
	}
	for title, c := range map[string]struct {
		state    corev1.ContainerState
		after    time.Duration
		answered bool
		left     time.Duration
		says     string
	}{
		"just added":          {corev1.ContainerState{}, time.Second, false, patience - time.Second, ""},
		"pulls its image":     {waits("ContainerCreating"), 10 * time.Second, false, patience - 10*time.Second, ""},
		"runs":                {corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, 10 * time.Second, false, patience - 10*time.Second, ""},
		"has ended":           {ends(0), 10 * time.Second, true, 0, ""},
		"has ended, long ago": {ends(0), time.Hour, true, 0, ""},
		"has failed":          {ends(137), 10 * time.Second, false, 0, "exit code 137: OOMKilled"},
		"cannot pull":         {waits("ImagePullBackOff"), patience, false, 0, "image cannot be pulled"},
		"cannot pull, later":  {waits("ErrImagePull"), patience, false, 0, "image cannot be pulled"},
		"never started":       {corev1.ContainerState{}, patience, false, 0, "not started"},
		"hangs":               {corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, patience, false, 0, "still runs"},
	} {
		t.Run(title, func(t *testing.T) {
			got := Look(podWith(t, name, c.state), name, asked.Add(c.after))
			if !got.Asked || got.Answered != c.answered || got.Left != c.left || !strings.Contains(got.Trouble, c.says) {
				t.Errorf("%+v", got)
			}
		})
	}
	pod := podWith(t, name, ends(0))
	if got := Look(pod, "bridgestack-probe-2", asked); got.Asked {
		t.Errorf("another question: %+v", got)
	}
	pod.Spec.EphemeralContainers[0].Args = []string{"sh", "-c", "echo"}
	if got := Look(pod, name, asked); !got.Asked || got.Answered || got.Left != 0 || !strings.Contains(got.Trouble, "not the operator's") {
		t.Errorf("somebody else's container: %+v", got)
	}
}

func TestRefusal(t *testing.T) {
	pod := &corev1.Pod{Status: corev1.PodStatus{PodIP: "10.0.0.1", HostIP: "10.9.9.9"}}
	if why := Refusal(pod); why != "" {
		t.Fatal(why)
	}
	for range mostPerPod {
		pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, podWith(t, "bridgestack-probe-1", corev1.ContainerState{}).Spec.EphemeralContainers...)
	}
	if why := Refusal(pod); !strings.Contains(why, "3 times already") {
		t.Errorf("asked again and again: %q", why)
	}
	for says, status := range map[string]corev1.PodStatus{"no network": {}, "node's network": {PodIP: "10.9.9.9", HostIP: "10.9.9.9"}} {
		if why := Refusal(&corev1.Pod{Status: status}); !strings.Contains(why, says) {
			t.Errorf("%+v: %q", status, why)
		}
	}
}

// The container has no more than it needs, and fits any pod's limits on privileges.
func TestContainer(t *testing.T) {
	c := podWith(t, "bridgestack-probe-1", corev1.ContainerState{}).Spec.EphemeralContainers[0]
	if len(c.Env)+len(c.EnvFrom)+len(c.VolumeMounts)+len(c.Command)+len(c.Resources.Limits) > 0 || c.TargetContainerName != "" || c.Stdin || c.TTY {
		t.Errorf("it has more than it needs: %+v", c)
	}
	var q Question
	if err := json.Unmarshal([]byte(c.Args[1]), &q); err != nil || c.Args[0] != Command {
		t.Errorf("%v: %v", c.Args, err)
	}
}
