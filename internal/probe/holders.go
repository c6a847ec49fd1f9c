package probe

import (
	"net/netip"
	"time"

	"github.com/bridgestack/operator/internal/evidence"
)

// holderColumns are an address, the numbers of connections in all, idle, idle in a
// transaction and blocked, and for how many seconds the oldest transaction is idle.
const holderColumns = 6

// holder of connections, by a row of those columns. What is no address is not shown.
func holder(row [][]byte) evidence.Holder {
	h := evidence.Holder{
		Connections: number(row[1]), Idle: number(row[2]), InTransaction: number(row[3]), Blocked: number(row[4]),
		Longest: time.Duration(max(number(row[5]), 0)) * time.Second,
	}
	if a, err := netip.ParseAddr(string(row[0])); err == nil {
		h.Address = a.Unmap().String()
	}
	return h
}
