package readertest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
)

// following is a Reader that follows the events of a namespace.
func following(t *testing.T, ns string) (*observe.Reader, *atomic.Int32) {
	t.Helper()
	clientset, err := kubernetes.NewForConfig(cluster.config)
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	w := observe.NewEventWatch(clientset.CoreV1(), ns)
	w.OnEvent(func(evidence.Event, bool) { calls.Add(1) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return observe.New(observe.Options{Cached: cluster.cached, Live: cluster.client, EventWatch: w}), &calls
}

// Events that were there before and that come later are known, of any kind of object
// and of both kinds of recorder; what tells of no trouble is not kept, and what the
// API server has dropped is.
func TestEventsAreFollowed(t *testing.T) {
	ns := namespace(t)
	before := eventOn("api", ns, "Normal", "Killing", "Container app failed liveness probe, will be restarted")
	before.InvolvedObject.Kind, before.InvolvedObject.FieldPath = "Pod", "spec.containers{app}"
	create(t, before, eventOn("api", ns, "Normal", "Scheduled", "assigned"), eventOn("api", ns, "Normal", "Chatter", "of some controller"))
	reader, calls := following(t, ns)
	events := func(uid types.UID) []evidence.Event {
		t.Helper()
		got, err := reader.Events(t.Context(), ns, uid)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	eventually(t, "the event of before is followed", func() bool { return calls.Load() == 1 })

	after := eventOn("owner", ns, "Warning", "FailedCreate", "exceeded quota")
	after.InvolvedObject.Kind, after.InvolvedObject.Name = "ReplicaSet", "api-5d9"
	create(t, after)
	series := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "series"}, EventTime: metav1.NowMicro(),
		Series:              &eventsv1.EventSeries{Count: 12, LastObservedTime: metav1.NewMicroTime(time.Now().Add(time.Minute))},
		ReportingController: "kubelet", ReportingInstance: "node-1", Action: "Killing", Reason: "Killing", Type: "Normal",
		Regarding: corev1.ObjectReference{Kind: "Pod", Namespace: ns, UID: "api", FieldPath: "spec.containers{app}"},
		Note:      "(combined from similar events): Container app failed liveness probe, will be restarted",
	}
	create(t, series)
	eventually(t, "the events of later are followed", func() bool { return calls.Load() == 3 })

	if got := events("owner"); len(got) != 1 || got[0].About.Kind != "ReplicaSet" || got[0].About.Name != "api-5d9" || got[0].Reason != "FailedCreate" {
		t.Errorf("on the owner: %+v", got)
	}
	got := events("api")
	if len(got) != 2 || got[0].Count != 1 || got[1].Count != 12 || got[1].Message != before.Message || got[1].Container != "app" {
		t.Errorf("on the pod: %+v", got)
	}

	if err := cluster.client.Delete(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	before.ResourceVersion, before.UID, before.Name = "", "", "again"
	before.Count = 2
	create(t, before)
	eventually(t, "an event after one that is deleted", func() bool { return calls.Load() == 4 })
	if got := events("api"); len(got) != 3 {
		t.Errorf("an event that the API server dropped is gone: %+v", got)
	}
}
