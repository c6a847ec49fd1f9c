package egress

import (
	"net/netip"
	"slices"
	"sync"
)

// Denylist is a set of addresses that are denied and that come and go, such as those
// of nodes. It is safe for concurrent use; the zero value and nil are empty.
type Denylist struct {
	mu      sync.RWMutex
	byOwner map[string][]netip.Addr
}

// Set the addresses of an owner in place of those that it had. What is no IP address,
// such as a host name, is left out.
func (d *Denylist) Set(owner string, addresses []string) {
	var parsed []netip.Addr
	for _, text := range addresses {
		if a, err := netip.ParseAddr(text); err == nil {
			parsed = append(parsed, a.WithZone("").Unmap())
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(parsed) == 0 {
		delete(d.byOwner, owner)
		return
	}
	if d.byOwner == nil {
		d.byOwner = map[string][]netip.Addr{}
	}
	d.byOwner[owner] = parsed
}

// has reports whether an address is denied.
func (d *Denylist) has(address netip.Addr) bool {
	if d == nil {
		return false
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, addresses := range d.byOwner {
		if slices.Contains(addresses, address) {
			return true
		}
	}
	return false
}
