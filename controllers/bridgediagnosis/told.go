package bridgediagnosis

import (
	"context"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// newsGather is how long an event waits for others of its incident: the kubelet writes
// several at once, and whoever may write events may write many. An incident is looked at
// for them once in that time.
const newsGather = 2 * time.Second

// told is a source of open incidents of which an event tells something new: it may come
// after the status that it explains, and nothing else changes then.
type told struct {
	r  *Reconciler
	mu sync.Mutex
	// look is nil until the controller asks for them: what is told before that, it sees
	// when it looks at all there is.
	look func(evidence.Event)
}

// Start implements source.Source.
func (t *told) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.look = func(e evidence.Event) {
		for _, request := range t.r.ofEvent(ctx, e) {
			queue.AddAfter(request, newsGather)
		}
	}
	return nil
}

// event is called with each event that is followed.
func (t *told) event(e evidence.Event, again bool) {
	t.mu.Lock()
	look := t.look
	t.mu.Unlock()
	if look != nil && tellsMore(e, again) {
		look(e)
	}
}

// tellsMore is false of what is said again: that a container waits, that a probe fails.
// That the kubelet killed it once more is said of another end.
func tellsMore(e evidence.Event, again bool) bool { return !again || e.Reason == "Killing" }

// ofEvent finds the open diagnoses of which an event may tell: those of the pod that it
// is about, and of what is about another object, such as a claim or what makes the pods,
// those of workloads whose pods are wanting or not ready.
func (r *Reconciler) ofEvent(ctx context.Context, e evidence.Event) []reconcile.Request {
	if e.About.Kind != "Pod" {
		return r.wantingFor(ctx, e.About)
	}
	var pod corev1.Pod
	if err := r.Client.Get(ctx, client.ObjectKey{Namespace: e.About.Namespace, Name: e.About.Name}, &pod); err != nil || string(pod.UID) != e.About.UID {
		return nil // it is gone, and what it was looked at for with it
	}
	return r.ofPod(ctx, &pod)
}

// wantingFor finds the open diagnoses without restarts that an object may hold back: what
// makes pods is named after the workload, a claim may have any name.
func (r *Reconciler) wantingFor(ctx context.Context, about evidence.ObjectReference) []reconcile.Request {
	var list v1alpha1.BridgeDiagnosisList
	if err := r.Client.List(ctx, &list, client.InNamespace(about.Namespace), client.UnsafeDisableDeepCopy); err != nil || about.Namespace == "" {
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		d := &list.Items[i]
		holds := d.Spec.Symptom == v1alpha1.SymptomNotAvailable || d.Spec.Symptom == v1alpha1.SymptomRunFailed
		if holds && !d.Status.State.Final() && (about.Kind == "PersistentVolumeClaim" || strings.HasPrefix(about.Name, d.Spec.Workload.Name)) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(d)})
		}
	}
	return out
}
