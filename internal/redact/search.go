package redact

import (
	"bytes"
	"encoding/binary"
)

const (
	// window is the number of bytes in a row by which a part of a value is found.
	window = 8
	// longestWindowed is how much of either end of a value is indexed by windows.
	longestWindowed = 256
	// mostWindows are indexed in all.
	mostWindows = 1 << 16
	// shortestCut is the shortest text whose ends may be cuts, such as those of a
	// log or of a termination message.
	shortestCut = 1000
	// shortestFolded is the shortest value that is found in other case too, and
	// within base64 and its like: shorter ones are met there by chance.
	shortestFolded = 6
)

// needle is a value as it is searched for, in lower case.
type needle struct {
	text []byte
	// exact is the value as it is, where only that counts.
	exact []byte
	// dense values are found in parts as well.
	dense bool
}

// place in a needle.
type place struct {
	needle *needle
	offset int32
}

// index finds needles in a text in one pass.
type index struct {
	// byHead has the needles by their first four bytes, the longest first.
	byHead map[uint32][]*needle
	// byWindow has places of dense needles by eight bytes that stand there.
	byWindow map[uint64]place
	// filter has a bit for the hash of each key of byHead: nearly all positions
	// of a text are ruled out by it. windowFilter is that of byWindow.
	filter, windowFilter [1 << 10]uint64
	known                map[string]bool
	dense                []*needle
}

func newIndex() *index {
	return &index{byHead: map[uint32][]*needle{}, byWindow: map[uint64]place{}, known: map[string]bool{}}
}

// hash of four bytes in 16 bits (Knuth's multiplicative hash).
func hash(key uint32) uint32 { return key * 2654435761 >> 16 }

func hashWindow(key uint64) uint32 { return uint32(key * 0x9e3779b97f4a7c15 >> 48) }

func (x *index) add(value []byte, isDense bool) {
	text := lowered(value)
	if len(text) < shortest || x.known[string(text)] {
		return
	}
	x.known[string(text)] = true
	n := &needle{text: text, dense: isDense}
	if len(text) < shortestFolded {
		n.exact = bytes.Clone(value)
	}
	key := binary.LittleEndian.Uint32(text)
	x.byHead[key] = append(x.byHead[key], n)
	h := hash(key)
	x.filter[h>>6] |= 1 << (h & 63)
	if isDense && len(text) >= window {
		x.dense = append(x.dense, n)
		x.addWindows(n)
	}
}

func (x *index) addWindows(n *needle) {
	for i := 0; i+window <= len(n.text) && len(x.byWindow) < mostWindows; i++ {
		if i > longestWindowed && i < len(n.text)-longestWindowed {
			continue
		}
		key := binary.LittleEndian.Uint64(n.text[i:])
		if _, taken := x.byWindow[key]; taken {
			continue
		}
		x.byWindow[key] = place{n, int32(i)}
		h := hashWindow(key)
		x.windowFilter[h>>6] |= 1 << (h & 63)
	}
}

// find reports each stretch of the text that is a needle, or enough of a dense
// one. It gives up where the work exceeds the budget.
func (x *index) find(text []byte, work *int, report func(start, end int)) {
	lower := lowered(text)
	for i := 0; i+shortest <= len(lower) && *work > 0; i++ {
		key := binary.LittleEndian.Uint32(lower[i:])
		if h := hash(key); x.filter[h>>6]&(1<<(h&63)) != 0 {
			if length := x.at(key, lower[i:], text[i:], work); length > 0 {
				report(i, i+length)
				i += length - 1
				continue
			}
		}
		if start, end, ok := x.partAt(lower, i, work); ok {
			report(start, end)
			i = end - 1
		}
	}
	if len(text) >= shortestCut {
		x.edges(lower, work, report)
	}
}

// at is the length of the longest needle that the text begins with.
func (x *index) at(key uint32, lower, text []byte, work *int) int {
	for _, n := range x.byHead[key] {
		*work -= 4 + min(len(n.text), len(lower))/16
		if *work <= 0 {
			return 0
		}
		if bytes.HasPrefix(lower, n.text) && bytes.HasPrefix(text, n.exact) {
			return len(n.text)
		}
	}
	return 0
}

// partAt is the stretch around i that is most of a dense needle, or goes on past
// an end of the text.
func (x *index) partAt(lower []byte, i int, work *int) (start, end int, ok bool) {
	if i+window > len(lower) || len(x.byWindow) == 0 {
		return 0, 0, false
	}
	key := binary.LittleEndian.Uint64(lower[i:])
	if h := hashWindow(key); x.windowFilter[h>>6]&(1<<(h&63)) == 0 {
		return 0, 0, false
	}
	p, found := x.byWindow[key]
	if !found {
		return 0, 0, false
	}
	text, at := p.needle.text, int(p.offset)
	start, end = i, i+window
	for to := at + window; end < len(lower) && to < len(text) && lower[end] == text[to]; end, to = end+1, to+1 {
		*work--
	}
	for from := at - 1; start > 0 && from >= 0 && lower[start-1] == text[from]; start, from = start-1, from-1 {
		*work--
	}
	const enough = 3 // fifths
	cut := len(lower) >= shortestCut && (start == 0 || end == len(lower))
	return start, end, cut || (end-start)*5 >= min(len(text), 64)*enough
}

// edges finds the end of a dense needle at the beginning of the text, and the
// beginning of one at its end: what was cut there.
func (x *index) edges(lower []byte, work *int, report func(start, end int)) {
	const least = 5
	for _, n := range x.dense {
		if *work -= 2 * window; *work <= 0 {
			return
		}
		most := min(len(n.text)-1, len(lower), window)
		for length := most; length >= least; length-- {
			if bytes.HasPrefix(lower, n.text[len(n.text)-length:]) {
				report(0, length)
				break
			}
		}
		for length := most; length >= least; length-- {
			if bytes.HasSuffix(lower, n.text[:length]) {
				report(len(lower)-length, len(lower))
				break
			}
		}
	}
}

// holds is the stretch of the bytes that an encoding stood for in which there is
// a needle, or enough of a dense one. Zero bytes are those of UTF-16.
func (x *index) holds(b []byte, work *int) (start, end int, found bool) {
	report := func(from, to int) {
		if !found && to-from >= shortestFolded {
			start, end, found = from, to, true
		}
	}
	if x.find(b, work, report); found {
		return start, end, true
	}
	other := bytes.ReplaceAll(b, []byte{0}, nil)
	if v, changed := decoded(plainView(b)); changed {
		other = v.text
	} else if len(other) == len(b) {
		return 0, 0, false
	}
	x.find(other, work, report)
	return 0, len(b), found
}

func plainView(b []byte) *view {
	v := newView(len(b))
	for i, c := range b {
		v.add(c, i, i+1)
	}
	return v
}
