// Package logscan finds what a program's log says. A multi-literal automaton
// walks the log once and marks lines; only marked lines are brought into a
// plain form (no colours, no JSON or logfmt around the message) and matched
// with regular expressions. It decides nothing: it returns what was found, in
// the order in which it was written.
package logscan

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/coregx/ahocorasick"
)

// Limits on hostile and huge logs. What ended a process stands at the end, so
// it is the last marked lines that are kept.
const (
	// MaxLines is how many marked lines are looked at, the last ones.
	MaxLines = 256
	// MaxLine is how much of one line is looked at, in bytes: a window around
	// its first literal.
	MaxLine = 16 << 10
)

// Signature is one way in which programs say one thing.
type Signature struct {
	// Pattern that a plain line must match. Only lines are looked at that hold, in
	// whatever case, a literal that one of its alternatives needs.
	Pattern *Matcher
	// Unless it matches this.
	Unless *Matcher
}

// Hit is a signature found in a line.
type Hit struct {
	// Signature is its index in the list that the scanner was made from.
	Signature int
	// Text is the plain line that it was found in.
	Text string
	// groups are the pattern's submatches, as offsets into Text.
	groups []int
	names  []string
}

// Group is the text of a named group of the alternative that matched, empty
// where it is not there. An alternative that has the group in several places
// names it var, var2, ...
func (h Hit) Group(name string) string {
	for i, n := range h.names {
		if strings.TrimRight(n, "23456789") == name && 2*i+1 < len(h.groups) && h.groups[2*i] >= 0 {
			return h.Text[h.groups[2*i]:h.groups[2*i+1]]
		}
	}
	return ""
}

// Line is a line of the log in which at least one signature was found.
type Line struct {
	// Offset of the line in the log.
	Offset int
	// Record is the offset of the first line of the log record that it belongs
	// to: a stack trace and what it is the trace of are one record.
	Record int
	// Level that the record says it has.
	Level Level
	// Survived says that the program says that it goes on all the same.
	Survived bool
	// SurvivedTrace says that only the line above its stack trace says so:
	// where nothing else was found, the trace may be another record's.
	SurvivedTrace bool
	Hits          []Hit
	// Texts are the plain lines of the record on this line.
	Texts []string
}

// Scanner finds signatures in logs. It is safe for concurrent use.
type Scanner struct {
	automaton *ahocorasick.Automaton
	// byLiteral are the alternatives that each of the automaton's literals stands for.
	byLiteral  [][]alternative
	signatures []Signature
}

// alternative is one branch of one signature's pattern.
type alternative struct{ signature, branch int }

// NewScanner compiles the signatures. An error names the one that is at fault.
func NewScanner(signatures []Signature) (*Scanner, error) {
	s := &Scanner{signatures: signatures}
	owners := map[string][]alternative{}
	for i, signature := range signatures {
		for j := range signature.Pattern.branches {
			b := &signature.Pattern.branches[j]
			literals := b.literals()
			if len(literals) == 0 {
				return nil, fmt.Errorf("signature %d: alternative %q needs no word that tells lines apart", i, b)
			}
			for _, literal := range literals {
				of := string(folded(literal))
				owners[of] = append(owners[of], alternative{i, j})
			}
		}
	}
	var err error
	s.automaton, s.byLiteral, err = compile(owners)
	if err != nil {
		return nil, fmt.Errorf("compile literals: %w", err)
	}
	return s, nil
}

// Literals are what the automaton looks for, in lower case.
func (s *Scanner) Literals() int { return len(s.byLiteral) }

// Alphabet is how many kinds of bytes the automaton tells apart: those of its literals, and
// all others as one.
func (s *Scanner) Alphabet() int {
	used := map[byte]bool{}
	for i := range s.automaton.PatternCount() {
		for _, c := range s.automaton.Pattern(i) {
			used[c] = true
		}
	}
	return len(used) + 1
}

// compile builds the automaton over the literals, each once.
//
// Of the kept libraries that were compared over 1,181 literals of package
// diagnosis, coregx/ahocorasick (MIT) is the fastest: a compiled table whose
// entries say themselves whether a literal ends there. MB a second of one core's
// time, over a quiet service's log and over a log with a literal in most lines:
// coregx v0.3.1 459 and 183, BobuSumisu v1.0.3 (MIT) 218 and 122, cloudflare of
// September 2024 (BSD-3-Clause) 160 and 117, petar-dambovaliev of April 2025
// (MIT) 179 and 103.
func compile(owners map[string][]alternative) (*ahocorasick.Automaton, [][]alternative, error) {
	literals := slices.Sorted(maps.Keys(owners))
	byLiteral := make([][]alternative, len(literals))
	for i, literal := range literals {
		byLiteral[i] = owners[literal]
	}
	// Every byte begins some literal: looking ahead for one only costs time.
	automaton, err := ahocorasick.NewBuilder().SetPrefilter(false).AddStrings(literals).Build()
	return automaton, byLiteral, err
}

// mark is a line that holds a literal.
type mark struct{ start, end, at int }

// Scan finds the signatures in a log, oldest line first.
func (s *Scanner) Scan(log []byte) []Line {
	marks := lastOfEach(log, s.mark(log))
	lines := make([]Line, 0, len(marks))
	for _, m := range marks {
		if line, found := s.line(log, m); found {
			lines = append(lines, line)
		}
	}
	return lines
}

// alike is how many lines that differ in digits only are looked at, the last
// ones: what is tried again and again says the same again and again.
const alike = 3

// lastOfEach drops lines that later ones repeat.
func lastOfEach(log []byte, marks []mark) []mark {
	seen := make(map[uint64]int, len(marks))
	kept := make([]mark, 0, len(marks))
	for _, m := range slices.Backward(marks) {
		h := withoutDigits(window(log[m.start:m.end], m.at-m.start))
		if seen[h]++; seen[h] <= alike {
			kept = append(kept, m)
		}
	}
	slices.Reverse(kept)
	return kept
}

// withoutDigits is a hash of a line's text but its digits (FNV-1a).
func withoutDigits(line []byte) uint64 {
	hash := uint64(14695981039346656037)
	for _, c := range line[:min(len(line), 512)] {
		if c < '0' || c > '9' {
			hash = (hash ^ uint64(c)) * 1099511628211
		}
	}
	return hash
}

// chunk is how much of a log the automaton is given at once, in bytes.
const chunk = 64 << 10

// buffers hold a chunk of a log in lower case.
var buffers = sync.Pool{New: func() any { return new([chunk]byte) }}

// mark walks the log once and keeps the last MaxLines lines with a literal. It
// allocates nothing for lines without one.
func (s *Scanner) mark(log []byte) []mark {
	var marks []mark
	lower := buffers.Get().(*[chunk]byte)
	defer buffers.Put(lower)
	for from := 0; from < len(log); {
		to := chunkEnd(log, from)
		fold(lower[:], log[from:to])
		marks = s.markChunk(marks, log, lower[:to-from], from)
		if len(marks) > 2*MaxLines {
			marks = append(marks[:0], marks[len(marks)-MaxLines:]...)
		}
		from = to
	}
	return marks[max(0, len(marks)-MaxLines):]
}

// chunkEnd is where a chunk ends: behind a line, unless the line is longer than
// a chunk.
func chunkEnd(log []byte, from int) int {
	to := min(from+chunk, len(log))
	if to == len(log) {
		return to
	}
	if i := bytes.LastIndexByte(log[from:to], '\n'); i >= 0 {
		return from + i + 1
	}
	return to
}

// fold writes a text as the automaton reads it, eight bytes at a time: in lower case,
// ASCII only, and of other bytes the lowest three bits. That leaves fewer than 64 kinds of
// bytes, for which its table is half as large; a line that is marked for a kindred
// character is matched as it is.
func fold(to, text []byte) {
	const each = 0x0101010101010101
	for len(text) >= 8 {
		word := binary.LittleEndian.Uint64(text)
		beyond := word & (0x80 * each)
		ascii := word & (0x7f * each)
		// A byte's high bit is set in fromA from 'A' on, in beyondZ behind 'Z'.
		fromA, beyondZ := ascii+(0x80-'A')*each, ascii+(0x7f-'Z')*each
		upper := (fromA ^ beyondZ) &^ word & (0x80 * each)
		binary.LittleEndian.PutUint64(to, (word|upper>>2)&^(beyond>>7*0x78))
		to, text = to[8:], text[8:]
	}
	for i, c := range text {
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c >= 0x80:
			c &^= 0x78
		}
		to[i] = c
	}
}

// folded is a text as the automaton reads it.
func folded(text string) []byte {
	out := make([]byte, len(text))
	fold(out, []byte(text))
	return out
}

// markChunk marks the lines of a chunk, given in lower case, that begins at from.
// Behind the first literal of a line nothing more is looked for in it.
func (s *Scanner) markChunk(marks []mark, log, lower []byte, from int) []mark {
	at := from
	if len(marks) > 0 {
		at = max(from, marks[len(marks)-1].end)
	}
	for at < from+len(lower) {
		found := s.automaton.FindAll(lower[at-from:], 1)
		if len(found) == 0 {
			break
		}
		m := mark{at: at + found[0].Start, end: len(log)}
		m.start = bytes.LastIndexByte(log[:m.at], '\n') + 1
		if i := bytes.IndexByte(log[m.at:], '\n'); i >= 0 {
			m.end = m.at + i
		}
		marks = append(marks, m)
		at = m.end
	}
	return marks
}

// line brings a marked line into its plain form and matches it.
func (s *Scanner) line(log []byte, m mark) (Line, bool) {
	raw := window(log[m.start:m.end], m.at-m.start)
	form := plain(raw)
	line := Line{Offset: m.start, Level: form.level, Texts: form.texts}
	for _, text := range form.texts {
		line.Hits = s.match(line.Hits, text)
	}
	if len(line.Hits) == 0 {
		return Line{}, false
	}
	line.Record = recordStart(log, m.start)
	line.Survived = survived(log, m.start, form)
	if line.Record < m.start {
		head := plain(window(lineAt(log, line.Record), 0))
		line.SurvivedTrace = !line.Survived && head.survived()
		if line.Level == LevelUnset && head.level >= LevelWarn {
			line.Level = head.level
		}
	}
	return line, true
}

// match appends the hits in one plain line: of each signature the first
// alternative that matches.
func (s *Scanner) match(hits []Hit, text string) []Hit {
	lower := strings.ToLower(text)
	var candidates []alternative
	for _, found := range s.automaton.FindAllOverlapping(folded(lower)) {
		candidates = append(candidates, s.byLiteral[found.PatternID]...)
	}
	slices.SortFunc(candidates, func(a, b alternative) int {
		return cmp.Or(a.signature-b.signature, a.branch-b.branch)
	})
	tried, matched := alternative{-1, -1}, -1
	for _, c := range candidates {
		if c == tried || c.signature == matched {
			continue
		}
		tried = c
		if hit, ok := s.try(c, text, lower); ok {
			hits = append(hits, hit)
			matched = c.signature
		}
	}
	return hits
}

func (s *Scanner) try(c alternative, text, lower string) (Hit, bool) {
	signature := &s.signatures[c.signature]
	groups, names, ok := signature.Pattern.branches[c.branch].find(text, lower)
	if !ok || signature.Unless != nil && signature.Unless.Match(text, lower) {
		return Hit{}, false
	}
	return Hit{Signature: c.signature, Text: text, groups: groups, names: names}, true
}

// window cuts a huge line down to what stands around at.
func window(line []byte, at int) []byte {
	if len(line) <= MaxLine {
		return line
	}
	start := max(0, min(at-MaxLine/2, len(line)-MaxLine))
	return line[start : start+MaxLine]
}
