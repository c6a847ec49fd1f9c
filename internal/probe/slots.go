package probe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/bridgestack/operator/internal/egress"
)

// Limits bound how many probes run at the same time, so that neither one
// incident's, nor one stack's, nor one tenant's keep the others waiting, and
// their answers fit in the operator's memory.
type Limits struct {
	// Cluster is for all. Default: 24.
	Cluster int
	// Namespace is for those of one. Default: 8.
	Namespace int
	// Stack is for those of one. Default: 6, which leaves room beside it for other
	// stacks of its namespace.
	Stack int
}

// slots are taken by probes that run: one of the stack, of the namespace and of
// the cluster, in this order, so that those who wait hold none that others need.
type slots struct{ stacks, namespaces, cluster *pool }

func newSlots(l Limits) slots {
	return slots{
		stacks:     newPool("stack", cmp.Or(l.Stack, 6)),
		namespaces: newPool("namespace", cmp.Or(l.Namespace, 8)),
		cluster:    newPool("the cluster", cmp.Or(l.Cluster, 24)),
	}
}

func (s slots) acquire(ctx context.Context, scope egress.Scope) (release func(), err error) {
	var held []func()
	release = func() {
		for _, give := range slices.Backward(held) {
			give()
		}
	}
	for _, of := range []struct {
		pool *pool
		name string
	}{{s.stacks, scope.Namespace + "/" + scope.Stack}, {s.namespaces, scope.Namespace}, {s.cluster, ""}} {
		give, err := of.pool.take(ctx, of.name)
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, give)
	}
	return release, nil
}

// pool has as many slots for each name.
type pool struct {
	what string
	size int
	mu   sync.Mutex
	of   map[string]*share
}

// share is a name's, kept while anyone holds or waits for a slot of it.
type share struct {
	slots chan struct{}
	users int
}

func newPool(what string, size int) *pool {
	return &pool{what: what, size: size, of: map[string]*share{}}
}

// take waits for a slot; give returns it.
func (p *pool) take(ctx context.Context, name string) (give func(), err error) {
	mine := p.enter(name)
	give = func() {
		<-mine.slots
		p.leave(name, mine)
	}
	select {
	case mine.slots <- struct{}{}:
		return give, nil
	default: // none is free
	}
	select {
	case mine.slots <- struct{}{}:
		return give, nil
	case <-ctx.Done():
		p.leave(name, mine)
		return nil, fmt.Errorf("waiting for one of %d probes of %s %s to end: %w", p.size, p.what, name, ctx.Err())
	}
}

func (p *pool) enter(name string) *share {
	p.mu.Lock()
	defer p.mu.Unlock()
	mine, ok := p.of[name]
	if !ok {
		mine = &share{slots: make(chan struct{}, p.size)}
		p.of[name] = mine
	}
	mine.users++
	return mine
}

func (p *pool) leave(name string, mine *share) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(p.of, name)
	}
}
