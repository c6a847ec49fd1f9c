package observe

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
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
    livenessProbe: {httpGet: {path: /health, port: 8080}, initialDelaySeconds: 5, periodSeconds: 3, timeoutSeconds: 2, failureThreshold: 4}
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
			Liveness:        &evidence.ProbeSpec{Kind: "httpGet", InitialDelay: 5 * time.Second, Period: 3 * time.Second, Timeout: 2 * time.Second, FailureThreshold: 4},
			Startup:         &evidence.ProbeSpec{Kind: "exec", Period: 10 * time.Second, Timeout: time.Second, FailureThreshold: 3},
			Readiness:       &evidence.ProbeSpec{Kind: "tcpSocket", Period: 10 * time.Second, Timeout: time.Second, FailureThreshold: 3},
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

func TestEvents(t *testing.T) {
	var list corev1.EventList
	err := yaml.UnmarshalStrict([]byte(`
items:
- {type: Warning, reason: BackOff, message: b, count: 7, firstTimestamp: "2026-11-24T11:00:00Z", lastTimestamp: "2026-11-24T11:59:00Z",
   involvedObject: {fieldPath: "spec.containers{app}"}}
- {type: Warning, reason: Killing, message: k, eventTime: "2026-11-24T11:58:00.000000Z", series: {count: 3, lastObservedTime: "2026-11-24T12:00:00.000000Z"},
   involvedObject: {fieldPath: "spec.initContainers{migrate}"}}
- {type: Normal, reason: Scheduled, message: s, eventTime: "2026-11-24T10:00:00.000000Z"}
- {type: Normal, reason: Old, metadata: {creationTimestamp: "2026-11-24T09:00:00Z"}}`), &list)
	if err != nil {
		t.Fatal(err)
	}
	want := []evidence.Event{
		{Type: "Normal", Reason: "Old", Count: 1, Last: noon.Add(-3 * time.Hour)},
		{Type: "Normal", Reason: "Scheduled", Message: "s", Count: 1, Last: noon.Add(-2 * time.Hour)},
		{Type: "Warning", Reason: "BackOff", Message: "b", Count: 7, Container: "app", Last: noon.Add(-time.Minute)},
		{Type: "Warning", Reason: "Killing", Message: "k", Count: 3, Container: "migrate", Last: noon},
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
  - {type: Ready, status: "True"}
  - {type: MemoryPressure, status: "True"}
  - {type: DiskPressure, status: "False"}
  - {type: PIDPressure, status: Unknown}`), &node)
	if err != nil {
		t.Fatal(err)
	}
	want := evidence.Node{Name: "n1", Known: true, Ready: true, MemoryPressure: true, AllocatableMemory: 2 << 30, AllocatableCPU: 1500}
	if diff := cmp.Diff(want, NodeOf(&node)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func ownedMeta(name string, owner types.UID, labels map[string]string) metav1.ObjectMeta {
	controller := true
	return metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: labels,
		OwnerReferences: []metav1.OwnerReference{{UID: owner, Controller: &controller}}}
}

func replicaSet(number string, ready int32, minute int) appsv1.ReplicaSet {
	rs := appsv1.ReplicaSet{ObjectMeta: ownedMeta("app-"+number, "d", nil), Status: appsv1.ReplicaSetStatus{ReadyReplicas: ready}}
	rs.Annotations = map[string]string{revisionAnnotation: number}
	rs.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(minute) * time.Minute))
	rs.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app"}}
	return rs
}

func TestDeploymentRollout(t *testing.T) {
	three := int32(3)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "app", UID: "d", Generation: 10}, Spec: appsv1.DeploymentSpec{Replicas: &three}}
	foreign := replicaSet("99", 9, 9)
	foreign.OwnerReferences[0].UID = "other"
	// Numbers, not words: 10 is newer than 9.
	got := DeploymentRollout(d, []appsv1.ReplicaSet{replicaSet("8", 1, 1), replicaSet("10", 0, 3), foreign, replicaSet("9", 2, 2)})
	want := evidence.Rollout{Known: true, Kind: v1alpha1.Deployment, Name: "app", UID: "d", Generation: 10, Replicas: 3, UpdatedReady: 0, OlderReady: 3,
		TemplateChanged: noon.Add(3 * time.Minute), Revision: "10", PreviousRevision: "9"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := DeploymentRollout(d, nil); got.Revision != "" || got.PreviousRevision != "" || !got.Known {
		t.Errorf("without ReplicaSets: got %+v", got)
	}
}

func controllerRevision(number int64, owner types.UID, hash string) appsv1.ControllerRevision {
	r := appsv1.ControllerRevision{ObjectMeta: ownedMeta("app-"+hash, owner, map[string]string{"controller-revision-hash": hash}), Revision: number}
	r.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(number) * time.Minute))
	return r
}

func podOf(name string, owner types.UID, hash string, ready bool) corev1.Pod {
	pod := corev1.Pod{ObjectMeta: ownedMeta(name, owner, map[string]string{"controller-revision-hash": hash})}
	if ready {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	}
	return pod
}

func TestStatefulSetRollout(t *testing.T) {
	s := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "db", UID: "s"}, Status: appsv1.StatefulSetStatus{UpdateRevision: "db-2"}}
	got := StatefulSetRollout(s, []appsv1.ControllerRevision{controllerRevision(1, "s", "db-1"), controllerRevision(2, "s", "db-2"), controllerRevision(7, "x", "x")},
		[]corev1.Pod{podOf("db-0", "s", "db-1", true), podOf("db-1", "s", "db-2", true), podOf("db-2", "s", "db-2", false), podOf("y", "x", "db-2", true)})
	want := evidence.Rollout{Known: true, Kind: v1alpha1.StatefulSet, Name: "db", UID: "s", Replicas: 1, UpdatedReady: 1, OlderReady: 1,
		TemplateChanged: noon.Add(2 * time.Minute), Revision: "2", PreviousRevision: "1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDaemonSetRollout(t *testing.T) {
	d := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: "agent", UID: "a"}, Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 2}}
	got := DaemonSetRollout(d, []appsv1.ControllerRevision{controllerRevision(3, "a", "new"), controllerRevision(2, "a", "old")},
		[]corev1.Pod{podOf("agent-1", "a", "old", true), podOf("agent-2", "a", "new", false)})
	want := evidence.Rollout{Known: true, Kind: v1alpha1.DaemonSet, Name: "agent", UID: "a", Replicas: 2, OlderReady: 1,
		TemplateChanged: noon.Add(3 * time.Minute), Revision: "3", PreviousRevision: "2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
