package redact

import (
	"slices"
	"strings"
)

// Values that are too large to be kept in all their forms, such as keystores, are
// cut in blocks whose hashes are kept; any stretch of twice their size in a text
// has a whole one in it.
const (
	// mostParsed is the largest value that is searched for as a whole and in
	// parts, in bytes.
	mostParsed = 32 << 10
	blockSize  = 16
	// mostSecrets is what all the secrets of one Redactor may hold, in bytes, and
	// mostNeedles their parts. Beyond, nothing is shown of what cannot be searched.
	mostSecrets = 16 << 20
	mostNeedles = 1 << 20
)

// blocks are hashes of the blocks of large values, in order.
type blocks struct {
	hashes []uint64
	filter [1 << 12]uint64
}

func (b *blocks) add(value string) {
	for i := 0; i+blockSize <= len(value); i += blockSize {
		if monotone(value[i : i+blockSize]) {
			continue
		}
		h := hashBlock([]byte(value[i : i+blockSize]))
		b.hashes = append(b.hashes, h)
		b.filter[h>>58<<6|h>>52&63] |= 1 << (h >> 46 & 63)
	}
}

// monotone blocks, of zeros or blanks, say nothing.
func monotone(s string) bool {
	different := 0
	for i := range len(s) {
		if strings.IndexByte(s[:i], s[i]) < 0 {
			different++
		}
	}
	return different < 4
}

func hashBlock(b []byte) uint64 { // FNV-1a
	h := uint64(14695981039346656037)
	for _, c := range b[:blockSize] {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h * 0x9e3779b97f4a7c15
}

func (b *blocks) has(text []byte) bool {
	h := hashBlock(text)
	if b.filter[h>>58<<6|h>>52&63]&(1<<(h>>46&63)) == 0 {
		return false
	}
	_, found := slices.BinarySearch(b.hashes, h)
	return found
}

// inBlocks finds blocks of large values in a text, and reports the words around
// them.
func (r *Redactor) inBlocks(text []byte, report func(start, end int)) bool {
	if len(r.blocks.hashes) == 0 {
		return false
	}
	found := false
	for i := 0; i+blockSize <= len(text); i++ {
		if !r.blocks.has(text[i:]) {
			continue
		}
		found = true
		if report == nil {
			return true
		}
		start, end := i, i+blockSize
		for start > 0 && i-start < blockSize && text[start-1] > ' ' {
			start--
		}
		for end < len(text) && end-i < 2*blockSize && text[end] > ' ' {
			end++
		}
		report(start, end)
	}
	return found
}
