// Package redact keeps secrets out of whatever leaves the operator: logs,
// messages, status, events. It is pure.
//
// It works twice over: by value, for the secrets that the looping container is
// known to hold, in the encodings that values are met in; and by form, for
// those that nobody told it of: passwords in URLs, password=..., bearer tokens,
// private keys.
//
// Evidence survives. What stands in a secret's place has neither blanks nor
// quotes, so that a message keeps its shape: user "hook" becomes
// user "[redacted]". A value that is a word of the protocols' own messages, such
// as the password "postgres", or a short number, is replaced only where its
// form says that it is a secret: else every message would be blacked out, and
// such a value is no secret to anyone who would read it. Values shorter than
// four bytes are replaced by form only as well.
package redact

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
)

// shortest value that is replaced wherever it stands, in bytes.
const shortest = 4

// Redactor replaces secrets in text. The zero value replaces by form only.
// It is safe for concurrent use.
type Redactor struct {
	// patterns by their first four bytes, the longest first.
	patterns map[uint32][]pattern
	// seen has a bit for the hash of each key of patterns: nearly all
	// positions of a text are ruled out by it.
	seen [1 << 10]uint64
}

type pattern struct {
	text string
	// run says that the secret is part of a longer base64 run, which goes as a whole.
	run bool
}

// span is a part of a text, the end not included.
type span struct{ start, end int }

// New makes a Redactor for known secrets.
func New(secrets ...evidence.Secret) *Redactor {
	r := &Redactor{patterns: map[uint32][]pattern{}}
	for _, s := range secrets {
		value := s.Reveal()
		if len(value) < shortest || common(value) {
			continue
		}
		for _, p := range encodings(value) {
			r.add(p)
		}
	}
	for key, list := range r.patterns {
		slices.SortFunc(list, func(a, b pattern) int {
			return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.text, b.text))
		})
		r.patterns[key] = slices.Compact(list)
	}
	return r
}

func (r *Redactor) add(p pattern) {
	p.text = withoutBreaks(p.text)
	if len(p.text) < shortest {
		return
	}
	key := binary.LittleEndian.Uint32([]byte(p.text))
	r.patterns[key] = append(r.patterns[key], p)
	h := hash(key)
	r.seen[h>>6] |= 1 << (h & 63)
}

// hash of four bytes in 16 bits (Knuth's multiplicative hash).
func hash(key uint32) uint32 { return key * 2654435761 >> 16 }

// Text with every secret replaced by evidence.Redacted.
func (r *Redactor) Text(s string) string {
	spans := byForm(s)
	if len(r.patterns) > 0 {
		spans = append(spans, r.byValue(s)...)
	}
	return replace(s, spans)
}

// Bytes is Text for bytes; b itself is not changed.
func (r *Redactor) Bytes(b []byte) []byte { return []byte(r.Text(string(b))) }

// Clean makes a log, or any text from outside, fit to be kept: harmless as the
// function Clean makes it, without secrets, at most maxBytes long. Secrets go
// before lines are capped, so that no part of one is left at a cut.
func (r *Redactor) Clean(text string, maxBytes int) string {
	// A secret may begin or end in the middle of a rune.
	return limit(strings.ToValidUTF8(r.Text(strip(text)), "\ufffd"), maxBytes)
}

// byValue finds the known secrets. Line breaks are passed over: a secret that a
// log wraps is still one.
func (r *Redactor) byValue(s string) []span {
	text, at := unwrap(s)
	var spans []span
	covered := 0 // of s, so that a run is widened once
	for i := 0; i+shortest <= len(text); i++ {
		key := uint32(text[i]) | uint32(text[i+1])<<8 | uint32(text[i+2])<<16 | uint32(text[i+3])<<24
		h := hash(key)
		if r.seen[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for _, p := range r.patterns[key] {
			if strings.HasPrefix(text[i:], p.text) {
				last := i + len(p.text) - 1
				start, end := at(i), at(last)+1
				if p.run && start >= covered {
					start, end = base64Run(s, start, end)
				}
				spans = append(spans, span{start, end})
				covered = max(covered, end)
				i = last
				break
			}
		}
	}
	return spans
}

// unwrap drops line breaks. at gives the position in s of one in the result.
func unwrap(s string) (text string, at func(int) int) {
	text = withoutBreaks(s)
	if len(text) == len(s) {
		return s, func(i int) int { return i }
	}
	// dropped[k] is where, in text, the k-th break stood.
	var dropped []int
	for i := range len(s) {
		if s[i] == '\n' || s[i] == '\r' {
			dropped = append(dropped, i-len(dropped))
		}
	}
	return text, func(i int) int {
		before, _ := slices.BinarySearch(dropped, i+1)
		return i + before
	}
}

func withoutBreaks(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for s != "" {
		cut := strings.IndexByte(s, '\n')
		line := s
		if cut >= 0 {
			line = s[:cut]
		}
		if strings.IndexByte(line, '\r') >= 0 {
			line = strings.ReplaceAll(line, "\r", "")
		}
		b.WriteString(line)
		s = s[len(s[:max(cut, 0)]):]
		if cut < 0 {
			break
		}
		s = s[1:]
	}
	return b.String()
}

// replace each span, those that overlap together.
func replace(s string, spans []span) string {
	if len(spans) == 0 {
		return s
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var b strings.Builder
	b.Grow(len(s))
	done := 0
	for i := 0; i < len(spans); {
		end := spans[i].end
		start := spans[i].start
		for i++; i < len(spans) && spans[i].start < end; i++ {
			end = max(end, spans[i].end)
		}
		b.WriteString(s[done:start])
		b.WriteString(evidence.Redacted)
		done = end
	}
	b.WriteString(s[done:])
	return b.String()
}
