package redact

import (
	"bytes"
	"compress/gzip"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"mime/quotedprintable"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/bridgestack/operator/internal/evidence"
)

// encoding is a way in which a program may write a value.
type encoding struct {
	name  string
	write func(string) string
}

// encodingsMet are those that logs, URLs, headers, shells and dumps were seen to have.
func encodingsMet() []encoding {
	b64 := base64.StdEncoding.EncodeToString
	j := func(s string) string { o, _ := json.Marshal(s); return string(o) }
	return []encoding{
		{"raw", func(s string) string { return s }},
		{"base64", func(s string) string { return b64([]byte(s)) }},
		{"base64 raw-url", func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }},
		{"base64 offset 1", func(s string) string { return b64([]byte("u" + s + "zz")) }},
		{"base64 offset 2", func(s string) string { return b64([]byte("us" + s + "zz")) }},
		{"base64 twice", func(s string) string { return b64([]byte(b64([]byte(s)))) }},
		{"base64 MIME 76 cols", func(s string) string {
			x := b64([]byte(strings.Repeat("x", 50) + s + "tail"))
			return x[:76] + "\r\n" + x[76:]
		}},
		{"base64 wrapped+indented (YAML block)", func(s string) string { x := b64([]byte("user:" + s)); return x[:12] + "\n      " + x[12:] }},
		{"hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
		{"hex 0x upper", func(s string) string { return "0x" + strings.ToUpper(hex.EncodeToString([]byte(s))) }},
		{"hex spaced (dump)", func(s string) string { return spaced(hex.EncodeToString([]byte(s))) }},
		{"hex colon", func(s string) string { return strings.ReplaceAll(spaced(hex.EncodeToString([]byte(s))), " ", ":") }},
		{"hexdump -C", func(s string) string { return hex.Dump([]byte(s)) }},
		{"\\x escapes, all", func(s string) string { return eachByte(s, `\x%02x`) }},
		{"octal escapes, all", func(s string) string { return eachByte(s, `\%03o`) }},
		{"byte list (Go %v)", func(s string) string { return fmt.Sprintf("%d", []byte(s)) }},
		{"byte list (JS Buffer toJSON)", func(s string) string {
			return strings.ReplaceAll(strings.Trim(fmt.Sprintf("%d", []byte(s)), "[]"), " ", ",")
		}},
		{"JS Buffer inspect <Buffer ..>", func(s string) string { return "<Buffer " + spaced(hex.EncodeToString([]byte(s))) + ">" }},
		{"URL query (Go)", url.QueryEscape},
		{"URL path (Go)", url.PathEscape},
		{"percent lower-case", func(s string) string { return lowerPercent(url.QueryEscape(s)) }},
		{"percent all bytes", func(s string) string { return percent(s, "%%%02x") }},
		{"encodeURIComponent (JS)", func(s string) string { return percentExcept(s, "-_.!~*'()") }},
		{"encodeURI (JS)", func(s string) string { return percentExcept(s, "-_.!~*'();/?:@&=+$,#") }},
		{"urllib.quote (Python, safe=/)", func(s string) string { return percentExcept(s, "-_.~/") }},
		{"URLEncoder (Java)", func(s string) string { return strings.ReplaceAll(percentExcept(s, "-_.*"), "%20", "+") }},
		{"percent twice (encodeURIComponent)", func(s string) string { return percentExcept(percentExcept(s, "-_.!~*'()"), "-_.!~*'()") }},
		{"JSON (Go)", j},
		{"JSON ASCII (Python)", jsonASCII},
		{"JSON PHP (\\/)", func(s string) string { return strings.ReplaceAll(asJSON(s, false), "/", `\/`) }},
		{"JSON .NET System.Text.Json", func(s string) string { return upperUnicode(s, "\"'&<>+`") }},
		{"JSON Gson html-safe", func(s string) string { return lowerUnicode(s, "'&<>=") }},
		{"JSON \\u all", func(s string) string { return lowerUnicode(s, s) }},
		{"JSON \\U upper all", func(s string) string { return upperUnicode(s, s) }},
		{"JSON in JSON (Go,Go)", func(s string) string { return j(j(s)) }},
		{"JSON x3", func(s string) string { return j(j(j(s))) }},
		{"JSON in PHP in JSON", func(s string) string { return asJSON(strings.ReplaceAll(asJSON(s, false), "/", `\/`), false) }},
		{"JSON in URL query", func(s string) string { return url.QueryEscape(j(s)) }},
		{"DSN in JSON", func(s string) string { return j("postgres://u:" + percentExcept(s, "-_.!~*'()") + "@db/x") }},
		{"Go %q", strconv.Quote},
		{"HTML (Go)", html.EscapeString},
		{"HTML PHP htmlspecialchars (&#039;)", func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "&#39;", "&#039;") }},
		{"HTML decimal entities all", func(s string) string { return eachByte(s, "&#%d;") }},
		{"HTML hex entities all", func(s string) string { return eachByte(s, "&#x%x;") }},
		{"XML &apos;", func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "&#39;", "&apos;") }},
		{"quoted-printable", qp},
		{"shell '\\''", func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }},
		{"bash printf %q", backslashAll},
		{"set -x '\"'\"'", func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'" }},
		{"Java properties", func(s string) string {
			return strings.NewReplacer("=", `\=`, ":", `\:`, "#", `\#`, "!", `\!`).Replace(s)
		}},
		{"SQL ''", func(s string) string { return strings.ReplaceAll(s, "'", "''") }},
		{"CSV", func(s string) string { return strings.ReplaceAll(s, `"`, `""`) }},
		{"LDAP/regex escaped (re.escape)", func(s string) string { return backslashAll(s) }},
		{"upper-cased", strings.ToUpper},
		{"lower-cased", strings.ToLower},
		{"title / first letter", func(s string) string { return strings.ToUpper(s[:1]) + s[1:] }},
		{"wrapped at newline", func(s string) string { return s[:7] + "\n" + s[7:] }},
		{"wrapped, continuation indented", func(s string) string { return s[:7] + "\n    " + s[7:] }},
		{"wrapped, next line with log prefix", func(s string) string { return s[:7] + "\n2026-01-01T00:00:00Z INFO " + s[7:] }},
		{"wrapped by backslash-newline", func(s string) string { return s[:7] + "\\\n" + s[7:] }},
		{"quoted concatenation \"a\" + \"b\"", func(s string) string { return `"` + s[:7] + `" + "` + s[7:] + `"` }},
		{"spaced out letters", func(s string) string { return strings.Join(strings.Split(s, ""), " ") }},
		{"UTF-16LE, NULs stripped", func(s string) string { return string(u16(s)) }},
		{"UTF-16LE base64 (PowerShell -enc)", func(s string) string { return b64(u16(s)) }},
		{"base32", func(s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) }},
		{"ascii85", func(s string) string {
			d := make([]byte, ascii85.MaxEncodedLen(len(s)))
			return string(d[:ascii85.Encode(d, []byte(s))])
		}},
		{"gzip+base64", func(s string) string { return b64(gz("user:" + s)) }},
		{"reversed", func(s string) string {
			r := []rune(s)
			for i, k := 0, len(r)-1; i < k; i, k = i+1, k-1 {
				r[i], r[k] = r[k], r[i]
			}
			return string(r)
		}},
		{"prefix of 75 % (masked tail)", func(s string) string { return s[:len(s)*3/4] + "****" }},
		{"suffix of 75 % (masked head)", func(s string) string { return "****" + s[len(s)/4:] }},
		{"base64 padding dropped", func(s string) string { return strings.TrimRight(s, "=") }},
		{"JWT payload", func(s string) string {
			return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(`{"pw":"`+s+`"}`)) + ".c2lnbmF0dXJlc2lnbmF0dXJl"
		}},
		{"basic header user:pw", func(s string) string { return "Authorization: Basic " + b64([]byte("hook:"+s)) }},
		{"libpq keyword", func(s string) string { return "x='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'" }},
		{"terminal codes inside", func(s string) string { return s[:5] + "\x1b[0m" + s[5:] }},
		{"zero-width inside", func(s string) string { return s[:5] + "\u200b" + s[5:] }},
		{"soft hyphen / NBSP inside", func(s string) string { return s[:5] + "\u00a0" + s[5:] }},
		{"invalid byte inside", func(s string) string { return s[:5] + "\xff" + s[5:] }},
		{"full-width letters", func(s string) string {
			var b strings.Builder
			for _, r := range s {
				if r > 0x20 && r < 0x7f {
					r += 0xfee0
				}
				b.WriteRune(r)
			}
			return b.String()
		}},
	}
}

// samples are a password as generators make them, a key as openssl rand -base64 24
// makes it, and one that a person thought of.
var samples = map[string]string{"pw": `Tr0!b4/d+r@3&(h'rse)`, "key": "q3J+9fK/2mWc7Zt1Lr0xVbYh8N+pQd4=", "plain": "hunter2hunter2"}

func TestNoEncodingHidesASecret(t *testing.T) {
	leaked, tried := 0, 0
	for name, secret := range samples {
		r := New(evidence.NewSecret(secret))
		for _, e := range encodingsMet() {
			tried++
			text := e.write(secret)
			got := r.Clean("the value is <"+text+"> they say", 64<<10)
			if !strings.HasPrefix(got, "the value is") || !strings.HasSuffix(got, "they say") {
				t.Errorf("%s, %s: more than the value went: %q", name, e.name, got)
			}
			if why := leak(got, strip(text), secret); why != "" {
				leaked++
				t.Errorf("%s, %s: %s is left in %q", name, e.name, why, got)
			}
		}
	}
	t.Logf("security: encodings: %d tried, %d leaked", tried, leaked)
}

// leak is what is left of a secret: the text that it was written as, or six bytes
// of it in a row.
func leak(got, text, secret string) string {
	if !strings.Contains(got, evidence.Redacted) || text != "" && strings.Contains(got, text) {
		return text
	}
	for i := 0; i+6 <= len(secret); i++ {
		if strings.Contains(got, secret[i:i+6]) {
			return strconv.Quote(secret[i : i+6])
		}
	}
	return ""
}

func upperUnicode(s string, which string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune(which, r) || r > 0x7e:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
func lowerUnicode(s string, which string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(which, r) || r > 0x7e {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
func eachByte(s, format string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}
func percentExcept(s, safe string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(safe, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
func backslashAll(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-./@%+=:", c) >= 0
		if !plain {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}
func gz(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}
func qp(s string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}
func u16(s string) []byte {
	var b []byte
	for _, r := range utf16.Encode([]rune(s)) {
		b = append(b, byte(r), byte(r>>8))
	}
	return b
}
func spaced(h string) string {
	var b strings.Builder
	for i := 0; i < len(h); i += 2 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(h[i : i+2])
	}
	return b.String()
}

func asJSON(s string, escapeHTML bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	if e.Encode(s) != nil {
		return s
	}
	return unquoted(strings.TrimSuffix(b.String(), "\n"))
}

func unquoted(s string) string { return s[1 : len(s)-1] }

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
