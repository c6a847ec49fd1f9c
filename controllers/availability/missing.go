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
	at map[types.UID]time.Time
}

// since when a workload lacks pods, zero where it does not.
func (m *missing) since(of types.UID, lacks bool, now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !lacks {
		delete(m.at, of)
		return time.Time{}
	}
	if m.at == nil {
		m.at = map[types.UID]time.Time{}
	}
	if _, known := m.at[of]; !known {
		m.at[of] = now
	}
	return m.at[of]
}

func (m *missing) forget(of types.UID) { m.since(of, false, time.Time{}) }
