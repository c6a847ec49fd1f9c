package observe

import (
	"sync"

	"github.com/bridgestack/operator/internal/evidence"
)

// Bounds of what is remembered of earlier values of Secrets.
const (
	mostSeenWorkloads = 1024
	mostSeenValues    = 128
	mostSeenValue     = 4 << 10
)

// seenSecrets are values that the pods of a workload held before, in memory only.
// Who rotates a password during an incident finds the old one, which may be valid
// elsewhere, still in the log of an earlier run.
type seenSecrets struct {
	mu         sync.Mutex
	byWorkload map[string][]evidence.Secret
	// order of the workloads, the one that was asked for the longest ago first.
	order []string
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
			kept = append(kept, secret)
		}
	}
	for i, known := range s.order {
		if known == workload {
			s.order = append(s.order[:i], s.order[i+1:]...)
			break
		}
	}
	s.order = append(s.order, workload)
	s.byWorkload[workload] = kept
	for len(s.order) > mostSeenWorkloads {
		delete(s.byWorkload, s.order[0])
		s.order = s.order[1:]
	}
}
