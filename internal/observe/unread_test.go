package observe

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// A Secret that the API server does not give for a moment is no reason to show a log
// that may hold its values: there is another moment.
func TestNothingIsSeenWithoutASecretThatFails(t *testing.T) {
	const password = "Kf7Qw9zLm2-canary"
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "u"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web",
			EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "login"}}}}}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "web", RestartCount: 1,
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}}}},
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "login"}, Data: map[string][]byte{"password": []byte(password)}}
	failing := true
	live := fake.NewClientBuilder().WithObjects(pod, secret).WithIndex(&corev1.Event{}, "involvedObject.uid", func(client.Object) []string { return nil }).
		WithInterceptorFuncs(interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if _, is := o.(*corev1.Secret); is && failing {
				return errors.New("etcdserver: request timed out")
			}
			return c.Get(ctx, key, o, options...)
		}}).Build()
	reader := New(Options{Cached: live, Live: live, Logs: func(context.Context, string, string, *corev1.PodLogOptions) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("login as app with " + password + " was refused\n")), nil
	}})
	seen, err := reader.Case(t.Context(), Request{Pod: pod, Container: "web"})
	if err == nil || !strings.Contains(err.Error(), "login") || seen.Redactor != nil || len(seen.Case.Log.Previous) > 0 {
		t.Errorf("%v, and the log is shown as %q", err, seen.Case.Log.Previous)
	}
	failing = false
	seen, err = reader.Case(t.Context(), Request{Pod: pod, Container: "web"})
	if err != nil || string(seen.Case.Log.Previous) != "login as app with [redacted] was refused\n" {
		t.Errorf("%v, and the log is shown as %q", err, seen.Case.Log.Previous)
	}
}
