package bridgediagnosis

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
)

// later is a queue that notes what is added for later.
type later struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	names []string
}

func (q *later) AddAfter(r reconcile.Request, _ time.Duration) { q.names = append(q.names, r.Name) }

// An event asks for a look at the incidents that it may explain, and at no other; what it
// only says again asks for none.
func TestToldOf(t *testing.T) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "api-0", UID: "api-0-uid",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "api", UID: "api-uid", Controller: new(true)}},
	}}
	objects := []client.Object{pod}
	for name, d := range map[string]struct {
		workload string
		symptom  v1alpha1.Symptom
		state    v1alpha1.DiagnosisState
	}{
		"loops": {"api", v1alpha1.SymptomRestartLoop, v1alpha1.StateObserved}, "was": {"api", v1alpha1.SymptomRestartLoop, v1alpha1.StateRecovered},
		"other": {"web", v1alpha1.SymptomRestartLoop, v1alpha1.StateObserved}, "wanting": {"web", v1alpha1.SymptomNotAvailable, v1alpha1.StateObserved},
	} {
		objects = append(objects, &v1alpha1.BridgeDiagnosis{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
			Spec:       v1alpha1.BridgeDiagnosisSpec{Symptom: d.symptom, Workload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.StatefulSet, Name: d.workload}},
			Status:     v1alpha1.BridgeDiagnosisStatus{State: d.state},
		})
	}
	cached := fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).Build()
	r := &Reconciler{Client: cached, Observer: observe.New(observe.Options{Cached: cached, Live: cached})}
	ofPod := evidence.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "api-0", UID: "api-0-uid"}
	tests := map[string]struct {
		event evidence.Event
		again bool
		want  string
	}{
		"of its pod":                        {event: evidence.Event{About: ofPod, Reason: "FailedMount"}, want: "loops"},
		"of its pod, again":                 {event: evidence.Event{About: ofPod, Reason: "BackOff"}, again: true},
		"of one more kill":                  {event: evidence.Event{About: ofPod, Reason: "Killing"}, again: true, want: "loops"},
		"of the pod before, under its name": {event: evidence.Event{About: evidence.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "api-0", UID: "older"}, Reason: "Killing"}},
		"of what makes pods":                {event: evidence.Event{About: evidence.ObjectReference{Kind: "ReplicaSet", Namespace: "shop", Name: "web-5d9"}, Reason: "FailedCreate"}, want: "wanting"},
		"of what makes the pods of a loop":  {event: evidence.Event{About: evidence.ObjectReference{Kind: "StatefulSet", Namespace: "shop", Name: "api"}, Reason: "FailedCreate"}},
		"of a claim":                        {event: evidence.Event{About: evidence.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "data"}, Reason: "ProvisioningFailed"}, want: "wanting"},
		"of another namespace":              {event: evidence.Event{About: evidence.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: "else", Name: "data"}, Reason: "ProvisioningFailed"}},
		"of a node":                         {event: evidence.Event{About: evidence.ObjectReference{Kind: "Node", Name: "web"}, Reason: "NodeNotReady"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			news, queue := &told{r: r}, &later{}
			news.event(test.event, test.again) // before anybody asks
			if err := news.Start(t.Context(), queue); err != nil {
				t.Fatal(err)
			}
			news.event(test.event, test.again)
			got := ""
			for _, n := range queue.names {
				got += n
			}
			if got != test.want {
				t.Errorf("looks at %q, want %q", got, test.want)
			}
		})
	}
}
