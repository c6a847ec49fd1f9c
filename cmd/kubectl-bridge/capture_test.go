package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/plugin/classify"
)

// Each stands in one place only, so that a leak tells where it comes from.
const (
	inSecret   = "canary-of-the-secret-4711"
	inLiteral  = "canary-of-a-literal-4712"
	inURL      = "canary-of-a-url-4713"
	inHeader   = "canary-of-a-header-4714"
	ofSibling  = "canary-of-a-sibling-4715"
	inManifest = "canary-of-an-annotation-4716"
)

const loopingPod = `
metadata:
  name: worker-1
  namespace: default
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "canary-of-an-annotation-4716"}
spec:
  nodeName: somebodys-node
  containers:
  - name: healthy
    image: x
    env: [{name: API_TOKEN, value: canary-of-a-sibling-4715}]
  - name: worker
    image: registry.example/worker:v2
    command: [worker, --password=canary-of-a-literal-4712]
    livenessProbe:
      httpGet: {port: 80, path: /, httpHeaders: [{name: Authorization, value: canary-of-a-header-4714}]}
    env:
    - {name: POSTGRES_HOST, value: db}
    - {name: POSTGRES_USER, valueFrom: {secretKeyRef: {name: credentials, key: username}}}
    - {name: POSTGRES_PASSWORD, valueFrom: {secretKeyRef: {name: credentials, key: password}}}
    - {name: DB_PASSWORD, value: canary-of-a-literal-4712}
    - {name: DATABASE_URL, value: "postgres://shop:canary-of-a-url-4713@db:5432/shop?sslmode=disable"}
    - {name: SHORT_SECRET, value: "77"}
    - {name: OPTIONAL, valueFrom: {secretKeyRef: {name: credentials, key: absent, optional: true}}}
`

const loopingStatus = `
containerStatuses:
- {name: healthy, ready: true, started: true, image: x, imageID: x, restartCount: 0, state: {running: {startedAt: "2026-11-24T10:00:00Z"}}}
- name: worker
  image: x
  imageID: x
  ready: false
  restartCount: 4
  state: {waiting: {reason: CrashLoopBackOff, message: back-off with canary-of-the-secret-4711}}
  lastState: {terminated: {exitCode: 1, reason: Error, message: "cannot use canary-of-the-secret-4711", startedAt: "2026-11-24T10:00:00Z", finishedAt: "2026-11-24T10:00:01Z"}}
`

const workerLog = `connecting to postgres://shop:canary-of-a-url-4713@db:5432/shop as Y2FuYXJ5LW9mLXRoZS1zZWNyZXQtNDcxMQ==
the sibling's token is canary-of-a-sibling-4715, mine canary-of-the-secret-4711
FATAL:  password authentication failed for user "shop" (password canary-of-a-literal-4712)
`

var (
	environment = envtest.Environment{CRDDirectoryPaths: []string{"../../config/crd/bases"}, ErrorIfCRDPathMissing: true}
	k8s         client.Client
)

func TestMain(m *testing.M) { os.Exit(withAPIServer(m)) }

func withAPIServer(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test-api`, which builds etcd and kube-apiserver")
		return 1
	}
	config, err := environment.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the API server:", err)
		return 1
	}
	defer func() { _ = environment.Stop() }() // the process ends
	if k8s, err = client.New(config, client.Options{Scheme: scheme.Scheme}); err == nil {
		err = makePod(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func makePod(ctx context.Context) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "credentials"},
		StringData: map[string]string{"username": "shop", "password": inSecret}}
	var pod corev1.Pod
	var status corev1.PodStatus
	if err := yaml.UnmarshalStrict([]byte(loopingPod), &pod); err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict([]byte(loopingStatus), &status); err != nil {
		return err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "default"}}
	for _, o := range []client.Object{account, secret, &pod} {
		if err := k8s.Create(ctx, o); err != nil {
			return err
		}
	}
	pod.Status = status
	if err := k8s.Status().Update(ctx, &pod); err != nil {
		return err
	}
	return k8s.Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "default", Name: "worker-1.1"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: pod.Name, UID: pod.UID, FieldPath: "spec.containers{worker}"},
		Type:           corev1.EventTypeWarning, Reason: "BackOff", Message: "restarting, with " + inSecret, Count: 3,
		LastTimestamp: metav1.NewTime(time.Date(2026, 11, 24, 10, 0, 2, 0, time.UTC)),
	})
}

func logsOf(text string) observe.LogStreamer {
	return func(context.Context, string, string, *corev1.PodLogOptions) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}
}

// kubeconfigOf a user with these rights, in a file.
func kubeconfigOf(t *testing.T, name string, rules ...rbacv1.PolicyRule) string {
	t.Helper()
	groups := []string{"system:masters"}
	if rules != nil {
		groups = nil
		role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Rules: rules}
		binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: []rbacv1.Subject{{Kind: "User", Name: name}}}
		for _, o := range []client.Object{role, binding} {
			if err := k8s.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	user, err := environment.AddUser(envtest.User{Name: name, Groups: groups}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := user.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCaptureTellsNoSecret: whatever holds a secret comes out without it, and
// the verdict on what is left is the operator's.
func TestCaptureTellsNoSecret(t *testing.T) {
	var out, notes bytes.Buffer
	a := newAccess(root(nil, nil).Flags())
	*a.flags.KubeConfig = kubeconfigOf(t, "admin")
	if err := (capture{access: a, target: "default/worker-1", logs: logsOf(workerLog)}).write(t.Context(), &out, &notes); err != nil {
		t.Fatal(err)
	}
	if notes.Len() > 0 {
		t.Errorf("missing: %s", &notes)
	}
	text := out.String()
	for _, leak := range []string{inSecret, inLiteral, inURL, inHeader, ofSibling, inManifest, "Y2FuYXJ5", "somebodys-node", "managedFields", `"77"`} {
		if strings.Contains(text, leak) {
			t.Errorf("%s is in the document:\n%s", leak, text)
		}
	}
	var d classify.Document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil || strings.Count(text, "\n") != 1 {
		t.Fatalf("it is not one line of JSON: %v", err)
	}
	if d.ID != "default/worker-1/worker" || d.Container != "worker" || d.Pod.Kind != "Pod" || len(d.Pod.Spec.Containers) != 2 || len(d.Events) != 1 {
		t.Errorf("document %+v", d)
	}
	for name, want := range map[string]string{"POSTGRES_HOST": "db", "POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "[redacted]",
		"DATABASE_URL": "postgres://redacted:redacted@db:5432/shop?sslmode=disable", "SHORT_SECRET": "[redacted]"} {
		if d.Env[name] != want {
			t.Errorf("%s=%s, want %s", name, d.Env[name], want)
		}
	}
	if _, set := d.Env["OPTIONAL"]; set || d.EnvIncomplete {
		t.Errorf("env %v, incomplete %t", d.Env, d.EnvIncomplete)
	}
	v := classify.Classify(d)
	if v.Cause != "PostgresAuthFailed" || len(v.Evidence) == 0 {
		t.Errorf("verdict %+v", v)
	}
}

// TestCaptureSaysWhatToDo: each error names its cause and the next step.
func TestCaptureSaysWhatToDo(t *testing.T) {
	pods := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}
	rest := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets", "configmaps", "services", "events"}, Verbs: []string{"get", "list"}}
	admin := kubeconfigOf(t, "another-admin")
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"no such pod", []string{"--kubeconfig", admin, "--capture", "worker-2"}, []string{"no pod worker-2 in namespace default", "kubectl get pods --namespace default"}},
		{"no such container", []string{"--kubeconfig", admin, "--capture", "default/worker-1", "-c", "web"}, []string{`no container "web"`, "healthy, worker"}},
		{"no right to pods", []string{"--kubeconfig", kubeconfigOf(t, "nobody", rest), "--capture", "default/worker-1"}, []string{"pods", "forbidden", "Ask whoever manages the cluster"}},
		{"no right to secrets", []string{"--kubeconfig", kubeconfigOf(t, "reader", pods), "--capture", "default/worker-1"}, []string{"Secret credentials", "forbidden", "Ask whoever manages the cluster"}},
		{"no cluster", []string{"--kubeconfig", admin, "--server", "https://127.0.0.1:1", "--capture", "default/worker-1"}, []string{"127.0.0.1:1", "cannot be reached"}},
		{"no kubeconfig", []string{"--kubeconfig", "/nowhere/kubeconfig", "--capture", "default/worker-1"}, []string{"/nowhere/kubeconfig", "--context"}},
		{"files too", []string{"--capture", "default/worker-1", "incident.jsonl"}, []string{"one or the other"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			command := root(nil, &out)
			command.SetArgs(append([]string{"classify"}, test.args...))
			err := command.ExecuteContext(t.Context())
			if err == nil || out.Len() > 0 {
				t.Fatalf("error %v, wrote %q", err, &out)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nsays nothing of %q", err, want)
				}
			}
		})
	}
}

// TestCaptureWithoutLog: what could not be read is said, and the rest is written.
func TestCaptureWithoutLog(t *testing.T) {
	rules := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods", "secrets", "configmaps", "services", "events"}, Verbs: []string{"get", "list"}}}
	var out, notes bytes.Buffer
	command := root(nil, &out)
	command.SetErr(&notes)
	command.SetArgs([]string{"classify", "--kubeconfig", kubeconfigOf(t, "no-logs", rules...), "--capture", "worker-1"})
	if err := command.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"missing in the document", "pods/log", "forbidden", "Ask whoever manages the cluster"} {
		if !strings.Contains(notes.String(), want) {
			t.Errorf("%s\nsays nothing of %q", &notes, want)
		}
	}
	var d classify.Document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil || d.Log != "" || len(d.Env) == 0 {
		t.Errorf("document %+v, %v", d, err)
	}
}
