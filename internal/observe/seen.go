package observe

import (
	"slices"
	"strings"
	"sync"

	"github.com/bridgestack/operator/internal/evidence"
)

// Bounds of what is remembered of earlier values of Secrets.
const (
	mostSeenWorkloads = 1024
	mostSeenValues    = 128
	mostSeenValue     = 4 << 10
	mostSeenBytes     = 8 << 20 // of all workloads
)

// seenSecrets are values that the pods of a workload held before, in memory only.
// Who rotates a password during an incident finds the old one, which may be valid
// elsewhere, still in the log of an earlier run.
type seenSecrets struct {
	mu         sync.Mutex
	byWorkload map[string][]evidence.Secret
	// order of the workloads, the one that was asked for the longest ago first.
	order []string
	// size of all values, in bytes.
	size int
}

// with are the secrets together with those that were there before; the former are
// remembered for the next time.
func (s *seenSecrets) with(workload string, now []evidence.Secret) []evidence.Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byWorkload == nil {
		s.byWorkload = map[string][]evidence.Secret{}
	}
	all := append([]evidence.Secret(nil), now...)
	known := map[evidence.Secret]bool{}
	for _, secret := range now {
		known[secret] = true
	}
	for _, secret := range s.byWorkload[workload] {
		if !known[secret] {
			known[secret] = true
			all = append(all, secret)
		}
	}
	s.remember(workload, all)
	return all
}

func (s *seenSecrets) remember(workload string, all []evidence.Secret) {
	var kept []evidence.Secret
	for _, secret := range all {
		if len(secret.Reveal()) <= mostSeenValue && len(kept) < mostSeenValues {
			// Of its own, as it may be a part of a large ConfigMap.
			kept = append(kept, evidence.NewSecret(strings.Clone(secret.Reveal())))
		}
	}
	s.forget(workload)
	s.order = append(s.order, workload)
	s.byWorkload[workload] = kept
	s.size += sizeOf(kept)
	for len(s.order) > mostSeenWorkloads || s.size > mostSeenBytes && len(s.order) > 1 {
		s.forget(s.order[0])
	}
}

func (s *seenSecrets) forget(workload string) {
	i := slices.Index(s.order, workload)
	if i < 0 {
		return
	}
	s.order = slices.Delete(s.order, i, i+1)
	s.size -= sizeOf(s.byWorkload[workload])
	delete(s.byWorkload, workload)
}

func sizeOf(secrets []evidence.Secret) int {
	size := 0
	for _, secret := range secrets {
		size += len(secret.Reveal())
	}
	return size
}
