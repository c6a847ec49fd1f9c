package remedy

// boundary is the most that something may be raised to, 0 where there is none.
type boundary struct {
	most int64
	name string
}

// lowest is the amount that all boundaries allow, and the one that held it
// back, or the first where none did.
func lowest(wanted int64, boundaries []boundary) (amount int64, bound string) {
	amount, bound = wanted, boundaries[0].name
	for _, b := range boundaries {
		if b.most > 0 && amount > b.most {
			amount, bound = b.most, b.name
		}
	}
	return amount, bound
}

// perReplica is the limit that a quota leaves to each replica, 0 without a quota.
func (in Input) perReplica(present int64, left *int64) int64 {
	if left == nil {
		return 0
	}
	return present + *left/int64(max(1, in.Bounds.Replicas))
}
