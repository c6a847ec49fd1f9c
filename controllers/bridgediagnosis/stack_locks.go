package bridgediagnosis

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// stackLocks are a lock per stack, there as long as someone holds or awaits it. The
// zero value is ready; it is safe for concurrent use.
type stackLocks struct {
	mu   sync.Mutex
	held map[types.NamespacedName]*stackLock
}

type stackLock struct {
	mu    sync.Mutex
	users int
}

// lock a stack; the function that is returned unlocks it.
func (l *stackLocks) lock(stack types.NamespacedName) (unlock func()) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[types.NamespacedName]*stackLock{}
	}
	own := l.held[stack]
	if own == nil {
		own = &stackLock{}
		l.held[stack] = own
	}
	own.users++
	l.mu.Unlock()
	own.mu.Lock()
	return func() {
		own.mu.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(l.held, stack)
		}
	}
}
