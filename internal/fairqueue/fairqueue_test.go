package fairqueue

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// fair is a queue with a clock that stands.
func fair(t *testing.T) (*queue, *time.Time) {
	t.Helper()
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Millisecond, time.Second)
	q := For(8)(t.Name(), limiter).(*queue)
	now := time.Unix(1_700_000_000, 0)
	q.now = func() time.Time { return now }
	t.Cleanup(q.ShutDown)
	return q, &now
}

func of(namespace string, i int) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(i)}}
}

// served are the next requests in their order.
func served(q *queue, n int) []string {
	var out []string
	for range n {
		r, _ := q.Get()
		q.Done(r)
		out = append(out, r.String())
	}
	return out
}

func TestNamespacesAreServedInTurn(t *testing.T) {
	t.Parallel()
	q, now := fair(t)
	for i := range 3 {
		q.Add(of("storm", i))
	}
	q.Add(of("calm", 0))
	q.Add(of("calm", 1))
	want := []string{"storm/0", "calm/0", "storm/1", "calm/1", "storm/2"}
	if diff := cmp.Diff(want, served(q, len(want))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// What was served counts too, for a while.
	add := func() {
		q.Add(of("storm", 4))
		q.Add(of("calm", 2))
		q.Add(of("other", 0))
	}
	add()
	if diff := cmp.Diff([]string{"other/0", "calm/2", "storm/4"}, served(q, 3)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	*now = now.Add(2 * turn)
	add()
	if diff := cmp.Diff([]string{"storm/4", "calm/2", "other/0"}, served(q, 3)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	*now = now.Add(2 * turn)
	q.Add(of("calm", 0))
	if len(q.given) != 1 {
		t.Errorf("what is long over is remembered: %v", q.given)
	}
}

// One namespace of many requests is put behind others by no more than so much.
func TestTurnsAreBounded(t *testing.T) {
	t.Parallel()
	q, _ := fair(t)
	lowest := 0
	for i := range 10 * lastInTurn {
		q.Add(of("storm", i))
	}
	for range 10 * lastInTurn {
		r, priority, _ := q.GetWithPriority()
		q.Done(r)
		lowest = min(lowest, priority)
	}
	if lowest != -lastInTurn {
		t.Errorf("the lowest priority is %d, want %d", lowest, -lastInTurn)
	}
}

// What is due later is in nobody's way until then.
func TestWhatIsDueLaterDoesNotCount(t *testing.T) {
	t.Parallel()
	q, _ := fair(t)
	for i := range 5 {
		q.AddWithOpts(priorityqueue.AddOpts{After: time.Hour}, of("stack", i))
	}
	q.Add(of("stack", 5))
	if r, priority, _ := q.GetWithPriority(); priority != 0 {
		t.Errorf("%s has priority %d", r, priority)
	}
	// An event brings forward what was due later.
	q.Add(of("stack", 0))
	if diff := cmp.Diff([]string{"stack/0"}, served(q, 1)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Requests of some namespaces never end: each leaves workers to the others.
func TestNoNamespaceHoldsAllWorkers(t *testing.T) {
	t.Parallel()
	q, _ := fair(t)
	add := func(namespace string, n int) {
		for i := range n {
			q.Add(of(namespace, i))
		}
	}
	got := make(chan reconcile.Request)
	for range 8 { // workers, none of which is ever done by itself
		go func() {
			for {
				r, over := q.Get()
				if over {
					return
				}
				got <- r
			}
		}()
	}
	held := map[string]int{}
	var taken []reconcile.Request
	take := func(n int) {
		t.Helper()
		for range n {
			select {
			case r := <-got:
				held[r.Namespace]++
				taken = append(taken, r)
			case <-time.After(30 * time.Second):
				t.Fatalf("no other request is given to a worker beside %v", held)
			}
		}
	}
	add("hangs", 20)
	take(4)
	add("other", 20)
	take(2)
	add("calm", 1)
	take(1)
	add("last", 1)
	take(1)
	if diff := cmp.Diff(map[string]int{"hangs": 4, "other": 2, "calm": 1, "last": 1}, held); diff != "" {
		t.Errorf("workers (-want +got)\n%s", diff)
	}
	t.Logf("security: of 8 workers a namespace whose work hangs holds %d, a second one %d", held["hangs"], held["other"])
	// Those that were put aside come once others are done, all of them.
	for _, r := range taken {
		q.Done(r)
	}
	for len(q.asideNow()) > 0 {
		select {
		case r := <-got:
			q.Done(r)
		case <-time.After(30 * time.Second):
			t.Fatalf("%v wait for ever", q.asideNow())
		}
	}
}

func (q *queue) asideNow() map[string][]waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	return maps.Clone(q.aside)
}
