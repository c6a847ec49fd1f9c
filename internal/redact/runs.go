package redact

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"io"
	"regexp"
	"strings"
)

const (
	// shortestRun of an encoding that is decoded, in characters.
	shortestRun = 8
	// deepest is how many encodings within each other are undone.
	deepest = 2
	// mostInflated of a compressed value that is read, in bytes.
	mostInflated = 64 << 10
)

// inRuns finds needles in what base64, base32, ascii85, hexadecimal digits and
// lists of bytes in a view stand for.
func (r *Redactor) inRuns(v *view, work *int, report func(start, end int)) {
	for start := 0; start < len(v.text); start++ {
		end := start
		for end < len(v.text) && isBase64(v.text[end]) {
			end++
		}
		if end-start >= shortestRun {
			if from, to, found := r.inBase64(v.text[start:end], work, 0); found {
				report(v.widened(start+from, start+to))
			}
		}
		start = end
	}
	r.inBytes(v.text, work, report)
	r.inASCII85(v.text, work, report)
}

// widened is a part of a base64 run with all that follows it, either way, without
// a line break in the source.
func (v *view) widened(start, end int) (int, int) {
	for start > 0 && isBase64(v.text[start-1]) && v.to[start-1] == v.from[start] {
		start--
	}
	for end < len(v.text) && (isBase64(v.text[end]) || v.text[end] == '=') && v.to[end-1] == v.from[end] {
		end++
	}
	return start, end
}

func isBase64(c byte) bool { return alphanumeric(c) || strings.IndexByte("+/-_", c) >= 0 }

var toStandard = strings.NewReplacer("-", "+", "_", "/")

// inBase64 decodes a run from each of the places at which what was encoded may
// begin: names and slashes before it are of the same alphabet. It returns the
// part of the run that a needle was found in.
func (r *Redactor) inBase64(run []byte, work *int, depth int) (start, end int, found bool) {
	standard := []byte(toStandard.Replace(string(run)))
	for shift := range 4 {
		part := standard[min(shift, len(standard)):]
		part = part[:len(part)/4*4+tail(len(part)%4)]
		*work -= len(part)
		plain := make([]byte, base64.RawStdEncoding.DecodedLen(len(part)))
		n, err := base64.RawStdEncoding.Decode(plain, part)
		if err != nil {
			continue
		}
		if from, to, ok := r.inDecoded(plain[:n], work, depth); ok {
			return shift + from*4/3, min(shift+(to*4+2)/3, len(run)), true
		}
	}
	upper := bytes.TrimRight(run, "=")
	if len(upper) < 2*shortestRun || bytes.ContainsFunc(upper, func(c rune) bool { return (c < 'A' || c > 'Z') && (c < '2' || c > '7') }) {
		return 0, 0, false
	}
	for shift := range 8 {
		part := upper[min(shift, len(upper)):]
		part = part[:len(part)/8*8]
		plain := make([]byte, len(part))
		n, err := base32.StdEncoding.WithPadding(base32.NoPadding).Decode(plain, part)
		if err != nil {
			continue
		}
		if _, _, ok := r.inDecoded(plain[:n], work, depth); ok {
			return 0, len(run), true
		}
	}
	return 0, 0, false
}

// tail is how many characters after whole groups still hold a byte.
func tail(rest int) int {
	if rest == 1 {
		return 0
	}
	return rest
}

// inDecoded looks into bytes that a run stood for, and into a run or what was
// compressed within them.
func (r *Redactor) inDecoded(b []byte, work *int, depth int) (start, end int, found bool) {
	if len(b) < shortest || *work <= 0 {
		return 0, 0, false
	}
	if start, end, found = r.needles.holds(b, work); found {
		return start, end, true
	}
	switch inflated := inflate(b); {
	case r.inBlocks(b, nil):
		found = true
	case depth == deepest:
	case inflated != nil:
		*work -= len(inflated)
		_, _, found = r.inDecoded(inflated, work, depth+1)
	default:
		inner := bytes.TrimRight(b, "=")
		if len(inner) >= 2*shortestRun && !bytes.ContainsFunc(inner, func(c rune) bool { return c > 0x7f || !isBase64(byte(c)) }) {
			_, _, found = r.inBase64(inner, work, depth+1)
		}
	}
	return 0, len(b), found
}

// inflate undoes gzip and zlib.
func inflate(b []byte) []byte {
	var reader io.Reader
	var err error
	switch {
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		reader, err = gzip.NewReader(bytes.NewReader(b))
	case len(b) > 2 && b[0] == 0x78 && (int(b[0])<<8|int(b[1]))%31 == 0:
		reader, err = zlib.NewReader(bytes.NewReader(b))
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	inflated, _ := io.ReadAll(io.LimitReader(reader, mostInflated)) // what came before an error counts
	return inflated
}

// inBytes finds lists of bytes: pairs of hexadecimal digits, spaced or not, as
// dumps have them with offsets and a column of text, and decimal numbers.
func (r *Redactor) inBytes(text []byte, work *int, report func(start, end int)) {
	for _, next := range []func([]byte) (byte, int){hexByte, decimalByte} {
		for i := 0; i < len(text); {
			if i > 0 && alphanumeric(text[i-1]) || !alphanumeric(text[i]) {
				i++
				continue
			}
			end, list := bytesFrom(text, i, next)
			if len(list) >= shortest {
				if _, _, found := r.needles.holds(list, work); found {
					report(i, end)
				}
			}
			i = max(end, i+1)
		}
	}
}

// bytesFrom reads bytes as long as they follow each other.
func bytesFrom(text []byte, i int, next func([]byte) (byte, int)) (end int, list []byte) {
	for end = i; i < len(text); {
		b, n := next(text[i:])
		if n == 0 {
			break
		}
		list = append(list, b)
		i += n
		end = i
		i += separatorOf(text[i:])
	}
	return end, list
}

// separatorOf is what may stand between two bytes of a list.
func separatorOf(text []byte) int {
	i := 0
	for i < min(len(text), 4) && bytes.IndexByte([]byte(" ,:-\t"), text[i]) >= 0 {
		i++
	}
	return i
}

func hexByte(text []byte) (byte, int) {
	skipped := 0
	if bytes.HasPrefix(text, []byte("0x")) || bytes.HasPrefix(text, []byte("0X")) {
		skipped = 2
	}
	if value, ok := digits(text, skipped, 2, 16); ok {
		return byte(value), skipped + 2
	}
	return 0, 0
}

func decimalByte(text []byte) (byte, int) {
	value, n := 0, 0
	for n < min(len(text), 4) && '0' <= text[n] && text[n] <= '9' {
		value = value*10 + int(text[n]-'0')
		n++
	}
	if n == 0 || n == 4 || value > 255 {
		return 0, 0
	}
	return byte(value), n
}

// inASCII85 decodes words that look like nothing else.
func (r *Redactor) inASCII85(text []byte, work *int, report func(start, end int)) {
	for start := 0; start < len(text); start++ {
		end := start
		odd := 0
		for end < len(text) && text[end] > ' ' && text[end] < 0x7f {
			if !alphanumeric(text[end]) {
				odd++
			}
			end++
		}
		if end-start >= 10 && odd >= 2 && end-start <= longest && r.inASCII85Word(text[start:end], work) {
			report(start, end)
		}
		start = end
	}
}

func (r *Redactor) inASCII85Word(word []byte, work *int) bool {
	for shift := range 5 {
		part := word[shift:]
		part = part[:len(part)/5*5+tail(len(part)%5)]
		decoded := make([]byte, len(part))
		n, _, err := ascii85.Decode(decoded, part, true)
		if err != nil {
			continue
		}
		*work -= len(part)
		found := false
		r.needles.find(decoded[:n], work, func(start, end int) { found = found || end-start >= window })
		if found {
			return true
		}
	}
	return false
}

// dumps finds the lines of a dump whose bytes, taken together, hold a needle:
// offsets and the column of text are no bytes of it.
func (r *Redactor) dumps(s string, work *int) []span {
	if !strings.Contains(s, "  ") {
		return nil
	}
	var spans []span
	var list []byte
	start, end, at := -1, -1, 0
	flush := func() {
		if start >= 0 && len(list) >= shortest {
			if _, _, found := r.needles.holds(list, work); found {
				spans = append(spans, span{start, end})
			}
		}
		list, start = nil, -1
	}
	for line := range strings.Lines(s) {
		from, found := dumpLine(line)
		switch {
		case found == nil:
			flush()
		case start < 0:
			start = at + from
			fallthrough
		default:
			list = append(list, found...)
			end = at + len(strings.TrimRight(line, "\r\n"))
		}
		at += len(line)
	}
	flush()
	return spans
}

// dumped is a part of a line such as 00000010  72 73 65 29  |rse)| as hexdump -C and
// xxd write it.
var dumped = regexp.MustCompile(`\b[0-9a-fA-F]{6,8}:? {1,2}((?:[0-9a-fA-F]{2}|[0-9a-fA-F]{4})(?: {1,2}(?:[0-9a-fA-F]{2}|[0-9a-fA-F]{4})\b){0,15})`)

// dumpLine is where a line of a dump begins, and its bytes; nil for any other line.
func dumpLine(line string) (from int, list []byte) {
	at := dumped.FindStringSubmatchIndex(line)
	if at == nil {
		return 0, nil
	}
	for field := range strings.FieldsSeq(line[at[2]:at[3]]) {
		for i := 0; i+2 <= len(field); i += 2 {
			b, _ := hexByte([]byte(field[i:]))
			list = append(list, b)
		}
	}
	return at[0], list
}
