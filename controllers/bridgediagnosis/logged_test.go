package bridgediagnosis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/resolve"
)

// An incident that waits for a person is looked at every ten seconds: what cannot be
// read is logged once, and once more where it is something else.
func TestUnreadEvidenceIsLoggedOnce(t *testing.T) {
	if err := v1alpha1.AddToScheme(clientgoscheme.Scheme); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "api:1"}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "main", RestartCount: 5, LastTerminationState: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 1},
		}}}},
	}
	c := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(pod).Build()
	refusal := errors.New("the kubelet is not reachable")
	logs := func(context.Context, string, string, *corev1.PodLogOptions) (io.ReadCloser, error) {
		return nil, refusal
	}
	r := &Reconciler{Client: c, APIReader: c, Resolver: &resolve.Resolver{Client: c, APIReader: c}, Observer: observe.New(observe.Options{Cached: c, Live: c, Logs: logs})}
	var lines []string
	ctx := ctrl.LoggerInto(t.Context(), funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{}))
	look := func(diagnosis string) {
		t.Helper()
		in := &round{owner: &v1alpha1.BridgeStack{}, after: &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: diagnosis}}}
		if _, err := r.observe(ctx, in, observe.Pod{Pod: pod}, evidence.Container{Name: "main"}); err != nil {
			t.Fatal(err)
		}
	}
	logged := func(want int, why string) {
		t.Helper()
		if n := strings.Count(strings.Join(lines, "\n"), "some evidence could not be read"); n != want {
			t.Errorf("%s: %d lines, want %d:\n%s", why, n, want, strings.Join(lines, "\n"))
		}
	}
	for range 3 {
		look("first")
	}
	logged(1, "three looks at one incident")
	refusal = errors.New("the container is not valid for the pod")
	look("first")
	logged(2, "another failure")
	look("second")
	logged(3, "another incident")
	r.unread.forget(types.NamespacedName{Namespace: "shop", Name: "first"})
	look("first")
	logged(4, "the next incident under the name of one that is over")
}

// What is remembered has a bound, however many pods come and go.
func TestLoggedFailuresAreBounded(t *testing.T) {
	var l loggedFailures
	of := types.NamespacedName{Namespace: "shop", Name: "first"}
	for i := range 10 * mostLogged {
		if !l.first(of, fmt.Sprintf("pod api-%d", i)) {
			t.Fatalf("failure %d is no new one", i)
		}
	}
	if n := len(l.logged[of]); n > mostLogged {
		t.Errorf("%d failures are remembered, want at most %d", n, mostLogged)
	}
}
