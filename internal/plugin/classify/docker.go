package classify

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// inspected is what docker inspect tells of a container, and docker compose ps
// of a service, as far as it is looked at.
type inspected struct {
	Name         string
	RestartCount int32
	Config       *struct {
		Image      string
		Env        []string
		Cmd        []string
		Entrypoint []string
		Labels     map[string]string
	}
	HostConfig struct {
		Memory        int64
		RestartPolicy struct{ Name string }
	}
	// State is an object in docker inspect and a word in docker compose ps.
	State json.RawMessage
	// What docker compose ps --format json tells.
	Service, Status, Image string
	ExitCode               int32
}

type dockerState struct {
	Status                         string
	ExitCode                       int32
	OOMKilled, Running, Restarting bool
	Error                          string
	StartedAt, FinishedAt          time.Time
}

// addDocker takes in a container as docker prints it, and says whether it was one.
func (g *Gathered) addDocker(text json.RawMessage) (bool, error) {
	var c inspected
	if json.Unmarshal(text, &c) != nil || len(c.State) == 0 {
		return false, nil
	}
	var state dockerState
	switch {
	case c.Config != nil && json.Unmarshal(c.State, &state) == nil:
		name := c.Config.Labels["com.docker.compose.service"]
		if name == "" {
			name = strings.TrimPrefix(c.Name, "/")
		}
		g.addContainer(name, c, state)
	case c.Service != "":
		var word string
		if json.Unmarshal(c.State, &word) != nil {
			return false, nil
		}
		state.ExitCode = c.ExitCode
		state.Running, state.Restarting = word == "running", word == "restarting"
		g.addContainer(c.Service, c, state)
	default:
		return false, nil
	}
	return true, nil
}

// ofDocker marks what is no pod but a container of docker: of that, nobody has events.
const ofDocker = "docker"

// restartPolicies are docker's, in the words of Kubernetes.
var restartPolicies = map[string]corev1.RestartPolicy{
	"always": corev1.RestartPolicyAlways, "unless-stopped": corev1.RestartPolicyAlways,
	"on-failure": corev1.RestartPolicyOnFailure, "no": corev1.RestartPolicyNever,
}

func (g *Gathered) addContainer(name string, c inspected, state dockerState) {
	var pod corev1.Pod
	pod.Name, pod.Annotations = name, map[string]string{ofDocker: ""}
	pod.Spec.RestartPolicy = restartPolicies[c.HostConfig.RestartPolicy.Name]
	container := corev1.Container{Name: name, Image: c.Image}
	status := corev1.ContainerStatus{Name: name, RestartCount: c.RestartCount}
	if c.Config != nil {
		container.Image, container.Command, container.Args = c.Config.Image, c.Config.Entrypoint, c.Config.Cmd
		g.setEnv(name, c.Config.Env)
	}
	reason := "Error"
	switch {
	case state.OOMKilled:
		reason = "OOMKilled"
	case state.ExitCode == 0:
		reason = "Completed"
	}
	ended := &corev1.ContainerStateTerminated{
		ExitCode: state.ExitCode, Reason: reason, Message: state.Error,
		StartedAt: metav1.NewTime(state.StartedAt), FinishedAt: metav1.NewTime(state.FinishedAt),
	}
	switch {
	case state.Running && !state.Restarting:
		status.Ready = true
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(state.StartedAt)}
	case state.Restarting:
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
		status.LastTerminationState.Terminated = ended
	default:
		status.State.Terminated = ended
	}
	pod.Spec.Containers = []corev1.Container{container}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{status}
	g.pods = append(g.pods, pod)
}

func (g *Gathered) setEnv(container string, env []string) {
	if g.env == nil {
		g.env = map[string]map[string]string{}
	}
	all := map[string]string{}
	for _, assignment := range env {
		name, value, _ := strings.Cut(assignment, "=")
		all[name] = value
	}
	g.env[container] = all
}

var (
	isComposePS = regexp.MustCompile(`\A(?:NAME|Name)\s.*(?:STATUS|State)`)
	psStatus    = regexp.MustCompile(`\b(?:Exited|Exit|Restarting) \(?(\d+)\)?|\b(Up)\b`)
)

// addComposePS takes in the table of docker compose ps. Its columns are aligned
// with the words of its head.
func (g *Gathered) addComposePS(text string) {
	head, rows, _ := strings.Cut(text, "\n")
	from := strings.Index(head, "SERVICE")
	for row := range strings.Lines(rows) {
		m := psStatus.FindStringSubmatch(row)
		if m == nil || len(row) < from {
			continue
		}
		name := strings.Fields(row)[0]
		if from >= 0 {
			if service := strings.Fields(row[from:]); len(service) > 0 {
				name = service[0]
			}
		}
		g.addContainer(name, inspected{}, dockerState{
			ExitCode: number(m[1]), Running: m[2] != "", Restarting: strings.Contains(m[0], "Restarting"),
		})
	}
}
