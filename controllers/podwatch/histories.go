package podwatch

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
)

// histories remembers what was seen of each pod's containers. It is a cache:
// detect makes do without it after a restart. The zero value is empty.
type histories struct {
	mu    sync.Mutex
	byPod map[types.NamespacedName]podHistory
	// since is when this process began to look, to the second as pods have it:
	// what happened before, another one has counted.
	since time.Time
}

// begin notes when this process began to look.
func (h *histories) begin(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since = now.Truncate(time.Second)
}

type podHistory struct {
	uid        string
	containers map[string]detect.History
}

func (h *histories) forget(name types.NamespacedName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.byPod, name)
}

func (h *histories) has(name types.NamespacedName) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, known := h.byPod[name]
	return known
}

// restarted is how often a container has restarted since it was last seen. Of one
// that was never seen only that counts which happened since others were.
func (h *histories) restarted(pod *corev1.Pod, c evidence.Container) int32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.byPod[client.ObjectKeyFromObject(pod)]
	history := seen.containers[c.Name]
	switch ended := c.Ended(); {
	case h.since.IsZero(): // it has only begun
		return 0
	case seen.uid == string(pod.UID) && history.Seen():
		return max(0, c.Restarts-history.Restarts())
	case !pod.CreationTimestamp.Time.Before(h.since):
		return c.Restarts
	case ended != nil && ended.Finished.After(h.since):
		return min(1, c.Restarts)
	}
	return 0
}

func (h *histories) judge(name types.NamespacedName, pod evidence.Pod, c evidence.Container, s detect.Settings, now time.Time) detect.Verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byPod == nil {
		h.byPod = map[types.NamespacedName]podHistory{}
	}
	seen, ok := h.byPod[name]
	if !ok || seen.uid != pod.UID {
		seen = podHistory{uid: pod.UID, containers: map[string]detect.History{}}
		h.byPod[name] = seen
	}
	seen.containers[c.Name] = detect.Observe(seen.containers[c.Name], c, s, now)
	return detect.Loop(seen.containers[c.Name], pod, c, s, now)
}
