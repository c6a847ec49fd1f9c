// Package logscan finds what a program's log says. A multi-literal automaton
// walks the log once and marks lines; only marked lines are brought into a
// plain form (no colours, no JSON or logfmt around the message) and matched
// with regular expressions. It decides nothing: it returns what was found, in
// the order in which it was written.
package logscan

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

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
	// Literals of which one must stand in a line, exactly, for the line to be
	// looked at. No shorter than four bytes, and free of characters that JSON escapes.
	Literals []string
	// Pattern that a plain line must match. Nil: the literal is enough.
	Pattern *regexp.Regexp
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

// Group is the text of a named group of the signature's pattern, empty where
// it is not there.
//
// A pattern with several alternatives names the group in each: var, var2, ...
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
	// byLiteral are the signatures that each of the automaton's patterns stands for.
	byLiteral  [][]int
	signatures []Signature
	names      [][]string
}

// NewScanner compiles the signatures. An error names the one that is at fault.
func NewScanner(signatures []Signature) (*Scanner, error) {
	s := &Scanner{signatures: signatures}
	owners := map[string][]int{}
	for i, signature := range signatures {
		if len(signature.Literals) == 0 {
			return nil, fmt.Errorf("signature %d (%v) has no literal", i, signature.Pattern)
		}
		for _, literal := range signature.Literals {
			if len(literal) < 4 {
				return nil, fmt.Errorf("signature %d: literal %q is too short to tell lines apart", i, literal)
			}
			owners[literal] = append(owners[literal], i)
		}
		var names []string
		if signature.Pattern != nil {
			names = signature.Pattern.SubexpNames()
		}
		s.names = append(s.names, names)
	}
	var err error
	s.automaton, s.byLiteral, err = compile(owners)
	if err != nil {
		return nil, fmt.Errorf("compile literals: %w", err)
	}
	return s, nil
}

// compile builds the automaton. It reports the leftmost match only, the
// shortest first, so a literal also stands for those that it is a prefix of.
func compile(owners map[string][]int) (*ahocorasick.Automaton, [][]int, error) {
	literals := make([]string, 0, len(owners))
	for literal := range owners {
		literals = append(literals, literal)
	}
	slices.SortFunc(literals, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	byLiteral := make([][]int, len(literals))
	for i, short := range literals {
		for _, long := range literals[i:] {
			if len(long) >= len(short) && long[:len(short)] == short {
				byLiteral[i] = append(byLiteral[i], owners[long]...)
			}
		}
		slices.Sort(byLiteral[i])
		byLiteral[i] = slices.Compact(byLiteral[i])
	}
	automaton, err := ahocorasick.NewBuilder().AddStrings(literals).Build()
	return automaton, byLiteral, err
}

// mark is a line that holds a literal.
type mark struct{ start, end, at int }

// Scan finds the signatures in a log, oldest line first.
func (s *Scanner) Scan(log []byte) []Line {
	marks := s.mark(log)
	lines := make([]Line, 0, len(marks))
	for _, m := range marks {
		if line, found := s.line(log, m); found {
			lines = append(lines, line)
		}
	}
	return lines
}

// mark walks the log once and keeps the last MaxLines lines with a literal. It
// allocates nothing per line.
func (s *Scanner) mark(log []byte) []mark {
	var ring [MaxLines]mark
	count := 0
	for pos := 0; pos < len(log); {
		match, ok := s.automaton.Find(log, pos)
		if !ok {
			break
		}
		start := bytes.LastIndexByte(log[pos:match.Start], '\n') + 1 + pos
		end := len(log)
		if i := bytes.IndexByte(log[match.End:], '\n'); i >= 0 {
			end = match.End + i
		}
		ring[count%MaxLines] = mark{start: start, end: end, at: match.Start}
		count++
		pos = end + 1
	}
	if count <= MaxLines {
		return slices.Clone(ring[:count])
	}
	oldest := count % MaxLines
	return append(slices.Clone(ring[oldest:]), ring[:oldest]...)
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
		if line.Level == LevelUnset {
			line.Level = head.level
		}
	}
	return line, true
}

// match appends the hits in one plain line.
func (s *Scanner) match(hits []Hit, text string) []Hit {
	haystack := []byte(text)
	first := len(hits)
	for pos := 0; pos < len(haystack); {
		found, ok := s.automaton.Find(haystack, pos)
		if !ok {
			break
		}
		for _, signature := range s.byLiteral[found.PatternID] {
			if seen(hits[first:], signature) {
				continue
			}
			if hit, ok := s.try(signature, text); ok {
				hits = append(hits, hit)
			}
		}
		pos = found.Start + 1
	}
	return hits
}

func seen(hits []Hit, signature int) bool {
	return slices.ContainsFunc(hits, func(h Hit) bool { return h.Signature == signature })
}

func (s *Scanner) try(signature int, text string) (Hit, bool) {
	hit := Hit{Signature: signature, Text: text, names: s.names[signature]}
	pattern := s.signatures[signature].Pattern
	if pattern == nil {
		return hit, true
	}
	hit.groups = pattern.FindStringSubmatchIndex(text)
	return hit, hit.groups != nil
}

// window cuts a huge line down to what stands around at.
func window(line []byte, at int) []byte {
	if len(line) <= MaxLine {
		return line
	}
	start := max(0, min(at-MaxLine/2, len(line)-MaxLine))
	return line[start : start+MaxLine]
}
