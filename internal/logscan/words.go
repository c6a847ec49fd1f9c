package logscan

import (
	"maps"
	"slices"
	"strings"

	"github.com/coregx/ahocorasick"
)

// Words finds which of several lists of words a text uses.
type Words[T any] struct {
	automaton *ahocorasick.Automaton
	words     []string
	of        []T
}

// NewWords compiles lists of words in lower case. A word that begins or ends
// with a letter or digit and is shorter than five bytes must stand alone.
func NewWords[T any](lists map[string]T) (*Words[T], error) {
	w := &Words[T]{words: slices.Sorted(maps.Keys(lists))}
	for _, word := range w.words {
		w.of = append(w.of, lists[word])
	}
	var err error
	w.automaton, err = ahocorasick.NewBuilder().SetPrefilter(false).AddStrings(w.words).Build()
	return w, err
}

// Last is what the last word in the text belongs to.
func (w *Words[T]) Last(text string) (T, bool) {
	var last T
	found := false
	lower := strings.ToLower(text)
	for _, match := range w.automaton.FindAllOverlapping([]byte(lower)) {
		word := w.words[match.PatternID]
		if len(word) < 5 && !alone(lower, match.Start, match.End) {
			continue
		}
		last, found = w.of[match.PatternID], true
	}
	return last, found
}

// alone says that what stands from start to end is not part of a longer word.
func alone(text string, start, end int) bool {
	return (start == 0 || !isWord(text[start-1]) || !isWord(text[start])) && (end == len(text) || !isWord(text[end]) || !isWord(text[end-1]))
}
