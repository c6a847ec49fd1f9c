package redact

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/bridgestack/operator/internal/evidence"
)

// partsOf a secret value are what of it is a secret by itself: the password in a
// connection string, the values in a file of properties, the lines of a key.
// Names, hosts and ports beside them are none.
func partsOf(value string) []string {
	parts := []string{value, strings.TrimSpace(value)}
	for _, s := range byForm(value) {
		parts = append(parts, value[s.start:s.end])
	}
	parts = append(parts, ofURLs(value)...)
	if leaves, ok := ofJSON(value); ok {
		parts = append(parts, leaves...)
	} else {
		for line := range strings.Lines(value) {
			parts = append(parts, ofLine(strings.TrimSpace(line), strings.Contains(value, "\n"))...)
		}
	}
	names := namesIn(value)
	return slices.DeleteFunc(parts, func(part string) bool { return names[part] && IsName(part) })
}

var (
	urlNames = regexp.MustCompile(`://([\w.-]+)(?::\S*)?@([\w.-]+)(?::\d+)?(?:/([\w.-]+))?`)
	settings = regexp.MustCompile(`([A-Za-z_][\w.-]*)["']?[ \t]*[=:][ \t]*["']?([\w.-]+)`)
)

// namesIn a value are what it calls a user, a host or a database: a password that is
// the same word is told by its form only, or every message would be blacked out.
func namesIn(value string) map[string]bool {
	names := map[string]bool{}
	for _, m := range urlNames.FindAllStringSubmatch(value, -1) {
		for _, name := range m[1:] {
			names[name] = true
		}
	}
	for _, m := range settings.FindAllStringSubmatch(value, -1) {
		if IsCoordinate(m[1], m[2]) && !SensitiveName(m[1]) {
			names[m[2]] = true
		}
	}
	return names
}

// Inside are the secrets in a text that is none itself, such as a file in a ConfigMap
// or a command line: what its names and forms tell of.
func Inside(text string) []evidence.Secret {
	if len(text) > mostParsed {
		text = text[:mostParsed]
	}
	var parts []string
	for _, s := range byForm(text) {
		parts = append(parts, text[s.start:s.end])
	}
	parts = append(parts, ofURLs(text)...)
	var out []evidence.Secret
	for _, part := range parts {
		if len(part) >= shortest && !common(part) {
			out = append(out, evidence.NewSecret(part))
		}
	}
	return out
}

// ofURLs are the passwords in URLs as they are, unescaped, and in the pieces that
// a client makes of one whose @ and / are not escaped.
func ofURLs(value string) []string {
	var parts []string
	for rest := value; ; {
		_, after, ok := strings.Cut(rest, "://")
		if !ok {
			return parts
		}
		rest = after
		authority := after[:upTo(after, 0, " \t\r\n\"'<>`")]
		if !strings.Contains(authority, "@") { // with blanks in the password, and quotes
			authority = after[:upTo(after, 0, "\r\n")]
		}
		if before, _, ok := strings.Cut(authority, "?"); ok && strings.Contains(before, "@") {
			authority = before // of an address in the settings behind it
		}
		at := strings.LastIndexByte(authority, '@')
		if at < 0 {
			continue
		}
		user, password, ok := strings.Cut(authority[:at], ":")
		if !ok { // a token in the user's place
			password = user
		}
		parts = append(parts, password)
		if plain, err := url.PathUnescape(password); err == nil {
			parts = append(parts, plain)
		}
		if plain, err := url.QueryUnescape(password); err == nil {
			parts = append(parts, plain)
		}
		if strings.ContainsAny(password, "@/?#: ") {
			for _, piece := range strings.FieldsFunc(password, func(r rune) bool { return strings.ContainsRune("@/?#:", r) }) {
				parts = append(parts, piece)
				parts = append(parts, slices.DeleteFunc(strings.Fields(piece), func(word string) bool { return !dense(word) })...)
			}
		}
	}
}

// ofJSON are the texts in a JSON document, but for those whose names say that
// they are no secret.
func ofJSON(value string) ([]string, bool) {
	text := strings.TrimSpace(value)
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return nil, false
	}
	var document any
	if json.Unmarshal([]byte(text), &document) != nil {
		return nil, false
	}
	var parts []string
	var walk func(name string, node any)
	walk = func(name string, node any) {
		switch n := node.(type) {
		case string:
			if SensitiveName(name) || dense(n) && !IsCoordinate(name, n) {
				parts = append(parts, n)
				parts = append(parts, ofURLs(n)...)
			}
			for line := range strings.Lines(n) {
				if line = strings.TrimSpace(line); dense(line) {
					parts = append(parts, line)
				}
			}
		case []any:
			for _, member := range n {
				walk(name, member)
			}
		case map[string]any:
			for key, member := range n {
				walk(key, member)
			}
		}
	}
	walk("", document)
	return parts, true
}

var assignment = regexp.MustCompile(`^(?:export +)?([A-Za-z_][\w.\-]{0,127})["']? *[=:] *(.+)$`)

// ofLine are the secrets in one line: the value of a setting, the fields of an
// entry such as name:password, and of several lines each that is no prose.
func ofLine(line string, several bool) []string {
	if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "-----") {
		return nil
	}
	var parts []string
	if m := assignment.FindStringSubmatch(line); m != nil {
		name, value := m[1], strings.Trim(strings.TrimRight(m[2], ",;"), `"' `)
		if SensitiveName(name) || dense(value) && !IsCoordinate(name, value) {
			parts = append(parts, value)
		}
	} else if several && dense(line) {
		parts = append(parts, line)
	}
	if strings.Contains(line, "://") {
		return parts
	}
	return append(parts, ofEntries(line)...)
}

// ofEntries are the secrets in entries such as name:password.
func ofEntries(line string) []string {
	var parts []string
	for _, entry := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(",; \t", r) }) {
		for _, field := range strings.Split(entry, ":")[1:] { // the first is a name
			if dense(field) {
				parts = append(parts, field)
			}
		}
		if _, after, ok := strings.Cut(entry, ":"); ok && dense(after) {
			parts = append(parts, after)
		}
	}
	return parts
}

// dense values are not met in ordinary text: at least eight bytes without blanks,
// letters and digits mixed.
func dense(s string) bool {
	if len(s) < 8 || strings.ContainsAny(s, " \t\r\n") {
		return false
	}
	var letter, digit bool
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digit = true
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			letter = true
		}
	}
	return letter && digit && !address.MatchString(s)
}

// address is a host with a port or a dotted name: where something is.
var address = regexp.MustCompile(`^(?:[a-z0-9-]+\.)*[a-z0-9-]*[a-z][a-z0-9-]*:\d{1,5}(?:/\w*)?$|^(?:[a-z][a-z0-9-]*\.){2,}[a-z]{2,}$|^\d+(?:\.\d+){3}(?::\d+)?$`)

// coordinates are last words of names whose values say where something is, or
// as whom, and do not prove it.
var coordinates = []string{
	"host", "hostname", "hosts", "server", "servers", "broker", "brokers", "address", "addr", "port",
	"database", "dbname", "db", "name", "schema", "user", "username", "login",
	"sslmode", "topic", "topics", "group", "mechanism", "protocol",
}

var plainValue = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:,-]{0,252}$`)

// IsCoordinate reports whether a value of this name only says where something
// is, or as whom: no URL and nothing else that may hold a credential.
func IsCoordinate(name, value string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	return len(words) > 0 && slices.Contains(coordinates, words[len(words)-1]) && plainValue.MatchString(value) && !madeUp(value)
}

// IsName reports whether a value may well be the name of something: a short word, or
// several, as people make them up, and no password that is worth the name.
func IsName(value string) bool {
	const most = 24
	return len(value) <= most && plainValue.MatchString(value) && !madeUp(value) && (!dense(value) || strings.ContainsAny(value, ".:,_-"))
}

// madeUp values are no names: upper and lower case and digits are mixed in them, as
// password generators do it and nobody who names a host, a user or a database.
func madeUp(value string) bool {
	return dense(value) && strings.ContainsFunc(value, unicode.IsUpper) && strings.ContainsFunc(value, unicode.IsLower) && !strings.ContainsAny(value, ".:,_-")
}

// all are the values of secrets with their parts, each once, the longest first.
func all(secrets []evidence.Secret) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range secrets {
		value := s.Reveal()
		if len(value) > mostParsed {
			continue // see blocks
		}
		for _, part := range partsOf(value) {
			if len(part) >= shortest && !seen[part] && !common(part) {
				seen[part] = true
				out = append(out, part)
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return out
}
