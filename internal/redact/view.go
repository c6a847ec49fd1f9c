package redact

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// view is a text as its reader understands it, such as with escapes undone, with
// a map back: byte i of text stands for source[from[i]:to[i]].
type view struct {
	text     []byte
	from, to []int32
}

func (v *view) add(c byte, from, to int) {
	v.text = append(v.text, c)
	v.from = append(v.from, int32(from))
	v.to = append(v.to, int32(to))
}

func (v *view) addRune(r rune, from, to int) {
	var b [utf8.UTFMax]byte
	for _, c := range b[:utf8.EncodeRune(b[:], r)] {
		v.add(c, from, to)
	}
}

// span of the source that text[start:end] stands for.
func (v *view) span(start, end int) span { return span{int(v.from[start]), int(v.to[end-1])} }

func newView(size int) *view {
	return &view{text: make([]byte, 0, size), from: make([]int32, 0, size), to: make([]int32, 0, size)}
}

// joined drops what text is wrapped by, and what is not seen: line breaks with
// the blanks after them, characters without width, and what is no UTF-8. Wide
// forms of ASCII become ASCII. With prefixes, what a log writes before a line
// goes as well.
func joined(s string, prefixes bool) *view {
	v := newView(len(s))
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\n' || c == '\r':
			i = afterBreak(s, i, prefixes)
		case c == '\\' && i+1 < len(s) && (s[i+1] == '\n' || s[i+1] == '\r'):
			i = afterBreak(s, i+1, prefixes)
		case c < utf8.RuneSelf:
			v.add(c, i, i+1)
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError, deceptive(r), r == '\u00a0':
			case r >= 0xff01 && r <= 0xff5e:
				v.add(byte(r-0xfee0), i, i+size)
			default:
				v.addRune(unicode.ToLower(r), i, i+size)
			}
			i += size
		}
	}
	return v
}

func afterBreak(s string, i int, prefixes bool) int {
	for i < len(s) && strings.IndexByte("\r\n \t", s[i]) >= 0 {
		i++
	}
	if !prefixes {
		return i
	}
	for range 8 {
		n := len(linePrefix.FindString(s[i:min(len(s), i+256)]))
		if n == 0 {
			break
		}
		i += n
	}
	return i
}

// linePrefix is a part of what logs write before a line: times, levels, streams,
// names in brackets, fields.
var linePrefix = regexp.MustCompile(`^(?:\[?\d{4}[-/]\d\d[-/]\d\d[T ]?[\d:.,]*(?:Z|[+-]\d\d:?\d\d)?\]?|\d\d:\d\d:\d\d[\d.,]*|\[[^\]\n]{1,48}\]|[IWEF]\d{4}|` +
	`(?i:trace|debug|info|notice|warn|warning|error|err|fatal|critical)\b:?|(?:stdout|stderr) [FP]|(?:ts|time|level|lvl|msg|logger)=|[\w.-]{1,40} *\||[|:>-])[ \t]*`)

// decoded undoes one layer of the escapes that programs write: %2F, \u002F,
// \x2f, \057, &#x2f;, \/ and their like. False where there are none.
func decoded(v *view) (*view, bool) {
	if !hasEscapes(v.text) {
		return v, false
	}
	out := newView(len(v.text))
	changed := false
	for i := 0; i < len(v.text); {
		r, n, wide := escape(v.text[i:])
		switch {
		case n == 0:
			out.add(v.text[i], int(v.from[i]), int(v.to[i]))
			i++
			continue
		case r < 0: // a line break, escaped
		case wide:
			out.addRune(r, int(v.from[i]), int(v.to[i+n-1]))
		default:
			out.add(byte(r), int(v.from[i]), int(v.to[i+n-1]))
		}
		changed = true
		i += n
	}
	return out, changed
}

func hasEscapes(text []byte) bool {
	for _, c := range text {
		if c == '%' || c == '\\' || c == '&' {
			return true
		}
	}
	return false
}

// escape is what the text begins with where that is one, and its length; wide
// says that it stands for a character and not for a byte. A negative one is a
// line break.
func escape(b []byte) (r rune, n int, wide bool) {
	switch b[0] {
	case '%':
		if value, ok := digits(b, 1, 2, 16); ok {
			return value, 3, false
		}
	case '&':
		return entity(b)
	case '\\':
		return backslash(b)
	}
	return 0, 0, false
}

func backslash(b []byte) (r rune, n int, wide bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	switch b[1] {
	case 'n', 'r':
		return -1, 2, false
	case 't':
		return '\t', 2, false
	}
	if value, n, wide := codePoint(b); n > 0 {
		return value, n, wide
	}
	return rune(b[1]), 2, false
}

// codePoint is a character that is escaped by its number; n is 0 where none is.
func codePoint(b []byte) (r rune, n int, wide bool) {
	switch c := b[1]; {
	case c == 'u' || c == 'U':
		for _, width := range []int{8, 4} { // \U0001F511, and \U in place of \u
			if value, ok := digits(b, 2, width, 16); ok && (width == 4 || c == 'U' && value <= unicode.MaxRune) {
				return value, 2 + width, true
			}
		}
	case c == 'x':
		if value, ok := digits(b, 2, 2, 16); ok {
			return value, 4, false
		}
	case '0' <= c && c <= '7':
		if value, ok := digits(b, 1, 3, 8); ok && value < 256 {
			return value, 4, false
		}
	}
	return 0, 0, false
}

func digits(b []byte, from, width, base int) (rune, bool) {
	if len(b) < from+width {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[from:from+width]), base, 32)
	return rune(n), err == nil
}

func entity(b []byte) (r rune, n int, wide bool) {
	const longestEntity = 10
	for i := 2; i < min(len(b), longestEntity); i++ {
		if b[i] != ';' {
			continue
		}
		text := html.UnescapeString(string(b[:i+1]))
		if r, size := utf8.DecodeRuneInString(text); size == len(text) {
			return r, i + 1, true
		}
		break
	}
	return 0, 0, false
}

// squeezed keeps letters and digits alone: what is quoted, escaped, concatenated
// or spaced out in whatever way.
func squeezed(v *view) *view {
	out := newView(len(v.text))
	for i, c := range v.text {
		if alphanumeric(c) || c >= utf8.RuneSelf {
			out.add(c, int(v.from[i]), int(v.to[i]))
		}
	}
	return out
}

// lowered is a copy in lower case, as far as ASCII goes.
func lowered(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
