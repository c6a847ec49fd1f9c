package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plugin/page"
)

// scene is a namespace with a stack of two services, as the operator would have
// left it: web depends on db and loops.
type scene struct {
	*testing.T
	namespace string
	client    client.Client
}

const sceneStack = `
metadata: {name: bridge}
spec:
  selector: {matchLabels: {part-of: bridge}}
  services:
  - {name: db, workload: {kind: StatefulSet, name: db}}
  - {name: web, dependsOn: [{service: db}]}
  remediation: {mode: Approve}
`

func newScene(t *testing.T) *scene {
	t.Helper()
	c, err := client.New(environment.Config, client.Options{Scheme: kinds})
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "scene-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, namespace: namespace.Name, client: c}
	var stack v1alpha1.BridgeStack
	s.parse(sceneStack, &stack)
	stack.Namespace = s.namespace
	s.create(&stack)
	db := &appsv1.StatefulSet{ObjectMeta: s.named("db"), Spec: appsv1.StatefulSetSpec{Selector: selects("db"), Template: template("db"), ServiceName: "db"}}
	web := &appsv1.Deployment{ObjectMeta: s.named("web"), Spec: appsv1.DeploymentSpec{Selector: selects("web"), Template: template("web"), Replicas: new(int32(2))}}
	s.create(db)
	s.create(web)
	db.Status = appsv1.StatefulSetStatus{Replicas: 1, ReadyReplicas: 1, ObservedGeneration: db.Generation}
	web.Status = appsv1.DeploymentStatus{Replicas: 2, ReadyReplicas: 1, UnavailableReplicas: 1, ObservedGeneration: web.Generation}
	for _, o := range []client.Object{db, web} {
		if err := c.Status().Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	s.pod()
	return s
}

func (s *scene) parse(text string, into any) {
	s.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) create(o client.Object) {
	s.Helper()
	if err := s.client.Create(s.Context(), o); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) get(name string, into client.Object) {
	s.Helper()
	if err := s.client.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, into); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: s.namespace, Name: name, Labels: map[string]string{"part-of": "bridge"}}
}

func selects(name string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
}

func template(name string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name, "part-of": "bridge"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: name, Image: "x"}}}}
}

// pod of web that loops.
func (s *scene) pod() {
	s.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "default"}}
	if err := s.client.Create(s.Context(), account); err != nil {
		s.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: s.named("web-1"), Spec: template("web").Spec}
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-7d9f8", UID: "7d9f8", Controller: new(true)}}
	pod.Labels = template("web").Labels
	s.create(pod)
	ended := corev1.ContainerStateTerminated{ExitCode: 127, Reason: "ContainerCannotRun", Message: `exec: "wbe": executable file not found in $PATH`,
		StartedAt: metav1.NewTime(time.Now().Add(-time.Minute)), FinishedAt: metav1.NewTime(time.Now().Add(-time.Minute))}
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: "web", RestartCount: 7,
		State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		LastTerminationState: corev1.ContainerState{Terminated: &ended}}}}
	if err := s.client.Status().Update(s.Context(), pod); err != nil {
		s.Fatal(err)
	}
}

// diagnosis of web in a state, as the operator writes it.
func (s *scene) diagnosis(state v1alpha1.DiagnosisState, edits ...func(*v1alpha1.BridgeDiagnosis)) *v1alpha1.BridgeDiagnosis {
	s.Helper()
	var web appsv1.Deployment
	s.get("web", &web)
	d := &v1alpha1.BridgeDiagnosis{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, GenerateName: "web-", Labels: map[string]string{v1alpha1.LabelStack: "bridge", v1alpha1.LabelService: "web"}},
		Spec: v1alpha1.BridgeDiagnosisSpec{Stack: "bridge", Service: "web", Container: "web",
			Workload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "web", UID: web.UID}},
	}
	s.create(d)
	d.Status = v1alpha1.BridgeDiagnosisStatus{
		State: state, Cause: v1alpha1.CauseOOMKilled, Confidence: v1alpha1.ConfidenceHigh, Remedy: v1alpha1.RemedyRaiseMemoryLimit,
		Message:  "the kernel killed it",
		Evidence: []v1alpha1.EvidenceItem{{Source: v1alpha1.SourceTermination, Text: "OOMKilled"}},
		Proposal: &v1alpha1.Proposal{ID: "abc", Remedy: v1alpha1.RemedyRaiseMemoryLimit, Target: "Deployment/web",
			Changes: []v1alpha1.FieldChange{{Path: "containers[web].resources.limits.memory", Before: "64Mi", After: "96Mi"}}},
	}
	for _, edit := range edits {
		edit(d)
	}
	if err := s.client.Status().Update(s.Context(), d); err != nil {
		s.Fatal(err)
	}
	return d
}

// as runs a verb with a user's kubeconfig, in the scene's namespace.
func (s *scene) as(kubeconfig string, args ...string) (out, notes string, err error) {
	s.Helper()
	return plugin(s.T, sceneArgs(args, kubeconfig, s.namespace)...)
}

// readOnly is a user with the cluster's role view and the operator's viewer role.
func (s *scene) readOnly() string {
	s.Helper()
	return s.user("reader",
		rbacv1.PolicyRule{APIGroups: []string{"bridgestack.dev"}, Resources: []string{"bridgestacks", "bridgediagnoses"}, Verbs: []string{"get", "list", "watch"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods", "pods/log", "configmaps", "services", "events"}, Verbs: []string{"get", "list", "watch"}},
		rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"deployments", "statefulsets", "daemonsets", "replicasets", "controllerrevisions"}, Verbs: []string{"get", "list", "watch"}},
		rbacv1.PolicyRule{APIGroups: []string{"batch"}, Resources: []string{"jobs", "cronjobs"}, Verbs: []string{"get", "list", "watch"}})
}

// user with rights in the scene's namespace alone.
func (s *scene) user(name string, rules ...rbacv1.PolicyRule) string {
	s.Helper()
	name += "-of-" + s.namespace
	path := kubeconfigOf(s.T, name, rbacv1.PolicyRule{APIGroups: []string{"nobody.example"}, Resources: []string{"none"}, Verbs: []string{"get"}})
	meta := metav1.ObjectMeta{Namespace: s.namespace, Name: name}
	s.create(&rbacv1.Role{ObjectMeta: meta, Rules: rules})
	s.create(&rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: []rbacv1.Subject{{Kind: "User", Name: name}}})
	return path
}

func contains(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nsays nothing of %q", text, want)
		}
	}
}

// TestStatusOfAStack: whoever may read the stack sees where it stands.
func TestStatusOfAStack(t *testing.T) {
	s := newScene(t)
	d := s.diagnosis(v1alpha1.StateAwaitingApproval)
	for name, kubeconfig := range map[string]string{"admin": kubeconfigOf(t, "admin-of-"+s.namespace), "reader": s.readOnly()} {
		out, _, err := s.as(kubeconfig, "status")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		contains(t, out, s.namespace+"/bridge   1 of 2 services healthy", "└─ web", "AwaitingApproval   1/2     7          OOMKilled   RaiseMemoryLimit   db", "kubectl bridge approve -n "+s.namespace+" "+d.Name)
		for _, args := range [][]string{{"status", "bridge", "-o", "json"}, {"status", "-o", "yaml"}} {
			out, _, err := s.as(kubeconfig, args...)
			var got struct{ Stacks []page.Stack }
			if err == nil {
				err = yaml.Unmarshal([]byte(out), &got)
			}
			if err != nil || len(got.Stacks) != 1 || len(got.Stacks[0].Services) != 2 || got.Stacks[0].Services[1].Cause != v1alpha1.CauseOOMKilled {
				t.Errorf("%s, %v: %v\n%s", name, args, err, out)
			}
		}
	}
	out, _, err := s.as(kubeconfigOf(t, "another-of-"+s.namespace), "status", "-A", "-o", "wide")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, out, s.namespace+"/bridge", "DIAGNOSIS")
}

// TestStatusWithoutPods: what may not be read is said, and the rest is shown.
func TestStatusWithoutPods(t *testing.T) {
	s := newScene(t)
	some := s.user("some",
		rbacv1.PolicyRule{APIGroups: []string{"bridgestack.dev"}, Resources: []string{"bridgestacks", "bridgediagnoses"}, Verbs: []string{"get", "list"}},
		rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"deployments", "statefulsets", "daemonsets"}, Verbs: []string{"list"}})
	out, _, err := s.as(some, "status")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, out, "! not shown, as you may not read it: pods is forbidden", "Healthy    1/1     -")
}

// TestStatusFollows: -w shows the page anew once something changed, and ends
// without an error when it is interrupted.
func TestStatusFollows(t *testing.T) {
	s := newScene(t)
	a := newAccess(root(nil, nil).Flags())
	*a.flags.KubeConfig, *a.flags.Namespace = kubeconfigOf(t, "follower"), s.namespace
	cluster, err := a.connect()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	pages := make(chan string)
	ended := make(chan error, 1)
	follower := status{access: a, every: 50 * time.Millisecond}
	go func() {
		ended <- follower.follow(ctx, cluster, nil, writerTo(pages))
		close(pages)
	}()
	if first := <-pages; !strings.Contains(first, "web    NotReady") {
		t.Errorf("at first:\n%s", first)
	}
	s.diagnosis(v1alpha1.StateVerifying)
	for text := range pages {
		if strings.Contains(text, "web    Verifying") {
			cancel()
		}
	}
	if err := <-ended; err != nil || !errors.Is(context.Cause(ctx), context.Canceled) {
		t.Errorf("it ended with %v, after %v", err, context.Cause(ctx))
	}
}

type writerTo chan string

func (w writerTo) Write(text []byte) (int, error) {
	w <- string(text)
	return len(text), nil
}

// TestExplainOf: a diagnosis by its name, its pod or its service.
func TestExplainOf(t *testing.T) {
	s := newScene(t)
	reader := s.readOnly()
	d := s.diagnosis(v1alpha1.StateEscalated)
	for _, name := range []string{d.Name, "web"} {
		out, _, err := s.as(reader, "explain", name)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, out, d.Name, "EVIDENCE", "OOMKilled, confidence High", "+ containers[web].resources.limits.memory: 96Mi", "kubectl bridge report")
	}
	out, _, err := s.as(reader, "explain", d.Name, "-o", "json")
	var got v1alpha1.BridgeDiagnosis
	if err == nil {
		err = json.Unmarshal([]byte(out), &got)
	}
	if err != nil || got.Status.Cause != v1alpha1.CauseOOMKilled {
		t.Errorf("%v: %s", err, out)
	}
}

// TestExplainAPodWithoutDiagnosis: it is diagnosed there and then, and nothing is
// written; what could not be read is said.
func TestExplainAPodWithoutDiagnosis(t *testing.T) {
	s := newScene(t)
	out, _, err := s.as(s.readOnly(), "explain", "pod/web-1")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, out, "diagnosed just now", "CrashLoopBackOff, 7 restarts, last exit code 127", "CommandNotFound", "executable file not found", "Nothing was probed from this machine")
	var list v1alpha1.BridgeDiagnosisList
	if err := s.client.List(t.Context(), &list, client.InNamespace(s.namespace)); err != nil || len(list.Items) > 0 {
		t.Errorf("%d diagnoses were written, %v", len(list.Items), err)
	}
}

// notInstalled is an API server that does not know the operator's kinds.
func notInstalled(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/api":
			_, _ = w.Write([]byte(`{"kind":"APIVersions","versions":["v1"]}`))
		case "/apis":
			_, _ = w.Write([]byte(`{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`))
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"the server could not find the requested resource"}`))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestErrorsSayWhatToDo: cause and next step, on one line.
func TestErrorsSayWhatToDo(t *testing.T) {
	s := newScene(t)
	admin := kubeconfigOf(t, "admin-of-errors")
	nobody := s.user("nobody", rbacv1.PolicyRule{APIGroups: []string{"nobody.example"}, Resources: []string{"none"}, Verbs: []string{"get"}})
	missing := notInstalled(t)
	for name, test := range map[string]struct {
		kubeconfig string
		args       []string
		code       int
		want       []string
	}{
		"no such stack":           {admin, []string{"status", "shop"}, exitFailed, []string{"no BridgeStack shop in namespace " + s.namespace, "there is bridge"}},
		"no stack":                {admin, []string{"status", "--namespace", "default"}, exitFailed, []string{"no BridgeStack in namespace default", "kubectl bridge init"}},
		"no right":                {nobody, []string{"status"}, exitFailed, []string{"bridgestacks.bridgestack.dev is forbidden", "Ask whoever manages the cluster"}},
		"not installed":           {admin, []string{"status", "--server", missing}, exitFailed, []string{"no matches for kind", "Install the operator first: kubectl apply"}},
		"explain, not installed":  {admin, []string{"explain", "web", "--server", missing}, exitFailed, []string{"no matches for kind", "Install the operator first: kubectl apply"}},
		"nothing of that name":    {admin, []string{"explain", "nothing"}, exitFailed, []string{"neither a diagnosis nor a pod", "kubectl bridge status -n " + s.namespace}},
		"explain, no right":       {nobody, []string{"explain", "web-1"}, exitFailed, []string{"forbidden", "Ask whoever manages the cluster"}},
		"explain what":            {admin, []string{"explain"}, exitBadInput, []string{"usage: kubectl bridge explain DIAGNOSIS|POD|SERVICE"}},
		"no such format":          {admin, []string{"status", "-o", "xml"}, exitBadInput, []string{"json, yaml or wide"}},
		"no such flag":            {admin, []string{"status", "--colour"}, exitBadInput, []string{"--colour"}},
		"all and one of them":     {admin, []string{"status", "-A", "bridge"}, exitBadInput, []string{"leave out bridge"}},
		"there is no such server": {admin, []string{"status", "--server", "https://127.0.0.1:1"}, exitFailed, []string{"cannot be reached"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := s.as(test.kubeconfig, test.args...)
			if err == nil || out != "" || exitCode(err) != test.code {
				t.Fatalf("error %v, exit code %d, wrote %q", err, exitCode(err), out)
			}
			contains(t, err.Error(), test.want...)
			if strings.Contains(err.Error(), "\n") && !errors.Is(err, context.Canceled) {
				t.Errorf("it is more than one line:\n%v", err)
			}
		})
	}
}

// TestCompletion: a shell is offered what there is.
func TestCompletion(t *testing.T) {
	s := newScene(t)
	d := s.diagnosis(v1alpha1.StateEscalated)
	admin := kubeconfigOf(t, "completer")
	for verb, want := range map[string]string{"status": "bridge\n", "explain": d.Name + "\tOOMKilled, Escalated\n"} {
		out, _, err := plugin(t, "__complete", verb, "--kubeconfig", admin, "--namespace", s.namespace, "")
		if err != nil || !strings.HasPrefix(out, want) {
			t.Errorf("%s: %q, %v", verb, out, err)
		}
	}
}

// sceneArgs are a verb with the flags that name cluster and namespace, before
// those of the test, which win.
func sceneArgs(args []string, kubeconfig, namespace string) []string {
	return append([]string{args[0], "--kubeconfig", kubeconfig, "--namespace", namespace}, args[1:]...)
}
