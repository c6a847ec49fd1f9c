package readertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
)

const password = "correct-horse-battery"

const looping = `
metadata: {name: app-0}
spec:
  nodeName: node-1
  containers:
  - name: app
    image: app:1
    args: ["--dsn=postgres://shop:correct-horse-battery@db/shop"]
    env:
    - {name: POSTGRES_HOST, value: localhost}
    - {name: POSTGRES_PASSWORD, valueFrom: {secretKeyRef: {name: credentials, key: password}}}
    - {name: TOPIC, valueFrom: {configMapKeyRef: {name: settings, key: topic}}}
    - {name: GONE, valueFrom: {configMapKeyRef: {name: settings, key: gone}}}
  - {name: side, image: "side:1"}
`

// loopingPod makes the pod, waits until the cache has it in CrashLoopBackOff
// after so many restarts, and gives it as the cache has it.
func loopingPod(t *testing.T, ns string, restarts int32) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(looping), pod); err != nil {
		t.Fatal(err)
	}
	pod.Namespace = ns
	create(t, pod)
	return crash(t, pod, corev1.ContainerStatus{Name: "app", RestartCount: restarts,
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 1, Reason: "Error", Message: "password " + password + " refused", FinishedAt: metav1.Now()}}})
}

// A pod that is well may be looked at all the same: what the cache does not keep of
// it is read.
func TestCaseOfPodThatIsWell(t *testing.T) {
	ns := namespace(t)
	config(t, ns)
	pod, yes := loopingPod(t, ns, 0), true
	up := corev1.ContainerStatus{Name: "app", Ready: true, Started: &yes, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}}
	side := up
	side.Name = "side"
	pod = crash(t, pod, up, side)
	if len(pod.Spec.Containers) != 2 || len(pod.Spec.Containers[0].Env) != 0 {
		t.Fatalf("the cache keeps %+v of a pod that is well", pod.Spec.Containers)
	}
	cluster.kubelet.say(logKey(ns, "app-0", "app", false), "up\n")
	got, err := newReader(t, cluster.config, nil).Case(t.Context(), observe.Request{Pod: pod, Container: "app"})
	if err != nil {
		t.Error(err)
	}
	checkEnv(t, got.Case)
	if c := got.Case.Container; !c.Ready || c.Image == "" || len(c.Args) == 0 {
		t.Errorf("got %+v", c)
	}
	if err := cluster.client.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	if got, err := newReader(t, cluster.config, nil).Case(t.Context(), observe.Request{Pod: pod, Container: "app"}); err == nil || got.Redactor != nil {
		t.Errorf("of a pod that is gone there is %+v, %v", got, err)
	}
}

// crash sets the status of the containers and waits for the cache.
func crash(t *testing.T, pod *corev1.Pod, statuses ...corev1.ContainerStatus) *corev1.Pod {
	t.Helper()
	whole := &corev1.Pod{}
	if err := cluster.client.Get(t.Context(), client.ObjectKeyFromObject(pod), whole); err != nil {
		t.Fatal(err)
	}
	whole.Status.Phase = corev1.PodRunning
	whole.Status.ContainerStatuses = statuses
	if err := cluster.client.Status().Update(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	cached := &corev1.Pod{}
	eventually(t, "the cache has the pod's status", func() bool {
		err := cluster.cached.Get(t.Context(), client.ObjectKeyFromObject(pod), cached)
		return err == nil && cached.ResourceVersion == whole.ResourceVersion
	})
	return cached
}

func config(t *testing.T, ns string) {
	t.Helper()
	create(t,
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "credentials"}, StringData: map[string]string{"password": password}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "settings"}, Data: map[string]string{"topic": "workflows"}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "db"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 5432}}}})
	eventually(t, "the cache has the Service", func() bool {
		return cluster.cached.Get(t.Context(), types.NamespacedName{Namespace: ns, Name: "db"}, &corev1.Service{}) == nil
	})
}

func TestCase(t *testing.T) {
	ns := namespace(t)
	config(t, ns)
	pod := loopingPod(t, ns, 5)
	create(t, eventOn(pod.UID, ns, "Warning", "BackOff", "Back-off restarting failed container app with "+password),
		eventOn("someone-else", ns, "Warning", "BackOff", "another pod's"))
	cluster.kubelet.say(logKey(ns, "app-0", "app", true), "start\nconnecting with "+password+"\nFATAL: giving up\n")

	got, err := newReader(t, cluster.config, nil).Case(t.Context(), observe.Request{Pod: pod, Container: "app", Service: "hook-receiver"})
	if err != nil {
		t.Errorf("nothing is missing, but: %v", err)
	}
	c := got.Case
	if c.Service != "hook-receiver" || c.Pod.UID != string(pod.UID) || c.Container.Restarts != 5 || len(c.Siblings) != 1 || c.Siblings[0].Name != "side" {
		t.Errorf("got service %q, pod %+v, container %+v, siblings %+v", c.Service, c.Pod, c.Container, c.Siblings)
	}
	if want := "start\nconnecting with [redacted]\nFATAL: giving up\n"; string(c.Log.Previous) != want || c.Log.Unavailable != "" || c.Log.Truncated {
		t.Errorf("log: got %q (%+v), want %q", c.Log.Previous, c.Log, want)
	}
	if len(c.Events) != 1 || c.Events[0].Reason != "BackOff" {
		t.Errorf("events: got %+v, want those on this pod", c.Events)
	}
	if !c.Node.Ready || c.Node.Name != nodeName {
		t.Errorf("node: got %+v", c.Node)
	}
	checkEnv(t, c)
	if text := fmt.Sprintf("%+v %+v %s", c, c.Container.LastTermination, got.Redactor.Text("x "+password)); strings.Contains(text, password) {
		t.Errorf("the password is in what was observed:\n%s", text)
	}
}

func checkEnv(t *testing.T, c evidence.Case) {
	t.Helper()
	for name, want := range map[string]string{"POSTGRES_HOST": "localhost", "POSTGRES_PASSWORD": password, "TOPIC": "workflows", "GONE": "", "DB_SERVICE_PORT": "5432"} {
		if got := c.Env.Get(name); got != want {
			t.Errorf("env %s: got %q, want %q", name, got, want)
		}
	}
	if !c.Env.Complete || !c.Env.Variables["GONE"].Missing {
		t.Errorf("env: complete %t, GONE %+v", c.Env.Complete, c.Env.Variables["GONE"])
	}
	if len(c.Config) != 2 || c.Config[1].Name != "settings" || len(c.Config[1].MissingKeys) != 1 || time.Since(c.Config[1].Changed) > time.Hour {
		t.Errorf("config: got %+v", c.Config)
	}
}

func eventOn(uid types.UID, ns, kind, reason, message string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: ns, GenerateName: "e-"},
		InvolvedObject: corev1.ObjectReference{Namespace: ns, UID: uid},
		Type:           kind, Reason: reason, Message: message, LastTimestamp: metav1.Now(),
	}
}

// A part that may not be read is missing, says so, and hides no other.
func TestForbidden(t *testing.T) {
	ns := namespace(t)
	config(t, ns)
	pod := loopingPod(t, ns, 1)
	user, err := cluster.env.AddUser(envtest.User{Name: "reader-" + ns}, cluster.config)
	if err != nil {
		t.Fatal(err)
	}
	create(t,
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "some"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get"}}}},
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "some"},
			Subjects: []rbacv1.Subject{{Kind: "User", Name: "reader-" + ns}},
			RoleRef:  rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: "some"}})
	reader := newReader(t, user.Config(), nil)
	eventually(t, "the role is in force", func() bool {
		environment, _ := reader.Env(t.Context(), pod, "app")
		return environment.Env.Get("TOPIC") == "workflows"
	})

	got, err := reader.Case(t.Context(), observe.Request{Pod: pod, Container: "app"})
	for _, part := range []string{"read Secret", "list Events", "read log"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not tell of %q: %v", part, err)
		}
	}
	c := got.Case
	if c.Env.Complete || !c.Env.Variables["POSTGRES_PASSWORD"].Unresolved || c.Env.Get("POSTGRES_HOST") != "localhost" {
		t.Errorf("env: got %+v", c.Env)
	}
	if c.Log.Unavailable == "" || c.Rollout.Known {
		t.Errorf("what is missing does not say so: log %+v, rollout %+v", c.Log, c.Rollout)
	}
	if c.Container.Waiting == nil || c.Container.Restarts != 1 {
		t.Errorf("the container's state is gone: %+v", c.Container)
	}
	for _, object := range c.Config {
		if object.Name == "credentials" {
			t.Errorf("an object that could not be read is said to be %+v", object)
		}
	}
}

func TestUnknownContainer(t *testing.T) {
	reader := newReader(t, cluster.config, nil)
	if _, err := reader.Case(t.Context(), observe.Request{Pod: &corev1.Pod{}, Container: "app"}); err == nil {
		t.Error("no error for a container that the pod does not have")
	}
	if _, err := reader.Env(t.Context(), &corev1.Pod{}, "app"); err == nil {
		t.Error("no error for the env of a container that the pod does not have")
	}
}
