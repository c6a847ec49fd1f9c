package availability

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

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
