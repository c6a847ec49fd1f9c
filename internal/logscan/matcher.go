package logscan

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// Matcher is a regular expression taken apart: alternatives that are plain
// words are looked for as such, and one that is not is only tried on a text with
// one of the words that it needs and, where all that it matches begins with
// one of a few words, only where these stand. That is some ten times as fast as
// the expression.
type Matcher struct {
	branches []branch
	// lower: some alternative ignores case.
	fold bool
}

// branch is one alternative of a pattern: a word, or an expression.
type branch struct {
	// word that a text must hold, in lower case if fold.
	word string
	fold bool
	// left and right: the word must not go on there.
	left, right bool
	// needs of which each must be met for the expression to be tried.
	needs []oneOf
	exp   *expression
}

// maxWords is how many words an alternative may stand for.
const maxWords = 48

// NewMatcher takes patterns of package regexp's syntax apart, of which one must match.
func NewMatcher(patterns ...string) (*Matcher, error) {
	m := &Matcher{}
	for _, pattern := range patterns {
		if err := m.add(pattern); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Matcher) add(pattern string) error {
	if _, err := regexp.Compile(pattern); err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	flags, rest := splitFlags(pattern)
	for _, part := range alternatives(rest) {
		tree, err := syntax.Parse(flags+part, syntax.Perl)
		if err != nil {
			return fmt.Errorf("alternative %q: %w", part, err)
		}
		if words, ok := expand(tree); ok && usable(words) {
			for _, w := range words {
				m.branches = append(m.branches, branch{word: w.text, fold: w.fold, left: w.left, right: w.right})
				m.fold = m.fold || w.fold
			}
			continue
		}
		b := branch{exp: newExpression(flags+part, tree), needs: needed(tree)}
		m.fold = m.fold || b.exp.fold || slices.ContainsFunc(b.needs, func(n oneOf) bool { return n.fold })
		m.branches = append(m.branches, b)
	}
	return nil
}

// MustMatcher is NewMatcher for patterns in the source.
func MustMatcher(patterns ...string) *Matcher {
	m, err := NewMatcher(patterns...)
	if err != nil {
		panic(err)
	}
	return m
}

// Match says whether the pattern matches the text. lower is the text in lower case.
func (m *Matcher) Match(text, lower string) bool {
	_, _, ok := m.find(text, lower)
	return ok
}

// MatchString is Match for a text of which no lower case is at hand.
func (m *Matcher) MatchString(text string) bool {
	lower := text
	if m.fold {
		lower = strings.ToLower(text)
	}
	return m.Match(text, lower)
}

// Find is the first alternative that matches.
func (m *Matcher) Find(text string) (Hit, bool) {
	lower := text
	if m.fold {
		lower = strings.ToLower(text)
	}
	groups, names, ok := m.find(text, lower)
	return Hit{Signature: -1, Text: text, groups: groups, names: names}, ok
}

// find is the first alternative that matches, with its submatches if it has any.
func (m *Matcher) find(text, lower string) ([]int, []string, bool) {
	for i := range m.branches {
		if groups, names, ok := m.branches[i].find(text, lower); ok {
			return groups, names, true
		}
	}
	return nil, nil, false
}

// find says whether the alternative matches, with its submatches if it has any.
func (b *branch) find(text, lower string) ([]int, []string, bool) {
	if !b.holds(text, lower) {
		return nil, nil, false
	}
	if b.exp == nil {
		return nil, nil, true
	}
	groups := b.exp.find(text, lower)
	return groups, b.exp.names, groups != nil
}

func (b *branch) String() string {
	if b.exp == nil {
		return b.word
	}
	return b.exp.anywhere.String()
}

// holds says whether the branch's word, or all that its expression needs, is in
// a text.
func (b *branch) holds(text, lower string) bool {
	if b.exp == nil {
		return b.bounded(folding(b.fold, text, lower))
	}
	for i := range b.needs {
		if !b.needs[i].in(text, lower) {
			return false
		}
	}
	return true
}

func (n *oneOf) in(text, lower string) bool {
	in := folding(n.fold, text, lower)
	for _, word := range n.words {
		if strings.Contains(in, word) {
			return true
		}
	}
	return false
}

func folding(fold bool, text, lower string) string {
	if fold {
		return lower
	}
	return text
}

// bounded says whether the branch's word is in a text, within its bounds.
func (b *branch) bounded(in string) bool {
	word := b.word
	for from := 0; ; {
		i := strings.Index(in[from:], word)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(word)
		if (!b.left || start == 0 || !isWord(in[start-1])) && (!b.right || end == len(in) || !isWord(in[end])) {
			return true
		}
		from = start + 1
	}
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// splitFlags takes the flags off a pattern's front.
func splitFlags(pattern string) (string, string) {
	for _, flags := range []string{"(?i)", "(?s)", "(?is)", "(?m)"} {
		if rest, ok := strings.CutPrefix(pattern, flags); ok {
			return flags, rest
		}
	}
	return "", pattern
}

// alternatives splits a pattern at the bars that stand in no group or class.
func alternatives(pattern string) []string {
	var parts []string
	depth, from := 0, 0
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '[':
			i = classEnd(pattern, i)
		case '(':
			depth++
		case ')':
			depth--
		case '|':
			if depth == 0 {
				parts = append(parts, pattern[from:i])
				from = i + 1
			}
		}
	}
	return append(parts, pattern[from:])
}

// classEnd is where the class of characters that begins at start ends.
func classEnd(pattern string, start int) int {
	i := start + 1
	if i < len(pattern) && pattern[i] == '^' {
		i++
	}
	// A bracket that comes first is one of the characters.
	for first := true; i < len(pattern) && (first || pattern[i] != ']'); i++ {
		if pattern[i] == '\\' {
			i++
		}
		first = false
	}
	return i
}

// word is a plain text that an alternative stands for.
type word struct {
	text              string
	fold, left, right bool
}

// expand lists the words that a tree stands for, if it stands for words only.
func expand(tree *syntax.Regexp) ([]word, bool) {
	switch tree.Op {
	case syntax.OpEmptyMatch:
		return []word{{}}, true
	case syntax.OpLiteral:
		text, fold := literal(tree)
		return []word{{text: text, fold: fold}}, true
	case syntax.OpWordBoundary:
		return []word{{left: true, right: true}}, true
	case syntax.OpCharClass:
		return expandClass(tree)
	case syntax.OpCapture:
		if tree.Name != "" {
			return nil, false
		}
		return expand(tree.Sub[0])
	case syntax.OpQuest:
		words, ok := expand(tree.Sub[0])
		return append(words, word{}), ok
	case syntax.OpAlternate:
		return expandAlternate(tree)
	case syntax.OpConcat:
		return expandConcat(tree)
	default:
		return nil, false
	}
}

func expandAlternate(tree *syntax.Regexp) ([]word, bool) {
	var all []word
	for _, sub := range tree.Sub {
		words, ok := expand(sub)
		if !ok {
			return nil, false
		}
		all = append(all, words...)
	}
	return all, len(all) <= maxWords
}

func literal(tree *syntax.Regexp) (string, bool) {
	fold := tree.Flags&syntax.FoldCase != 0
	text := string(tree.Rune)
	if fold {
		text = strings.ToLower(text)
	}
	return text, fold
}

// expandClass lists a small class of characters.
func expandClass(tree *syntax.Regexp) ([]word, bool) {
	var words []word
	for i := 0; i < len(tree.Rune); i += 2 {
		for r := tree.Rune[i]; r <= tree.Rune[i+1]; r++ {
			if len(words) >= 8 {
				return nil, false
			}
			words = append(words, word{text: string(r)})
		}
	}
	return words, true
}

// expandConcat joins the words of the parts, each with each. Bounds may stand
// at the ends only.
func expandConcat(tree *syntax.Regexp) ([]word, bool) {
	all := []word{{}}
	for _, sub := range tree.Sub {
		words, ok := expand(sub)
		if !ok || len(all)*len(words) > maxWords {
			return nil, false
		}
		var next []word
		for _, a := range all {
			for _, b := range words {
				joined, ok := join(a, b)
				if !ok {
					return nil, false
				}
				next = append(next, joined)
			}
		}
		all = next
	}
	return all, true
}

// join puts two words together. A bound in the middle, and a part in capitals
// beside one that ignores case, are for the expression to decide.
func join(a, b word) (word, bool) {
	switch {
	case a.text == "":
		return word{text: b.text, fold: b.fold, left: a.left || a.right || b.left, right: b.right}, true
	case b.text == "":
		return word{text: a.text, fold: a.fold, left: a.left, right: a.right || b.left || b.right}, true
	case a.right || b.left:
		return word{}, false
	}
	w := word{text: a.text + b.text, fold: a.fold || b.fold, left: a.left, right: b.right}
	return w, !w.fold || w.text == strings.ToLower(w.text)
}

// usable says that the words are long enough to mean something.
func usable(words []word) bool {
	for _, w := range words {
		if len(w.text) < 3 {
			return false
		}
	}
	return true
}
