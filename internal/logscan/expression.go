package logscan

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// expression is a regular expression that is only tried where what it matches
// may begin.
type expression struct {
	names []string
	// starts are the words of which each match begins with one, in lower case if
	// fold. Without any it is anywhere that is tried.
	starts []string
	fold   bool
	// anywhere finds a match wherever it is: where there are no starts, or where
	// a text's bytes are not those of its lower case.
	anywhere *regexp.Regexp
	// front matches at a text's front, behind at the second character: what
	// stands before a match tells whether a word begins there.
	front, behind *regexp.Regexp
}

func newExpression(pattern string, tree *syntax.Regexp) *expression {
	e := &expression{anywhere: regexp.MustCompile(pattern)}
	e.names = e.anywhere.SubexpNames()
	if starts, fold, ok := starts(tree); ok && !anchored(tree) {
		e.starts, e.fold = starts, fold
		e.front = regexp.MustCompile(`\A(?:` + pattern + `)`)
		e.behind = regexp.MustCompile(`\A(?s:.)(?:` + pattern + `)`)
	}
	return e
}

// find is the leftmost match's submatches, nil if there is none.
func (e *expression) find(text, lower string) []int {
	in := folding(e.fold, text, lower)
	if len(e.starts) == 0 || e.fold && !isASCII(text) {
		return e.anywhere.FindStringSubmatchIndex(text)
	}
	for at := e.next(in, 0); at >= 0; at = e.next(in, at+1) {
		if at == 0 {
			if groups := e.front.FindStringSubmatchIndex(text); groups != nil {
				return groups
			}
			continue
		}
		if groups := e.behind.FindStringSubmatchIndex(text[at-1:]); groups != nil {
			return shift(groups, at)
		}
	}
	return nil
}

// next is where the next match may begin, negative if nowhere.
func (e *expression) next(in string, from int) int {
	first := -1
	for _, word := range e.starts {
		end := len(in)
		if first >= 0 {
			end = min(end, first+len(word)-1)
		}
		if i := strings.Index(in[min(from, end):end], word); i >= 0 {
			first = from + i
		}
	}
	return first
}

// shift turns submatches of the text from the character before at into those of
// the whole text.
func shift(groups []int, at int) []int {
	for i := range groups {
		if groups[i] >= 0 {
			groups[i] += at - 1
		}
	}
	groups[0] = at
	return groups
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// anchored says that a tree asks for the front of a text or of a line.
func anchored(tree *syntax.Regexp) bool {
	return tree.Op == syntax.OpBeginText || tree.Op == syntax.OpBeginLine || slices.ContainsFunc(tree.Sub, anchored)
}

// starts are the words of which each match of a tree begins with one.
func starts(tree *syntax.Regexp) ([]string, bool, bool) {
	if words, fold, ok := texts(tree); ok {
		return words, fold, true
	}
	switch tree.Op {
	case syntax.OpLiteral:
		text, fold := literal(tree)
		return []string{text}, fold, len(text) > 2
	case syntax.OpCapture:
		return starts(tree.Sub[0])
	case syntax.OpConcat:
		rest := tree.Sub
		if rest[0].Op == syntax.OpWordBoundary {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return nil, false, false
		}
		return starts(rest[0])
	case syntax.OpAlternate:
		return each(tree.Sub, starts)
	default:
		return nil, false, false
	}
}

// texts are the words that a tree stands for, where that is all it does and they
// agree about case.
func texts(tree *syntax.Regexp) ([]string, bool, bool) {
	words, ok := expand(tree)
	if !ok || !usable(words) {
		return nil, false, false
	}
	all := make([]string, len(words))
	for i, w := range words {
		if all[i] = w.text; w.fold != words[0].fold {
			return nil, false, false
		}
	}
	return all, words[0].fold, len(all) > 0
}

// each joins the words of all alternatives. Where one of them ignores case, all do.
func each(alternatives []*syntax.Regexp, words func(*syntax.Regexp) ([]string, bool, bool)) ([]string, bool, bool) {
	var all []string
	var folds bool
	for _, sub := range alternatives {
		some, fold, ok := words(sub)
		if !ok || len(all)+len(some) > maxWords {
			return nil, false, false
		}
		all, folds = append(all, some...), folds || fold
	}
	if folds {
		for i, word := range all {
			all[i] = strings.ToLower(word)
		}
	}
	return all, folds, true
}

// oneOf are words of which a text must hold one, in lower case if fold.
type oneOf struct {
	words []string
	fold  bool
}

// needed is what each match of a tree holds: of each part one of its words.
func needed(tree *syntax.Regexp) []oneOf {
	if tree.Op == syntax.OpCapture {
		return needed(tree.Sub[0])
	}
	if tree.Op != syntax.OpConcat {
		if words, fold, ok := needs(tree); ok {
			return []oneOf{{words, fold}}
		}
		return nil
	}
	var all []oneOf
	for _, sub := range tree.Sub {
		all = append(all, needed(sub)...)
	}
	all = append(all, runs(tree.Sub)...)
	// A long word tells most.
	slices.SortStableFunc(all, func(a, b oneOf) int { return shortest(b.words) - shortest(a.words) })
	return all
}

// needs are words of which each match of a tree holds one: those of the part
// whose shortest word is longest.
func needs(tree *syntax.Regexp) ([]string, bool, bool) {
	switch tree.Op {
	case syntax.OpLiteral:
		text, fold := literal(tree)
		return []string{text}, fold, true
	case syntax.OpCapture, syntax.OpPlus:
		return needs(tree.Sub[0])
	case syntax.OpAlternate:
		return each(tree.Sub, needs)
	case syntax.OpRepeat:
		if tree.Min < 1 {
			return nil, false, false
		}
		return needs(tree.Sub[0])
	case syntax.OpConcat:
		var best []string
		var folds bool
		for _, n := range needed(tree) {
			if len(best) == 0 || telling(n.words) > telling(best) {
				best, folds = n.words, n.fold
			}
		}
		return best, folds, best != nil
	default:
		return nil, false, false
	}
}

// runs are the words of each row of parts that stand for words only: could and
// not, side by side, are looked for as one.
func runs(parts []*syntax.Regexp) []oneOf {
	var all []oneOf
	for from := 0; from < len(parts); from++ {
		for to := len(parts); to > from+1; to-- {
			words, fold, ok := texts(&syntax.Regexp{Op: syntax.OpConcat, Sub: parts[from:to]})
			if ok {
				all = append(all, oneOf{words, fold})
				from = to - 1
				break
			}
		}
	}
	return all
}

// shortest is the length of the shortest word.
func shortest(words []string) int {
	if len(words) == 0 {
		return 0
	}
	return len(slices.MinFunc(words, func(a, b string) int { return len(a) - len(b) }))
}
