// Package page writes what a person reads: a stack on one page, a diagnosis with
// its evidence, what happened when. Plain values come in and text goes out; it is
// pure. What an object of the cluster says is made harmless before it is shown.
package page

import (
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/text"
)

// Style is how a page is written.
type Style struct {
	// Colour is for terminals. Default: none.
	Colour bool
	// Width in columns at which text is broken. Default: 100.
	Width int
	// Wide adds columns that are seldom wanted.
	Wide bool
}

const (
	defaultWidth = 100
	minWidth     = 40
	// maxText is the longest text of an object that is shown, in bytes.
	maxText = 4096
)

func (s Style) width() int {
	if s.Width == 0 {
		return defaultWidth
	}
	return max(minWidth, s.Width)
}

// tone is what a text's colour says.
type tone string

const (
	plain  tone = ""
	strong tone = "1"
	dim    tone = "2"
	bad    tone = "31"
	good   tone = "32"
	busy   tone = "33"
	cite   tone = "36"
)

func (s Style) paint(t tone, text string) string {
	if !s.Colour || t == plain || text == "" {
		return text
	}
	return "\x1b[" + string(t) + "m" + text + "\x1b[0m"
}

// clean is a text of an object without what could move a terminal's cursor.
func clean(text string) string { return redact.Clean(text, maxText) }

// oneLine is clean on one line.
func oneLine(s string) string { return text.OneLine(clean(s)) }

// wrap breaks a text at blanks: every line begins with the indent. A word that is
// longer than a line stays whole, so that it can be copied.
func (s Style) wrap(indent, text string) string {
	var out strings.Builder
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := indent
		for word := range strings.FieldsSeq(paragraph) {
			if line != indent && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > s.width() {
				out.WriteString(line + "\n")
				line = indent
			}
			if line != indent {
				line += " "
			}
			line += word
		}
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return out.String()
}

// ago is how long ago something was, as kubectl shows ages.
func ago(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	return duration.HumanDuration(max(0, now.Sub(then)))
}
