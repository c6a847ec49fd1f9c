package redact

import (
	"strings"
	"unicode/utf8"
)

// MaxLine is the longest line that Clean leaves, in bytes.
const MaxLine = 4 << 10

// cut marks a line whose middle is missing.
const cut = "..."

// Clean makes hostile text harmless: no terminal escapes, control characters
// or bidirectional overrides, valid UTF-8, no line longer than MaxLine, at most
// maxBytes in all, of which the last are kept. Secrets stay: see Redactor.Clean.
func Clean(text string, maxBytes int) string { return limit(strip(text), maxBytes) }

// strip takes out what no log needs. Tabs and line breaks stay; a carriage
// return becomes a line break, as progress bars mean it.
func strip(s string) string {
	if harmless(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == 0x1b:
			i += escapeLength(s[i:])
		case c == '\r':
			if i+1 == len(s) || s[i+1] != '\n' {
				b.WriteByte('\n')
			}
			i++
		case c < utf8.RuneSelf:
			if printable(c) {
				b.WriteByte(c)
			}
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if !deceptive(r) {
				b.WriteRune(r)
			}
			i += size
		}
	}
	return b.String()
}

func printable(c byte) bool { return c >= 0x20 && c != 0x7f || c == '\t' || c == '\n' }

// harmless reports whether s is plain ASCII without control characters, as
// most logs are.
func harmless(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || !printable(s[i]) {
			return false
		}
	}
	return true
}

// deceptive characters are not what they look like: C1 controls, directional
// overrides and isolates (CVE-2021-42574), zero width, line and paragraph
// separators, tags, byte order marks.
func deceptive(r rune) bool {
	switch {
	case r >= 0x80 && r < 0xa0,
		r >= 0x200b && r <= 0x200f,
		r >= 0x2028 && r <= 0x202e,
		r >= 0x2060 && r <= 0x206f,
		r == 0x061c, r == 0x00ad, r == 0x180e, r == 0xfeff,
		r >= 0xfff9 && r <= 0xfffb,
		r >= 0xe0000 && r <= 0xe007f:
		return true
	default:
		return false
	}
}

// escapeLength of the terminal escape that s begins with (ECMA-48): CSI up to
// its final byte, OSC and its like up to BEL or ST, else two bytes.
func escapeLength(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x7e { // not a sequence after all
				return i
			}
		}
		return len(s)
	case ']', 'P', '^', '_', 'X':
		return stringLength(s)
	default:
		if s[1] >= utf8.RuneSelf || s[1] < 0x20 {
			return 1
		}
		return 2
	}
}

// stringLength of a control string. One that does not end on its line is not
// believed: only its introducer goes, or one byte could swallow a whole log.
func stringLength(s string) int {
	for i := 2; i < len(s) && s[i] != '\n'; i++ {
		if s[i] == 0x07 {
			return i + 1
		}
		if s[i] == 0x1b {
			if i+1 < len(s) && s[i+1] == '\\' {
				return i + 2
			}
			break
		}
	}
	return 2
}

// limit caps the lines, then the whole. The end of a log tells how it ended,
// so it is the beginning that goes, up to a whole line where there is one.
func limit(s string, maxBytes int) string {
	s = capLines(s)
	if len(s) <= maxBytes {
		return s
	}
	if maxBytes <= 0 {
		return ""
	}
	s = s[len(s)-maxBytes:]
	if i := strings.IndexByte(s, '\n'); i >= 0 && i < len(s)-1 {
		return s[i+1:]
	}
	for s != "" && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	return s
}

func capLines(s string) string {
	if !hasLongLine(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for line := range strings.Lines(s) {
		text, broken := strings.CutSuffix(line, "\n")
		if len(text) > MaxLine {
			text = cutMiddle(text)
		}
		b.WriteString(text)
		if broken {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// cutMiddle keeps both ends of a line: a JSON record or a trace on one line may
// say what matters at its end.
func cutMiddle(text string) string {
	const tail = MaxLine / 4
	end, from := MaxLine-tail-len(cut), len(text)-tail
	for !utf8.RuneStart(text[end]) {
		end--
	}
	for from < len(text) && !utf8.RuneStart(text[from]) {
		from++
	}
	return text[:end] + cut + text[from:]
}

func hasLongLine(s string) bool {
	for len(s) > MaxLine {
		i := strings.IndexByte(s, '\n')
		if i < 0 || i > MaxLine {
			return true
		}
		s = s[i+1:]
	}
	return false
}
