// Package text fits what people read into the room that there is for it: a
// field of the API, a message to a chat, a line. It is pure.
package text

import (
	"strings"
	"unicode/utf8"
)

// ellipsis ends a text of which something was cut off. It is ASCII, so that it
// takes as many characters as bytes.
const ellipsis = "..."

// Clip keeps a text within so many bytes, never cuts a character in two, and
// ends with "..." where it cut. What is no valid UTF-8 is replaced, so that the
// result survives being stored as JSON unchanged. The API server counts
// characters (maxLength), of which there are never more than bytes.
func Clip(s string, maxBytes int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxBytes {
		return s
	}
	if maxBytes <= len(ellipsis) {
		return ellipsis[:max(0, maxBytes)]
	}
	end := maxBytes - len(ellipsis)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}

// OneLine makes one line of a text: line breaks and runs of blanks become one
// blank.
func OneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// AsClause is a sentence that can be gone on from: without the full stops and
// blanks at its end.
func AsClause(s string) string { return strings.TrimRight(s, ". ") }

// AsSentence begins with a capital letter.
func AsSentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if first == utf8.RuneError {
		return s
	}
	return strings.ToUpper(string(first)) + s[size:]
}
