package bridgediagnosis

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
)

// loggedFailures remembers what the log was told could not be read for an incident:
// an escalated one is looked at for as long as it lasts, and meets the same each time.
// The zero value is empty; it is safe for concurrent use.
type loggedFailures struct {
	mu     sync.Mutex
	logged map[types.NamespacedName]map[string]bool
}

// mostLogged failures are remembered of one incident; then it begins anew.
const mostLogged = 64

// log tells of a failure of an incident's diagnosis once, and again only at V(1).
func (l *loggedFailures) log(ctx context.Context, diagnosis types.NamespacedName, message, pod string, err error) {
	log := ctrl.LoggerFrom(ctx)
	if !l.first(diagnosis, message+": "+err.Error()) {
		log = log.V(1)
	}
	log.Info(message, "pod", pod, "error", err.Error())
}

// first is true of a failure that was not logged before.
func (l *loggedFailures) first(diagnosis types.NamespacedName, failure string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.logged[diagnosis]
	if before[failure] {
		return false
	}
	if l.logged == nil {
		l.logged = map[types.NamespacedName]map[string]bool{}
	}
	if before == nil || len(before) >= mostLogged {
		before = map[string]bool{}
		l.logged[diagnosis] = before
	}
	before[failure] = true
	return true
}

// forget an incident that is over.
func (l *loggedFailures) forget(diagnosis types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.logged, diagnosis)
}
