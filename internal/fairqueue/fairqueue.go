// Package fairqueue serves namespaces in turn, and lets none hold all workers.
package fairqueue

import (
	"maps"
	"slices"
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
//
// A namespace whose requests take long, as what it asks hangs, holds no more workers
// than it leaves to others: of 8 it holds 4, a second one 2, and two are left for one
// each. What would be one more is put aside until a worker is done.
type queue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	workers int
	now     func() time.Time

	mu    sync.Mutex
	given map[string]share
	swept time.Time
	// held are the workers that each namespace holds, busy all of them.
	held map[string]int
	busy int
	// aside are those of each namespace that wait for it to hold fewer.
	aside map[string][]waiting
}

type waiting struct {
	request  reconcile.Request
	priority int
}

// share is what a namespace was given since its turn began.
type share struct {
	began    time.Time
	requests int
}

// For makes the queues of controllers with so many workers, 1 where it is 0.
func For(workers int) func(string, workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	return func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
		return &queue{
			PriorityQueue: priorityqueue.New(name, func(o *priorityqueue.Opts[reconcile.Request]) { o.RateLimiter = limiter }),
			workers:       max(1, workers),
			now:           time.Now,
			given:         map[string]share{},
			held:          map[string]int{},
			aside:         map[string][]waiting{},
		}
	}
}

// Get implements workqueue.TypedInterface.
func (q *queue) Get() (request reconcile.Request, shutdown bool) {
	request, _, shutdown = q.GetWithPriority()
	return request, shutdown
}

// GetWithPriority implements priorityqueue.PriorityQueue.
func (q *queue) GetWithPriority() (request reconcile.Request, priority int, shutdown bool) {
	for {
		request, priority, shutdown = q.PriorityQueue.GetWithPriority()
		if shutdown || q.begin(waiting{request, priority}) {
			return request, priority, shutdown
		}
		q.PriorityQueue.Done(request) // nobody works on it
	}
}

// Done implements workqueue.TypedInterface.
func (q *queue) Done(request reconcile.Request) {
	q.PriorityQueue.Done(request)
	for _, next := range q.end(request.Namespace) {
		q.PriorityQueue.AddWithOpts(priorityqueue.AddOpts{Priority: &next.priority}, next.request)
	}
}

// begin takes a worker, or puts the request aside.
func (q *queue) begin(w waiting) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	namespace := w.request.Namespace
	if q.mayHoldMore(namespace) {
		q.held[namespace]++
		q.busy++
		return true
	}
	if !slices.ContainsFunc(q.aside[namespace], func(known waiting) bool { return known.request == w.request }) {
		q.aside[namespace] = append(q.aside[namespace], w)
	}
	return false
}

func (q *queue) mayHoldMore(namespace string) bool { return q.held[namespace] < q.workers-q.busy }

// end gives a worker back. It returns what may have it: one request of each namespace
// that may hold another worker now.
func (q *queue) end(namespace string) []waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy--
	if q.held[namespace]--; q.held[namespace] == 0 {
		delete(q.held, namespace)
	}
	var next []waiting
	for of, all := range q.aside {
		if !q.mayHoldMore(of) {
			continue
		}
		next = append(next, all[0])
		if q.aside[of] = all[1:]; len(all) == 1 {
			delete(q.aside, of)
		}
	}
	return next
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
