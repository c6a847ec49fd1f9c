// Package controllers_test runs the operator, as main wires it, against a real
// etcd and kube-apiserver. Only the Deployment controller and the kubelet are
// stand-ins: see cluster.
package controllers_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// What all tests here share. Each has a namespace and an operator of its own.
var (
	restConfig *rest.Config
	scheme     = runtime.NewScheme()
	// k8s is a person with kubectl: it reads and writes the API server itself.
	k8s client.Client
	sim *cluster
)

func TestMain(m *testing.M) {
	verbose := flag.Bool("operator-log", false, "print what the operators under test log")
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseDevMode(true), func(o *zap.Options) {
		if !*verbose {
			o.DestWriter = discard{}
		}
	}))
	code, err := runWithAPIServer(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func runWithAPIServer(m *testing.M) (code int, err error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return 1, fmt.Errorf("KUBEBUILDER_ASSETS is not set: run `make test-api`, which builds etcd and kube-apiserver")
	}
	// The tests wait for soaks, mostly: more of them at once than there are cores.
	if err := flag.Set("test.parallel", "8"); err != nil {
		return 1, err
	}
	env := &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join("..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true}
	if restConfig, err = env.Start(); err != nil {
		return 1, fmt.Errorf("start the API server with the CRDs: %w", err)
	}
	defer func() {
		if stopErr := env.Stop(); err == nil {
			err = stopErr
		}
	}()
	restConfig.QPS = -1 // the API server's own flow control is enough
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return 1, err
		}
	}
	if k8s, err = client.New(restConfig, client.Options{Scheme: scheme}); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	if sim, err = newCluster(restConfig, scheme); err != nil {
		cancel()
		return 1, err
	}
	go func() { stopped <- sim.manager.Start(ctx) }()
	code = m.Run()
	cancel()
	return code, <-stopped
}

// namespace makes one of the test's own.
func namespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "stack-"}}
	create(t, ns)
	return ns.Name
}

func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := k8s.Create(t.Context(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

// edit changes an object as a person does: what is there now, again if someone
// else was faster.
func edit[T client.Object](t *testing.T, object T, change func(T)) {
	t.Helper()
	for {
		if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			t.Fatalf("read %T %s: %v", object, object.GetName(), err)
		}
		change(object)
		err := k8s.Update(t.Context(), object)
		if err == nil {
			return
		}
		if !isConflict(err) {
			t.Fatalf("edit %T %s: %v", object, object.GetName(), err)
		}
	}
}

// patience is how long anything may take on a busy machine.
const patience = 60 * time.Second

// until waits for a condition; what says what was waited for, and how it stands.
func until(t *testing.T, holds func() bool, what func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s still not: %s", patience, what())
		}
	}
}
