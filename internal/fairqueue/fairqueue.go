// Package fairqueue serves namespaces in turn.
package fairqueue

import (
	"maps"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// turn is how long what a namespace was given counts against it.
	turn = 10 * time.Second
	// lastInTurn bounds how far behind others a request may be put. Each priority
	// is a series of its own in the queue's metrics.
	lastInTurn = 16
)

// queue serves namespaces in turn: the more a namespace was given lately, the
// further behind comes what is added. Where whole stacks loop at once, the one
// incident of another does not stand in line behind them.
type queue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	now func() time.Time

	mu    sync.Mutex
	given map[string]share
	swept time.Time
}

// share is what a namespace was given since its turn began.
type share struct {
	began    time.Time
	requests int
}

// New makes the queue of a controller.
func New(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	return &queue{
		PriorityQueue: priorityqueue.New(name, func(o *priorityqueue.Opts[reconcile.Request]) { o.RateLimiter = limiter }),
		now:           time.Now,
		given:         map[string]share{},
	}
}

// Add implements workqueue.TypedInterface.
func (q *queue) Add(request reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{}, request)
}

// AddWithOpts implements priorityqueue.PriorityQueue. What is due later keeps the
// priority that it is given.
func (q *queue) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	if o.After > 0 || o.RateLimited {
		q.PriorityQueue.AddWithOpts(o, requests...)
		return
	}
	given := 0
	if o.Priority != nil {
		given = *o.Priority
	}
	for _, r := range requests {
		priority := given - min(q.before(r.Namespace), lastInTurn)
		q.PriorityQueue.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, r)
	}
}

// before is how many requests of the namespace there were before this one lately.
func (q *queue) before(namespace string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	over := func(_ string, s share) bool { return now.Sub(s.began) > turn }
	if now.Sub(q.swept) > turn {
		maps.DeleteFunc(q.given, over)
		q.swept = now
	}
	s, known := q.given[namespace]
	if !known || over(namespace, s) {
		s = share{began: now}
	}
	before := s.requests
	s.requests++
	q.given[namespace] = s
	return before
}
