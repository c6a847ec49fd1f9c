package gitcommit

import (
	"cmp"
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bridgestack/operator/internal/fairqueue"
)

const (
	defaultWorkers = 4
	// jobTimeout bounds a job: a repository is read and written within less.
	jobTimeout = 2 * time.Minute
)

// Queue does what is to be done in Git repositories with workers of its own, so that
// one that hangs keeps no controller waiting. Namespaces have turns. What came of a job
// is kept until it is taken. A nil Queue does nothing.
type Queue struct {
	clock   clock.PassiveClock
	workers int
	queue   workqueue.TypedRateLimitingInterface[reconcile.Request]

	mu   sync.Mutex
	jobs map[types.NamespacedName]*job
}

// NewQueue makes one with so many workers, 4 where it is 0.
func NewQueue(c clock.PassiveClock, workers int) *Queue {
	return &Queue{
		clock: c, workers: cmp.Or(workers, defaultWorkers), jobs: map[types.NamespacedName]*job{},
		queue: fairqueue.For(cmp.Or(workers, defaultWorkers))("git", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]()),
	}
}

// Job is something to be done.
type Job struct {
	// Key of what it is for: there is one job for each.
	Key types.NamespacedName
	// UID tells that from another one under the same name, and ID this job from
	// another one for the same.
	UID types.UID
	ID  string
	Run func(context.Context) (any, error)
	// Pause after a failure, for which the same job is not done again.
	Pause time.Duration
	// Done is called when there is a result; the context ends with the queue.
	Done func(context.Context)
}

// Result is what came of a job.
type Result struct {
	ID    string
	Value any
	Err   error
}

type job struct {
	Job
	result     Result
	finished   bool
	finishedAt time.Time
}

// Submit a job, unless the same is under way, waits for its pause to be over, or has a
// result to be taken.
// Another one for the same key is replaced; where it runs already, its result is dropped.
func (q *Queue) Submit(j Job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if known := q.jobs[j.Key]; known != nil && known.UID == j.UID && known.ID == j.ID && (!known.finished || known.result.Err == nil || q.pauses(known)) {
		return
	}
	q.jobs[j.Key] = &job{Job: j}
	q.queue.Add(reconcile.Request{NamespacedName: j.Key})
}

func (q *Queue) pauses(j *job) bool {
	return j.result.Err != nil && q.clock.Since(j.finishedAt) < j.Pause
}

// Take the result of a job; false where there is none. A failure is there until its
// pause is over.
func (q *Queue) Take(key types.NamespacedName, uid types.UID) (Result, bool) {
	if q == nil {
		return Result{}, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.jobs[key]
	if j == nil || j.UID != uid || !j.finished {
		return Result{}, false
	}
	if !q.pauses(j) {
		delete(q.jobs, key)
		return j.result, j.result.Err == nil || j.Pause == 0
	}
	return j.result, true
}

// Forget what is known of a key that is gone.
func (q *Queue) Forget(key types.NamespacedName) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.jobs, key)
}

// SetupWithManager starts the workers with the manager, once it leads.
func (q *Queue) SetupWithManager(mgr ctrl.Manager) error { return mgr.Add(q) }

// Start works until the context ends.
func (q *Queue) Start(ctx context.Context) error {
	var workers sync.WaitGroup
	for range q.workers {
		workers.Go(func() {
			for q.work(ctx) {
			}
		})
	}
	<-ctx.Done()
	q.queue.ShutDown()
	workers.Wait()
	return nil
}

// work does one job; false once the queue is shut down.
func (q *Queue) work(ctx context.Context) bool {
	request, over := q.queue.Get()
	if over {
		return false
	}
	defer q.queue.Done(request)
	q.mu.Lock()
	j := q.jobs[request.NamespacedName]
	q.mu.Unlock()
	if j == nil || j.finished { // it was forgotten, or done before it was replaced
		return true
	}
	limited, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	value, err := run(limited, j.Run)
	q.mu.Lock()
	j.result, j.finished, j.finishedAt = Result{ID: j.ID, Value: value, Err: err}, true, q.clock.Now()
	q.mu.Unlock()
	j.Done(ctx)
	return true
}

// run does a job. What a server sends is read by a library, and a worker that panics
// at it would end the operator for everyone.
func run(ctx context.Context, job func(context.Context) (any, error)) (value any, err error) {
	defer func() {
		if p := recover(); p != nil {
			ctrl.LoggerFrom(ctx).Info("a job panicked", "stack", string(debug.Stack()))
			value, err = nil, errors.New("what the server answered could not be read")
		}
	}()
	return job(ctx)
}
