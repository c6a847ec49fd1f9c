package classify

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// description reads the output of kubectl describe pod. What it does not tell,
// such as the values of variables from Secrets, stays unknown.
type description struct {
	pod       corev1.Pod
	events    []corev1.Event
	init      bool
	container *corev1.Container
	status    *corev1.ContainerStatus
	// state that the fields below are of, section of the lines that are indented more.
	state   *corev1.ContainerState
	section string
	// inEvents: the table of events has begun; done: it has ended.
	inEvents, done bool
}

var (
	field = regexp.MustCompile(`^( *)([A-Z][A-Za-z ]*?):(?:\s+(.*))?$`)
	entry = regexp.MustCompile(`^  ([a-z0-9][a-z0-9.-]*):$`)
	pair  = regexp.MustCompile(`^ {6,}([\w.-]+):\s+(.*)$`)
	// eventRow is a row of the table of events: type, reason, age, from, message.
	eventRow = regexp.MustCompile(`^  (Normal|Warning)\s+(\S+)\s+(\S+(?: \(x(\d+) over [^)]*\))?)\s+(\S+(?: \S+)?)\s{2,}(.*)$`)
	probes   = regexp.MustCompile(`delay=(\S+?)s? timeout=(\S+?)s? period=(\S+?)s? #success=\d+ #failure=(\d+)`)
)

// addDescription takes in pods as kubectl describes them, and the log that may follow.
func (g *Gathered) addDescription(text string) {
	d := &description{}
	var rest strings.Builder
	for line := range strings.Lines(text) {
		bare := strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(bare, "Name: ") && d.pod.Name != "" {
			g.keep(d)
			d = &description{}
		}
		if !d.readLine(bare) {
			rest.WriteString(line)
		}
	}
	g.keep(d)
	if strings.TrimSpace(rest.String()) != "" {
		g.addLog(rest.String())
	}
}

// readLine reads a line, and says whether it is the description's: behind the
// events, which are indented, something else begins.
func (d *description) readLine(line string) bool {
	switch {
	case d.done:
		return false
	case strings.HasPrefix(line, "Events:"):
		d.inEvents = true
	case d.inEvents && line != "" && line[0] != ' ':
		d.done = true
		return false
	case d.inEvents:
		d.readEvent(line)
	default:
		d.read(line)
	}
	return true
}

func (g *Gathered) keep(d *description) {
	if d.pod.Name == "" {
		return
	}
	d.closeContainer()
	g.pods = append(g.pods, d.pod)
	for i := range d.events {
		d.events[i].InvolvedObject = corev1.ObjectReference{Kind: "Pod", Name: d.pod.Name}
	}
	g.events = append(g.events, d.events...)
}

func (d *description) read(line string) {
	if m := entry.FindStringSubmatch(line); m != nil && d.section == "containers" {
		d.closeContainer()
		d.container, d.status = &corev1.Container{Name: m[1]}, &corev1.ContainerStatus{Name: m[1]}
		return
	}
	m := field.FindStringSubmatch(line)
	switch {
	case m != nil && m[1] == "":
		d.top(m[2], m[3])
	case d.container == nil:
	case m != nil && len(m[1]) == 4:
		d.section, d.state = "containers", nil
		d.containerField(m[2], m[3])
	case m != nil && d.state != nil:
		stateField(d.state, m[2], m[3])
	default:
		d.sectionLine(line)
	}
}

// top takes a field of the pod.
func (d *description) top(name, value string) {
	switch name {
	case "Name":
		d.pod.Name = value
	case "Namespace":
		d.pod.Namespace = value
	case "Status":
		d.pod.Status.Phase = corev1.PodPhase(value)
	case "Reason":
		d.pod.Status.Reason = value
	case "Message":
		d.pod.Status.Message = value
	case "Node":
		d.pod.Spec.NodeName, _, _ = strings.Cut(value, "/")
	case "Containers", "Init Containers":
		d.closeContainer()
		d.section, d.init = "containers", name == "Init Containers"
		return
	}
	d.closeContainer()
	d.section = ""
}

func (d *description) closeContainer() {
	if d.container == nil {
		return
	}
	if d.init {
		d.pod.Spec.InitContainers = append(d.pod.Spec.InitContainers, *d.container)
		d.pod.Status.InitContainerStatuses = append(d.pod.Status.InitContainerStatuses, *d.status)
	} else {
		d.pod.Spec.Containers = append(d.pod.Spec.Containers, *d.container)
		d.pod.Status.ContainerStatuses = append(d.pod.Status.ContainerStatuses, *d.status)
	}
	d.container, d.status, d.state = nil, nil, nil
}

// containerField takes a field of a container.
func (d *description) containerField(name, value string) {
	switch name {
	case "Image":
		d.container.Image = value
	case "State":
		d.state = &d.status.State
		startState(d.state, value)
	case "Last State":
		d.state = &d.status.LastTerminationState
		startState(d.state, value)
	case "Ready":
		d.status.Ready = value == "True"
	case "Restart Count":
		d.status.RestartCount = number(value)
	case "Liveness":
		d.container.LivenessProbe = probeOf(value)
	case "Startup":
		d.container.StartupProbe = probeOf(value)
	case "Readiness":
		d.container.ReadinessProbe = probeOf(value)
	case "Command", "Args", "Limits", "Requests", "Environment":
		d.section = name
	}
}

func startState(s *corev1.ContainerState, kind string) {
	switch kind {
	case "Waiting":
		s.Waiting = &corev1.ContainerStateWaiting{}
	case "Running":
		s.Running = &corev1.ContainerStateRunning{}
	case "Terminated":
		s.Terminated = &corev1.ContainerStateTerminated{}
	}
}

// stateField takes a field of a state.
func stateField(s *corev1.ContainerState, name, value string) {
	switch {
	case s.Waiting != nil && name == "Reason":
		s.Waiting.Reason = value
	case s.Waiting != nil && name == "Message":
		s.Waiting.Message = value
	case s.Running != nil && name == "Started":
		s.Running.StartedAt = timeOf(value)
	case s.Terminated != nil:
		terminatedField(s.Terminated, name, value)
	}
}

func terminatedField(t *corev1.ContainerStateTerminated, name, value string) {
	switch name {
	case "Reason":
		t.Reason = value
	case "Message":
		t.Message = value
	case "Exit Code", "Signal":
		if name == "Signal" {
			t.Signal = number(value)
		} else {
			t.ExitCode = number(value)
		}
	case "Started":
		t.StartedAt = timeOf(value)
	case "Finished":
		t.FinishedAt = timeOf(value)
	}
}

// number is a number that kubectl or docker prints, 0 where it is none.
func number(text string) int32 {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

func timeOf(value string) metav1.Time {
	at, err := time.Parse(time.RFC1123Z, value)
	if err != nil {
		return metav1.Time{}
	}
	return metav1.NewTime(at.UTC())
}

// sectionLine takes a line of a list below a container's field.
func (d *description) sectionLine(line string) {
	text := strings.TrimSpace(line)
	m := pair.FindStringSubmatch(line)
	switch d.section {
	case "Command":
		d.container.Command = append(d.container.Command, text)
	case "Args":
		d.container.Args = append(d.container.Args, text)
	case "Limits", "Requests":
		if m == nil {
			return
		}
		list := &d.container.Resources.Limits
		if d.section == "Requests" {
			list = &d.container.Resources.Requests
		}
		if q, err := resource.ParseQuantity(m[2]); err == nil {
			if *list == nil {
				*list = corev1.ResourceList{}
			}
			(*list)[corev1.ResourceName(m[1])] = q
		}
	case "Environment":
		if m != nil && !strings.HasPrefix(m[2], "<") {
			d.container.Env = append(d.container.Env, corev1.EnvVar{Name: m[1], Value: strings.TrimSpace(m[2])})
		}
	}
}

func probeOf(value string) *corev1.Probe {
	m := probes.FindStringSubmatch(value)
	if m == nil {
		return nil
	}
	var n [4]int32
	for i, text := range m[1:] {
		n[i] = number(text)
	}
	return &corev1.Probe{ProbeHandler: handlerOf(value), InitialDelaySeconds: n[0], TimeoutSeconds: n[1], PeriodSeconds: n[2], FailureThreshold: n[3]}
}

// handlers are what a probe asks, as kubectl prints it.
var handlers = regexp.MustCompile(`^(http-get|tcp-socket|grpc|exec)\b(?: (?:https?://)?[^ :]*:(\w[\w-]*)(/\S*)?)?`)

func handlerOf(value string) corev1.ProbeHandler {
	m := handlers.FindStringSubmatch(value)
	if m == nil {
		return corev1.ProbeHandler{}
	}
	port := intstr.Parse(m[2])
	switch m[1] {
	case "http-get":
		return corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: port, Path: m[3]}}
	case "tcp-socket":
		return corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: port}}
	case "grpc":
		return corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: port.IntVal}}
	default:
		return corev1.ProbeHandler{Exec: &corev1.ExecAction{}}
	}
}

func (d *description) readEvent(line string) {
	m := eventRow.FindStringSubmatch(line)
	if m == nil {
		return
	}
	d.events = append(d.events, corev1.Event{Type: m[1], Reason: m[2], Message: strings.TrimSpace(m[6]), Count: max(1, number(m[4]))})
}
