package logscan

import (
	"slices"
	"strings"
	"unicode"
)

const (
	// minLiteral is the fewest bytes that tell lines apart.
	minLiteral = 3
	// maxLiteral is how much of a word the automaton looks for: what follows
	// hardly tells any more.
	maxLiteral = 24
)

// escaped are the characters that JSON encoders write otherwise than they are:
// those of RFC 8259, and those that some escape for HTML.
const escaped = "\"\\<>&'+`"

// literals are words of which each line that the alternative matches holds one,
// in lower case, also where the line is a string in JSON. None where all that it
// needs is too short.
func (b *branch) literals() []string {
	if b.exp == nil {
		if l := literalOf(b.word); len(l) >= minLiteral {
			return []string{l}
		}
		return nil
	}
	var best []string
	for _, n := range b.needs {
		if some := literalsOf(n.words); shortest(some) >= minLiteral && telling(some) > telling(best) {
			best = some
		}
	}
	return best
}

// common are words that stand in many lines that tell of no fault, those in most
// lines last. What else an alternative needs tells more.
var common = strings.Fields("before command must available ready state kafka option status closed exit no fault undefined flag " +
	"postgres environment use http not set exception failed configuration timed out open reading loading at try line run error " +
	"connection to user value info name time")

// commonness is where a word, or what it is a part of, stands in that list, negative
// where it does not.
func commonness(word string) int {
	word = strings.Trim(word, " .:-_")
	for i, c := range slices.Backward(common) {
		if strings.Contains(c, word) {
			return i
		}
	}
	return -1
}

// telling is how much words tell: the more the longer they are, and the fewer.
func telling(words []string) int {
	if shortest(words) < minLiteral {
		return 0
	}
	least := 12
	for _, w := range words {
		if i := commonness(w); i >= 0 {
			return 16 - i/4
		}
		least = min(least, len(w))
	}
	return 16*least - len(words)
}

func literalsOf(words []string) []string {
	all := make([]string, 0, len(words))
	for _, w := range words {
		all = append(all, literalOf(w))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// literalOf is the longest part of a word that no encoder writes otherwise, or,
// in a script that has no such letters, the longest part of it as UTF-8 has it.
func literalOf(word string) string {
	if longest := longestPart(strings.ToLower(word), isEscaped); len(longest) >= minLiteral {
		return longest
	}
	return longestPart(lowerASCII(word), func(r rune) bool { return r <= '~' && isEscaped(r) })
}

func longestPart(word string, separates func(rune) bool) string {
	longest := ""
	for part := range strings.FieldsFuncSeq(word, separates) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest[:min(len(longest), maxLiteral)]
}

// lowerASCII is what the scanner makes of a log's bytes.
func lowerASCII(word string) string {
	return strings.Map(func(r rune) rune {
		if r <= '~' {
			return unicode.ToLower(r)
		}
		return r
	}, word)
}

// isEscaped says that some encoder writes a character otherwise than it is.
func isEscaped(r rune) bool {
	return r < ' ' || r > '~' || strings.ContainsRune(escaped, r)
}
