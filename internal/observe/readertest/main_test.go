// Package readertest tests observe.Reader against a real etcd and
// kube-apiserver, through the cache that the operator uses. Only the kubelet is
// a stand-in: it answers with the words of the real one.
package readertest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/bridgestack/operator/internal/observe"
)

// cluster is what all tests here share.
var cluster struct {
	env     envtest.Environment
	config  *rest.Config
	client  client.Client
	cached  client.Reader
	kubelet *kubelet
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return 1, fmt.Errorf("KUBEBUILDER_ASSETS is not set: run `make test-api`, which builds etcd and kube-apiserver")
	}
	config, err := cluster.env.Start()
	if err != nil {
		return 1, fmt.Errorf("start etcd and kube-apiserver: %w", err)
	}
	defer func() {
		if err := cluster.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop etcd and kube-apiserver:", err)
		}
	}()
	cluster.config = config
	cluster.kubelet = newKubelet()
	defer cluster.kubelet.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := connect(ctx); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func connect(ctx context.Context) error {
	var err error
	if cluster.client, err = client.New(cluster.config, client.Options{}); err != nil {
		return err
	}
	c, err := cache.New(cluster.config, cache.Options{ByObject: map[client.Object]cache.ByObject{
		&corev1.Pod{}:        {Transform: observe.Transform},
		&appsv1.ReplicaSet{}: {Transform: observe.TransformReplicaSet},
	}})
	if err != nil {
		return err
	}
	go func() {
		if err := c.Start(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "cache:", err)
		}
	}()
	cluster.cached = c
	return cluster.kubelet.register(ctx)
}

const nodeName = "node-1"

// kubelet is in the kubelet's place: the API server asks it for logs.
type kubelet struct {
	*httptest.Server
	mu   sync.Mutex
	logs map[string]string
	// asked counts the requests.
	asked int
}

func newKubelet() *kubelet {
	k := &kubelet{logs: map[string]string{}}
	k.Server = httptest.NewTLSServer(http.HandlerFunc(k.serve))
	return k
}

func logKey(namespace, pod, container string, previous bool) string {
	return fmt.Sprintf("/containerLogs/%s/%s/%s previous=%t", namespace, pod, container, previous)
}

// say sets what a log says; an empty one is gone.
func (k *kubelet) say(key, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.logs[key] = text
}

func (k *kubelet) requests() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked
}

func (k *kubelet) serve(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	text, ok := k.logs[fmt.Sprintf("%s previous=%t", r.URL.Path, r.URL.Query().Get("previous") == "true")]
	if !ok {
		parts := strings.Split(r.URL.Path, "/")
		http.Error(w, fmt.Sprintf("previous terminated container %q in pod %q not found", parts[4], parts[3]), http.StatusBadRequest)
		return
	}
	tail, err := strconv.Atoi(r.URL.Query().Get("tailLines"))
	if lines := strings.SplitAfter(text, "\n"); err == nil && len(lines) > tail+1 {
		text = strings.Join(lines[len(lines)-tail-1:], "")
	}
	fmt.Fprint(w, text)
}

// register makes the node at which the API server finds the kubelet.
func (k *kubelet) register(ctx context.Context) error {
	address := k.Listener.Addr().(*net.TCPAddr)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}
	if err := cluster.client.Create(ctx, node); err != nil {
		return fmt.Errorf("create node: %w", err)
	}
	node.Status = corev1.NodeStatus{
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address.IP.String()}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(address.Port)}},
		Conditions:      []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
	}
	return cluster.client.Status().Update(ctx, node)
}

// newReader is a Reader with all rights, or with those of config.
func newReader(t *testing.T, config *rest.Config, now func() time.Time) *observe.Reader {
	t.Helper()
	live, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return observe.New(observe.Options{Cached: cluster.cached, Live: live, Logs: observe.PodLogs(clientset.CoreV1()), Now: now})
}

// namespace makes one of the test's own.
func namespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "observe-"}}
	create(t, ns)
	return ns.Name
}

func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := cluster.client.Create(t.Context(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

// eventually waits until the cache has seen something.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 seconds still not: %s", what)
		}
	}
}
