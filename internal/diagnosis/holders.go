package diagnosis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

const (
	// mostHolders are named; the rest are counted.
	mostHolders = 3
	// longTransaction is for how long one may do nothing before it counts as forgotten.
	longTransaction = time.Minute
)

// withHolders adds to a finding of a server without a free connection, or of a pool
// that gets none, who has them.
func withHolders(c evidence.Case, f Finding) Finding {
	switch f.Cause {
	case v1alpha1.CausePostgresConnectionsExhausted, v1alpha1.CausePostgresPoolExhausted, v1alpha1.CauseUpstreamOverloaded:
	default:
		return f
	}
	for _, p := range c.Probes {
		if p.Service != f.Subject.Dependency || len(p.Holders) == 0 {
			continue
		}
		said := strings.TrimSpace(whoHolds(p) + blockedBy(p))
		f.Message = sentence(f.Message) + " " + said
		f.Evidence = append(f.Evidence, item(v1alpha1.SourceProbe, p.Asked, "connections of "+p.Service+": "+said))
		return f
	}
	return f
}

// byClient are holders by their name, those with most connections first.
func byClient(all []evidence.Holder) []evidence.Holder {
	sums := map[string]evidence.Holder{}
	for _, h := range all {
		name := cmp.Or(h.Service, h.Pod, h.Address, "clients that the server does not show to this account")
		sum := sums[name]
		sum.Service = name
		sum.Connections += h.Connections
		sum.Idle += h.Idle
		sum.InTransaction += h.InTransaction
		sum.Blocked += h.Blocked
		sum.Longest = max(sum.Longest, h.Longest)
		sums[name] = sum
	}
	return slices.SortedFunc(maps.Values(sums), func(a, b evidence.Holder) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), strings.Compare(a.Service, b.Service))
	})
}

// whoHolds says who has how many connections of how many.
func whoHolds(p evidence.Probe) string {
	_, all := p.Slots()
	var parts []string
	clients := byClient(p.Holders)
	for _, h := range clients[:min(len(clients), mostHolders)] {
		part := fmt.Sprintf("%d by %s", h.Connections, h.Service)
		if len(parts) == 0 && all > 0 {
			part = fmt.Sprintf("%d of %d by %s", h.Connections, all, h.Service)
		}
		if h.Idle > 0 {
			part += fmt.Sprintf(", %d of them idle", h.Idle)
		}
		parts = append(parts, part)
	}
	if more := len(clients) - mostHolders; more > 0 {
		parts = append(parts, fmt.Sprintf("the rest by %d others", more))
	}
	return "When asked, the connections were held " + strings.Join(parts, "; ") + "."
}

// blockedBy says who waits for a lock, and who forgot a transaction; empty where nobody does.
func blockedBy(p evidence.Probe) string {
	blocked, said := int32(0), ""
	for _, h := range byClient(p.Holders) {
		blocked += h.Blocked
		if h.InTransaction > 0 && h.Longest >= longTransaction {
			said += fmt.Sprintf(" %s has %d that hold a transaction open and do nothing, the oldest for %s.", h.Service, h.InTransaction, h.Longest.Round(time.Second))
		}
	}
	if blocked > 0 {
		said += fmt.Sprintf(" %d wait for a lock of another session.", blocked)
	}
	if said != "" {
		said += " A restart of this service does not end those."
	}
	return said
}
