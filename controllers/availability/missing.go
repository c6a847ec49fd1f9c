package availability

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/workload"
)

// wanting is how many pods a workload lacks that nothing else is awaited before: a
// rollout that is paused makes none, a pod that is being deleted has its time to end
// before another is made in its place, one of a row waits for those before it, and
// between two tries of a Job there is none. The time is when the last pod that is
// being deleted should be gone, zero where none is.
func wanting(w workload.Workload, pods []observe.Pod, now time.Time) (missing int32, gone time.Time) {
	n, strategy := w.Replicas(), w.Strategy()
	if run := w.Run(now); run != nil && run.Failures > 0 || strategy.Paused && n.Total == 0 {
		return 0, time.Time{}
	}
	missing = n.Desired - n.Total
	for _, p := range pods {
		switch ends := p.DeletionTimestamp; {
		case ends == nil && strategy.InOrder && (p.Newest || strategy.KeepsOlder()) && !isReady(p.Pod):
			missing = 0 // this pod's own state tells
		case ends != nil && now.Before(ends.Time):
			missing--
			if ends.After(gone) {
				gone = ends.Time
			}
		}
	}
	return max(0, missing), gone
}

func isReady(p *corev1.Pod) bool { return observe.PodOf(p).Ready == evidence.ReadinessTrue }

// missing remembers since when workloads lack pods: nothing in the cluster says so. A
// restart of the operator begins anew. The zero value is empty.
type missing struct {
	mu sync.Mutex
	at map[types.UID]shortage
}

// shortage is how many pods were wanting when it was last looked, and since when none
// of them came.
type shortage struct {
	pods  int32
	since time.Time
}

// since when a workload lacks so many pods, zero where it lacks none. It begins anew
// with each pod that comes: many take their time to be made.
func (m *missing) since(of types.UID, pods int32, now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if pods == 0 {
		delete(m.at, of)
		return time.Time{}
	}
	if m.at == nil {
		m.at = map[types.UID]shortage{}
	}
	was, known := m.at[of]
	if !known || pods < was.pods {
		was.since = now
	}
	was.pods = pods
	m.at[of] = was
	return was.since
}

func (m *missing) forget(of types.UID) { m.since(of, 0, time.Time{}) }
