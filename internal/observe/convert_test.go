package observe

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/bridgestack/operator/internal/evidence"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestContainers(t *testing.T) {
	pod := podFrom(t, `
metadata: {name: app-1, namespace: shop, uid: u, creationTimestamp: "2026-11-24T11:00:00Z"}
spec:
  restartPolicy: OnFailure
  securityContext: {runAsNonRoot: true, runAsUser: 1000}
  initContainers:
  - {name: migrate, image: "migrate:1"}
  - {name: proxy, image: "proxy:1", restartPolicy: Always}
  containers:
  - name: app
    image: app:1
    command: [/app]
    args: [--serve]
    resources: {requests: {memory: 64Mi, cpu: 100m}, limits: {memory: 128Mi, cpu: "1"}}
    securityContext: {runAsUser: 7, readOnlyRootFilesystem: true}
    livenessProbe: {httpGet: {path: /health, port: 8080, httpHeaders: [{name: Host, value: shop.example.com}]}, initialDelaySeconds: 5, periodSeconds: 3, timeoutSeconds: 2, failureThreshold: 4}
    startupProbe: {exec: {command: [ok]}}
    readinessProbe: {tcpSocket: {port: 80}}
  - {name: late, image: "late:1"}
status:
  phase: Running
  reason: Why
  message: because
  initContainerStatuses:
  - {name: migrate, restartCount: 2, ready: true, image: "", imageID: "", state: {terminated: {exitCode: 0, reason: Completed, finishedAt: "2026-11-24T11:00:09Z"}}}
  - {name: proxy, restartCount: 0, ready: true, started: true, image: "", imageID: "", state: {running: {startedAt: "2026-11-24T11:00:10Z"}}}
  containerStatuses:
  - name: app
    restartCount: 5
    ready: false
    image: ""
    imageID: ""
    state: {waiting: {reason: CrashLoopBackOff, message: back-off 40s}}
    lastState: {terminated: {exitCode: 137, signal: 9, reason: OOMKilled, message: m, startedAt: "1970-01-01T00:00:00Z", finishedAt: "2026-11-24T11:59:00Z"}}`)
	if diff := cmp.Diff(evidence.Pod{Namespace: "shop", Name: "app-1", UID: "u", Phase: "Running", Reason: "Why", Message: "because",
		RestartPolicy: "OnFailure", Created: noon.Add(-time.Hour)}, PodOf(pod)); diff != "" {
		t.Errorf("pod (-want +got)\n%s", diff)
	}
	nonRoot, user, own := true, int64(1000), int64(7)
	want := []evidence.Container{
		{Name: "migrate", Role: evidence.RoleInit, Image: "migrate:1", Restarts: 2, Ready: true, RunAsNonRoot: &nonRoot, RunAsUser: &user,
			Terminated: &evidence.Termination{Reason: "Completed", Finished: noon.Add(-time.Hour + 9*time.Second)}},
		{Name: "proxy", Role: evidence.RoleSidecar, Image: "proxy:1", Ready: true, Started: true, RunAsNonRoot: &nonRoot, RunAsUser: &user,
			RunningSince: noon.Add(-time.Hour + 10*time.Second)},
		{Name: "app", Role: evidence.RoleMain, Image: "app:1", Command: []string{"/app"}, Args: []string{"--serve"}, Restarts: 5,
			Waiting: &evidence.Waiting{Reason: "CrashLoopBackOff", Message: "back-off 40s"},
			// The epoch is the kubelet's way to say that it does not know.
			LastTermination: &evidence.Termination{ExitCode: 137, Signal: 9, Reason: "OOMKilled", Message: "m", Finished: noon.Add(-time.Minute)},
			Resources:       evidence.Resources{MemoryRequest: 64 << 20, MemoryLimit: 128 << 20, CPURequest: 100, CPULimit: 1000},
			Liveness:        &evidence.ProbeSpec{Kind: "httpGet", Scheme: "HTTP", Port: 8080, Path: "/health", Own: true, InitialDelay: 5 * time.Second, Period: 3 * time.Second, Timeout: 2 * time.Second, FailureThreshold: 4},
			Startup:         &evidence.ProbeSpec{Kind: "exec", Period: 10 * time.Second, Timeout: time.Second, FailureThreshold: 3},
			Readiness:       &evidence.ProbeSpec{Kind: "tcpSocket", Port: 80, Period: 10 * time.Second, Timeout: time.Second, FailureThreshold: 3},
			RunAsNonRoot:    &nonRoot, RunAsUser: &own, ReadOnlyRoot: true},
		{Name: "late", Role: evidence.RoleMain, Image: "late:1", RunAsNonRoot: &nonRoot, RunAsUser: &user},
	}
	if diff := cmp.Diff(want, Containers(pod)); diff != "" {
		t.Errorf("containers (-want +got)\n%s", diff)
	}
	if _, ok := ContainerOf(pod, "other"); ok {
		t.Error("found a container that is not there")
	}
}

func TestPodDefaults(t *testing.T) {
	deleted := metav1.NewTime(noon)
	got := PodOf(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &deleted}})
	if got.RestartPolicy != "Always" || !got.Terminating {
		t.Errorf("got %+v", got)
	}
}

// A pod on a node that does not answer keeps its containers' statuses: only its
// own condition says that it is not ready.
func TestReadiness(t *testing.T) {
	since := metav1.NewTime(time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC))
	pod := func(status corev1.ConditionStatus, containers ...bool) *corev1.Pod {
		p := &corev1.Pod{Spec: corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Name: "a"}, {Name: "b"}}}}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: since}}
		for _, ready := range containers {
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Ready: ready})
		}
		return p
	}
	for name, c := range map[string]struct {
		pod                        *corev1.Pod
		ready                      evidence.Readiness
		containersReady, isExcused bool
	}{
		"ready":                  {pod(corev1.ConditionTrue, true, true), evidence.ReadinessTrue, true, false},
		"one container is not":   {pod(corev1.ConditionFalse, true, false), evidence.ReadinessFalse, false, false},
		"its node is gone":       {pod(corev1.ConditionFalse, true, true), evidence.ReadinessFalse, true, true},
		"its node says nothing":  {pod(corev1.ConditionUnknown, true, true), evidence.ReadinessFalse, true, true},
		"one has no status yet":  {pod(corev1.ConditionFalse, true), evidence.ReadinessFalse, false, false},
		"no condition, no node":  {&corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending}}, evidence.ReadinessUnknown, false, true},
		"pending, with its node": {&corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}, Status: corev1.PodStatus{Phase: corev1.PodPending}}, evidence.ReadinessUnknown, false, false},
	} {
		got := PodOf(c.pod)
		if got.Ready != c.ready || got.ContainersReady != c.containersReady || got.Excused() != c.isExcused {
			t.Errorf("%s: %q, containers ready %t, excused %t", name, got.Ready, got.ContainersReady, got.Excused())
		}
		if c.ready != evidence.ReadinessUnknown && !got.ReadySince.Equal(since.Time) {
			t.Errorf("%s: since %s", name, got.ReadySince)
		}
	}
}

func TestEvents(t *testing.T) {
	var list corev1.EventList
	err := yaml.UnmarshalStrict([]byte(`
items:
- {type: Warning, reason: BackOff, message: b, count: 7, firstTimestamp: "2026-11-24T11:00:00Z", lastTimestamp: "2026-11-24T11:59:00Z",
   involvedObject: {fieldPath: "spec.containers{app}"}}
- {type: Warning, reason: Killing, message: "(combined from similar events): k", eventTime: "2026-11-24T11:58:00.000000Z", series: {count: 3, lastObservedTime: "2026-11-24T12:00:00.000000Z"},
   involvedObject: {kind: Pod, namespace: shop, name: api-1, uid: u, fieldPath: "spec.initContainers{migrate}"}}
- {type: Normal, reason: Scheduled, message: s, eventTime: "2026-11-24T10:00:00.000000Z"}
- {type: Normal, reason: Old, metadata: {creationTimestamp: "2026-11-24T09:00:00Z"}}`), &list)
	if err != nil {
		t.Fatal(err)
	}
	want := []evidence.Event{
		{Type: "Normal", Reason: "Old", Count: 1, First: noon.Add(-3 * time.Hour), Last: noon.Add(-3 * time.Hour)},
		{Type: "Normal", Reason: "Scheduled", Message: "s", Count: 1, First: noon.Add(-2 * time.Hour), Last: noon.Add(-2 * time.Hour)},
		{Type: "Warning", Reason: "BackOff", Message: "b", Count: 7, Container: "app", First: noon.Add(-time.Hour), Last: noon.Add(-time.Minute)},
		{Type: "Warning", Reason: "Killing", Message: "k", Count: 3, Container: "migrate", About: evidence.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "api-1", UID: "u"}, First: noon.Add(-2 * time.Minute), Last: noon},
	}
	if diff := cmp.Diff(want, EventsOf(list.Items)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNode(t *testing.T) {
	var node corev1.Node
	err := yaml.UnmarshalStrict([]byte(`
metadata: {name: n1}
status:
  allocatable: {memory: 2Gi, cpu: 1500m}
  conditions:
  - {type: Ready, status: "True", lastTransitionTime: "2026-11-24T11:59:00Z"}
  - {type: MemoryPressure, status: "True"}
  - {type: DiskPressure, status: "False"}
  - {type: PIDPressure, status: Unknown}`), &node)
	if err != nil {
		t.Fatal(err)
	}
	want := evidence.Node{Name: "n1", Known: true, Ready: true, ReadySince: noon.Add(-time.Minute), MemoryPressure: true, AllocatableMemory: 2 << 30, AllocatableCPU: 1500}
	if diff := cmp.Diff(want, NodeOf(&node)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
