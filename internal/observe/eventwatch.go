package observe

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/bridgestack/operator/internal/evidence"
)

// EventWatch follows the events of a cluster, or of some of its namespaces, as far as
// they tell of trouble, on objects of any kind. It is no informer: one would hold
// every event that there is, in any number, and would forget with the API server.
// It is safe for concurrent use.
type EventWatch struct {
	events     typedcorev1.EventsGetter
	namespaces []string
	told       []func(e evidence.Event, again bool)
	memory     eventMemory
	// unread is how many of the namespaces have not been read yet.
	unread atomic.Int32
}

// NewEventWatch makes one that follows nothing before Start; no namespaces are all.
func NewEventWatch(events typedcorev1.EventsGetter, namespaces ...string) *EventWatch {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	w := &EventWatch{events: events, namespaces: namespaces}
	w.unread.Store(int32(len(namespaces)))
	return w
}

// OnEvent has a function called with each event that is new or counted up, one after
// the other for each namespace that is followed; again says that it was counted up. It
// must be called before Start. Nothing is called of a watch that is nil.
func (w *EventWatch) OnEvent(told func(e evidence.Event, again bool)) {
	if w != nil {
		w.told = append(w.told, told)
	}
}

// NeedLeaderElection is false: who begins to lead must know what came before.
func (w *EventWatch) NeedLeaderElection() bool { return false }

// pause is how long it waits before it asks anew, twice as long after each failure up
// to longestPause.
const (
	pause        = time.Second
	longestPause = time.Minute
)

// Start follows the events until the context is done. What cannot be followed, as for
// want of the right to, is logged and tried again.
func (w *EventWatch) Start(ctx context.Context) error {
	var wait sync.WaitGroup
	for _, namespace := range w.namespaces {
		wait.Go(func() { w.follow(ctx, namespace) })
	}
	wait.Wait()
	return nil
}

func (w *EventWatch) follow(ctx context.Context, namespace string) {
	log := ctrl.LoggerFrom(ctx).WithName("events")
	read, version, after := false, "", pause
	for ctx.Err() == nil {
		var err error
		if version == "" {
			version, err = w.list(ctx, namespace)
			if err == nil && !read {
				read = true
				w.unread.Add(-1)
			}
		}
		began := time.Now()
		if err == nil {
			version, err = w.watch(ctx, namespace, version)
		}
		if err == nil || time.Since(began) > longestPause { // it could be followed for a while
			after = pause
		}
		if err != nil && ctx.Err() == nil {
			version = ""
			after = min(2*after, longestPause)
			log.Info("failed to follow events; they are read anew", "namespace", namespace, "error", err.Error(), "after", after.String())
		}
		select {
		case <-ctx.Done():
		case <-time.After(after):
		}
	}
}

// list takes all that there are, page by page, and returns their resource version.
func (w *EventWatch) list(ctx context.Context, namespace string) (version string, err error) {
	options := metav1.ListOptions{FieldSelector: ofTrouble.String(), Limit: maxEventPage}
	for {
		page, err := w.events.Events(namespace).List(ctx, options)
		if err != nil {
			return "", fmt.Errorf("list Events: %w", err)
		}
		for i := range page.Items {
			w.take(&page.Items[i])
		}
		if version == "" {
			version = page.ResourceVersion
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return version, nil
		}
	}
}

// watch takes what comes after a resource version until the API server ends it, as it
// does every few minutes, and returns from where to go on.
func (w *EventWatch) watch(ctx context.Context, namespace, version string) (string, error) {
	follow, err := w.events.Events(namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: ofTrouble.String(), ResourceVersion: version, AllowWatchBookmarks: true,
	})
	if err != nil {
		return "", fmt.Errorf("watch Events: %w", err)
	}
	defer follow.Stop()
	for change := range follow.ResultChan() {
		if change.Type == watch.Error {
			return "", fmt.Errorf("watch Events: %w", apierrors.FromObject(change.Object))
		}
		e, ok := change.Object.(*corev1.Event)
		if !ok {
			return "", fmt.Errorf("watch Events: got a %T", change.Object)
		}
		version = e.ResourceVersion
		if change.Type == watch.Added || change.Type == watch.Modified {
			w.take(e)
		}
	}
	return version, nil
}

func (w *EventWatch) take(e *corev1.Event) {
	if !tellsOfTrouble(e) {
		return
	}
	seen := eventOf(e)
	news, again := w.memory.put(e.Namespace, e.Name, seen)
	if !news {
		return
	}
	for _, tell := range w.told {
		tell(seen, again)
	}
}

// about are the events on an object; false before all were read once.
func (w *EventWatch) about(namespace, uid string) ([]evidence.Event, bool) {
	if w == nil || w.unread.Load() > 0 {
		return nil, false
	}
	return w.memory.about(namespace, uid), true
}

// ofTrouble lets the API server leave out what there is most of, and what the operator
// writes itself. A field selector knows no "or": what is left is sorted out here.
var ofTrouble = func() fields.Selector {
	selectors := []fields.Selector{fields.OneTermNotEqualSelector("reportingComponent", "bridgestack")}
	for _, reason := range []string{
		"Scheduled", "Pulling", "Pulled", "Created", "Started", "Completed", "SuccessfulCreate", "SuccessfulDelete",
		"ScalingReplicaSet", "SawCompletedJob", "LeaderElection", "NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID",
	} {
		selectors = append(selectors, fields.OneTermNotEqualSelector("reason", reason))
	}
	return fields.AndSelectors(selectors...)
}()

// tellsOfTrouble is true of all warnings, and of what the kubelet and the controllers
// call normal although it ends pods or keeps them from starting.
func tellsOfTrouble(e *corev1.Event) bool {
	return e.Type == corev1.EventTypeWarning || slices.Contains([]string{
		"BackOff", "Killing", "Preempted", "Evicted", "TaintManagerEviction", "SandboxChanged", "NodeNotReady", "WaitForFirstConsumer", "ExternalProvisioning",
	}, e.Reason)
}
