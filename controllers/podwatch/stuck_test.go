package podwatch

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientset "k8s.io/client-go/kubernetes/fake"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
)

// A sandbox that failed once is no incident where the kubelet pulls a large image by
// now. That it does is an event that is not followed.
func TestPodThatPullsItsImageIsNotStuck(t *testing.T) {
	noon := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api", UID: "api", CreationTimestamp: metav1.NewTime(noon.Add(-2 * time.Minute))},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "app", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}}}},
	}
	event := func(kind, reason string, ago time.Duration) *corev1.Event {
		return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: reason}, Type: kind, Reason: reason,
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "api", UID: "api"}, LastTimestamp: metav1.NewTime(noon.Add(-ago))}
	}
	failed, pulling := event("Warning", "FailedCreatePodSandBox", 110*time.Second), event("Normal", "Pulling", 100*time.Second)
	for name, test := range map[string]struct {
		events []client.Object
		loops  bool
	}{
		"pulls":          {[]client.Object{failed, pulling}, false},
		"has no sandbox": {[]client.Object{failed}, true},
	} {
		t.Run(name, func(t *testing.T) {
			followed, told := clientset.NewClientset(), make(chan evidence.Event, 2)
			for _, e := range test.events {
				if _, err := followed.CoreV1().Events("shop").Create(t.Context(), e.(*corev1.Event), metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			watch := observe.NewEventWatch(followed.CoreV1(), "shop")
			watch.OnEvent(func(e evidence.Event, _ bool) { told <- e })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { _ = watch.Start(ctx) }()
			<-told
			live := fake.NewClientBuilder().WithObjects(test.events...).
				WithIndex(&corev1.Event{}, "involvedObject.uid", func(o client.Object) []string { return []string{string(o.(*corev1.Event).InvolvedObject.UID)} }).Build()
			r := &Reconciler{Clock: clocktesting.NewFakePassiveClock(noon), Observer: observe.New(observe.Options{Live: live, EventWatch: watch})}
			containers := observe.Containers(pod)
			if v := r.stuck(t.Context(), pod, containers, detect.Settings{}); v.Looping != test.loops {
				t.Errorf("%+v", v)
			}
		})
	}
}

// Pods that have ended are not looked at, but for one that was evicted: Jobs leave them
// by the thousand, and each look lists a namespace.
func TestUnhealthy(t *testing.T) {
	over := corev1.ContainerStatus{RestartCount: 3, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}}
	for name, test := range map[string]struct {
		status corev1.PodStatus
		want   bool
	}{
		"runs":                    {corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}, false},
		"restarted":               {corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{RestartCount: 1}}}, true},
		"waits":                   {corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}}}}, true},
		"an init container ended": {corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{over}}, true},
		"ended well":              {corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{over}}, false},
		"failed":                  {corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{over}}, false},
		"was evicted":             {corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", ContainerStatuses: []corev1.ContainerStatus{over}}, true},
	} {
		if got := unhealthy(&corev1.Pod{Status: test.status}); got != test.want {
			t.Errorf("a pod that %s: %t", name, got)
		}
	}
}
