package probe

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/bridgestack/operator/internal/egress"
)

// Limits bound how many probes run at the same time, so that neither one
// incident's nor one tenant's keep the others waiting, and their answers fit in
// the operator's memory.
type Limits struct {
	// Cluster is for all. Default: 24.
	Cluster int
	// Namespace is for those of one. Default: 8.
	Namespace int
}

// slots are taken by probes that run: first one of the namespace, so that those
// who wait for it hold none of the cluster's.
type slots struct {
	limits  Limits
	cluster chan struct{}
	mu      *sync.Mutex
	of      map[string]*share
}

// share is a namespace's, kept while anyone holds or waits for a slot of it.
type share struct {
	slots chan struct{}
	users int
}

func newSlots(l Limits) slots {
	l.Cluster, l.Namespace = cmp.Or(l.Cluster, 24), cmp.Or(l.Namespace, 8)
	return slots{limits: l, cluster: make(chan struct{}, l.Cluster), mu: &sync.Mutex{}, of: map[string]*share{}}
}

func (s slots) acquire(ctx context.Context, scope egress.Scope) (release func(), err error) {
	mine := s.enter(scope.Namespace)
	select {
	case mine.slots <- struct{}{}:
	case <-ctx.Done():
		s.leave(scope.Namespace, mine)
		return nil, fmt.Errorf("waiting for a probe of namespace %s to end: %w", scope.Namespace, ctx.Err())
	}
	select {
	case s.cluster <- struct{}{}:
	case <-ctx.Done():
		<-mine.slots
		s.leave(scope.Namespace, mine)
		return nil, fmt.Errorf("waiting for a probe to end: %w", ctx.Err())
	}
	return func() {
		<-s.cluster
		<-mine.slots
		s.leave(scope.Namespace, mine)
	}, nil
}

func (s slots) enter(namespace string) *share {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine, ok := s.of[namespace]
	if !ok {
		mine = &share{slots: make(chan struct{}, s.limits.Namespace)}
		s.of[namespace] = mine
	}
	mine.users++
	return mine
}

func (s slots) leave(namespace string, mine *share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(s.of, namespace)
	}
}
