package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// encodings of a value as logs, URLs, headers and dumps have them.
func encodings(value string) []pattern {
	plain := []string{
		value,
		strings.TrimSpace(value),
		url.QueryEscape(value),
		url.PathEscape(value),
		url.UserPassword("", value).String()[1:],
		percent(value, "%%%02X"), percent(value, "%%%02x"),
		unquoted(strconv.Quote(value)),
		unquoted(strconv.QuoteToASCII(value)),
		asJSON(value, true), asJSON(value, false), jsonASCII(value),
		html.EscapeString(value), numericEntities(value),
		strings.ReplaceAll(value, "'", "''"),
		strings.ReplaceAll(value, "'", `\'`),
		strings.ReplaceAll(value, "'", `'\''`),
		strings.ReplaceAll(value, `"`, `""`),
		strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value),
		backslashed(value),
		hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))),
	}
	// A value within JSON within JSON, and one escaped twice in a URL.
	plain = append(plain, asJSON(asJSON(value, false), false), asJSON(asJSON(value, true), false), url.QueryEscape(url.QueryEscape(value)))
	var patterns []pattern
	for _, p := range plain {
		patterns = append(patterns, pattern{text: p}, pattern{text: lowerPercent(p)})
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		patterns = append(patterns, pattern{text: e.EncodeToString([]byte(value))})
		patterns = append(patterns, embedded(e, value)...)
	}
	return patterns
}

// embedded is what of a value's base64 is the same whatever stands around it,
// such as user:password: one text for each of the three alignments. Texts
// under six characters would be met by chance.
func embedded(e *base64.Encoding, value string) []pattern {
	const least = 6
	var patterns []pattern
	for shift := range 3 {
		encoded := e.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
		// A character holds 6 bits: those that share bits with what stands
		// before or after the value are not the value's own.
		from := (shift*8 + 5) / 6
		to := (shift + len(value)) * 8 / 6
		if to-from >= least {
			patterns = append(patterns, pattern{text: encoded[from:to], run: true})
		}
	}
	return patterns
}

// base64Run widens a part of a base64 run to the whole of it.
func base64Run(s string, start, end int) (int, int) {
	for start > 0 && isBase64(s[start-1]) {
		start--
	}
	for end < len(s) && (isBase64(s[end]) || s[end] == '=') {
		end++
	}
	return start, end
}

func isBase64(c byte) bool { return alphanumeric(c) || strings.IndexByte("+/-_", c) >= 0 }

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func unquoted(s string) string { return s[1 : len(s)-1] }

func asJSON(s string, escapeHTML bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	if e.Encode(s) != nil {
		return s
	}
	return unquoted(strings.TrimSuffix(b.String(), "\n"))
}

// jsonASCII is JSON as encoders write it that keep to ASCII (Python's default).
func jsonASCII(s string) string {
	var b strings.Builder
	for _, r := range asJSON(s, false) {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func percent(s, format string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

// lowerPercent is a URL's escapes in lower case: %2f for %2F.
func lowerPercent(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

func numericEntities(s string) string {
	return strings.NewReplacer("&", "&#38;", "<", "&#60;", ">", "&#62;", `"`, "&#34;", "'", "&#x27;").Replace(s)
}

// backslashed is a value as shells escape it.
func backslashed(s string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`, " ", `\ `, "$", `\$`).Replace(s)
}
