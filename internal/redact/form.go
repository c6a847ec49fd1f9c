package redact

import (
	"regexp"
	"slices"
	"strings"
)

// longest secret that is found by its form, in bytes. It bounds the work on a
// hostile log: no search goes further.
const longest = 2 << 10

// triggers are parts of names that may hold a secret.
var triggers = []string{
	"pass", "pwd", "pw", "secret", "token", "key", "credential", "auth", "jaas", "cookie", "jwt", "otp", "sig",
	"connectionstring", "connection_string", "licen",
}

// byForm finds secrets by what stands around them. Each search is for a
// literal, so that a log without any costs next to nothing.
func byForm(s string) []span {
	lower := asciiLower(s)
	spans := each(s, "://", func(i int) (span, int) { return userinfo(s, i) })
	for _, trigger := range triggers {
		spans = append(spans, each(lower, trigger, func(i int) (span, int) { return assigned(s, lower, i, i+len(trigger)) })...)
	}
	for _, scheme := range []string{"bearer ", "basic ", "apikey "} {
		spans = append(spans, each(lower, scheme, func(i int) (span, int) { return credentials(s, i, i+len(scheme)) })...)
	}
	for _, phrase := range phrases {
		spans = append(spans, each(lower, phrase, func(i int) (span, int) { return phrased(s, lower, i, i+len(phrase)) })...)
	}
	for _, prefix := range tokenPrefixes {
		spans = append(spans, each(s, prefix, func(i int) (span, int) { return token(s, i, i+len(prefix)) })...)
	}
	for _, id := range []string{"AKIA", "ASIA"} {
		spans = append(spans, each(s, id, func(i int) (span, int) { return secretOfKeyID(s, i) })...)
	}
	for _, option := range []string{" -p ", " -a ", " -w ", " -u "} { // of mysql's relatives, redis-cli, ldapsearch; curl -u user:x
		spans = append(spans, each(s, option, func(i int) (span, int) { return afterOption(s, i+len(option), option == " -u "), 0 })...)
	}
	for _, command := range []string{"PASS ", "AUTH "} { // of Redis, FTP, SMTP
		spans = append(spans, each(s, command, func(i int) (span, int) { return login(s, i, i+len(command)) })...)
	}
	spans = append(spans, each(s, "@", func(i int) (span, int) { return beforeAt(s, i), 0 })...)
	spans = append(spans, each(s, "-----BEGIN ", func(i int) (span, int) { return privateKey(s, i) })...)
	return append(spans, each(s, "eyJ", func(i int) (span, int) { return jwt(s, i) })...)
}

// phrases stand before a password in sentences and commands.
var phrases = []string{"password is ", "with password ", "using password ", "password -> ", "<password>", "password for user ", "cookie: ", "mysql -p", "sshpass -p "}

// phrased is the word after a phrase, in quotes or not, where it is no prose.
func phrased(s, lower string, start, i int) (span, int) {
	if strings.HasSuffix(lower[start:i], "user ") { // "... user hook: X"
		colon := strings.Index(s[i:upTo(s, i, "\r\n")], ": ")
		if colon < 0 {
			return span{}, 0
		}
		i += colon + 2
	}
	if found, ok := quotedValue(s, lower, i, true); ok {
		return found, 0
	}
	end := upTo(s, i, " \t\r\n,;&\"')}]<>|")
	if settingSpokenOf(s, lower, i, end) {
		return span{}, 0
	}
	if word := lower[i:end]; isProse(word) || strings.HasSuffix(lower[start:i], "is ") && strings.Trim(strings.Trim(word, ".:!"), "abcdefghijklmnopqrstuvwxyz-") == "" {
		return span{}, 0 // "the password is wrong", and any other word of a sentence
	}
	return unlessRedacted(s, i, end), 0
}

// login is the word after a command of a protocol, where it can be no other.
func login(s string, start, i int) (span, int) {
	end := upTo(s, i, " \t\r\n,;\"'")
	if start > 0 && alphanumeric(s[start-1]) || !dense(s[i:end]) {
		return span{}, 0
	}
	return unlessRedacted(s, i, end), 0
}

// secretOfKeyID is the secret access key that is told behind the id of an AWS key,
// without a name: 40 characters of base64.
func secretOfKeyID(s string, i int) (span, int) {
	const length, near = 40, 64
	last := min(len(s), i+20+near)
	for start := i + 20; start < last; {
		end := start
		for end < len(s) && end-start <= length && (alphanumeric(s[end]) || s[end] == '+' || s[end] == '/') {
			end++
		}
		if end-start == length && dense(s[start:end]) {
			return unlessRedacted(s, start, end), 0
		}
		start = max(end, start+1)
	}
	return span{}, 0
}

// afterOption is the word after a short option, which is a password where it looks
// like nothing else: -p is a port, a project or a profile as well.
func afterOption(s string, i int, named bool) span {
	i = skipBlanks(s, i)
	end := upTo(s, i, " \t\r\n,;&\"')}]<>|")
	if named { // user:password
		colon := strings.IndexByte(s[i:end], ':')
		if colon < 0 {
			return span{}
		}
		i += colon + 1
	}
	if !dense(s[i:end]) || strings.ContainsAny(s[i:end], "/:.=") {
		return span{}
	}
	return unlessRedacted(s, i, end)
}

// tokenPrefixes are how the tokens of well-known services begin: GitHub, GitLab,
// Slack, Stripe, AWS, npm, PyPI, SendGrid, DigitalOcean, Hugging Face, Google.
var tokenPrefixes = []string{
	"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-", "xoxs-", "xapp-",
	"sk_live_", "rk_live_", "sk_test_", "whsec_", "AKIA", "ASIA", "npm_", "pypi-", "SG.", "dop_v1_", "hf_", "AIza", "hvs.",
	"hooks.slack.com/services/", "discord.com/api/webhooks/",
}

// token is one of a well-known service, by its beginning and length.
func token(s string, start, i int) (span, int) {
	const least = 14
	if start > 0 && alphanumeric(s[start-1]) {
		return span{}, 0
	}
	end := i
	for end < min(len(s), i+longest) && (isBase64(s[end]) || s[end] == '.' && strings.HasSuffix(s[start:i], ".")) {
		end++
	}
	if end-i < least {
		return span{}, 0
	}
	if strings.HasSuffix(s[start:i], "/") { // the host of a webhook is none
		start = i
	}
	return unlessRedacted(s, start, end), 0
}

// beforeAt is the password in the names that drivers give a server by without a
// URL: user:password@tcp(db:3306)/shop of Go's MySQL, user/password@//db:1521/shop
// of Oracle's.
func beforeAt(s string, at int) span {
	rest := s[at+1:]
	mysql := strings.HasPrefix(rest, "tcp(") || strings.HasPrefix(rest, "unix(")
	if !mysql && !strings.HasPrefix(rest, "//") {
		return span{}
	}
	start := at
	for start > max(0, at-longest) && strings.IndexByte(" \t\r\n\"'`=<>", s[start-1]) < 0 {
		start--
	}
	separator := byte('/')
	if mysql {
		separator = ':'
	}
	cut := strings.IndexByte(s[start:at], separator)
	if cut < 0 {
		return span{}
	}
	return unlessRedacted(s, start+cut+1, at)
}

// asciiLower leaves all offsets as they are, which strings.ToLower does not.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// each collects what is found at each place where the literal stands. find gives
// the zero span for nothing, and how far it has looked: the search goes on from
// there, so that the whole takes linear time.
func each(s, literal string, find func(int) (found span, looked int)) []span {
	var spans []span
	for from := 0; ; {
		i := strings.Index(s[from:], literal)
		if i < 0 {
			return spans
		}
		found, looked := find(from + i)
		if found.end > 0 {
			spans = append(spans, found)
		}
		from = max(from+i+len(literal), looked, found.end)
	}
}

// upTo is s up to the first of chars after i, at most longest bytes on.
func upTo(s string, i int, chars string) int {
	s = s[:min(len(s), i+longest)]
	if j := strings.IndexAny(s[i:], chars); j >= 0 {
		return i + j
	}
	return len(s)
}

// databases are schemes whose passwords people leave unescaped, so that the
// host begins after the last @, not before the first slash.
var databases = []string{"postgres", "postgresql", "mysql", "mariadb", "mongodb", "redis", "rediss", "amqp", "amqps", "kafka", "sqlserver", "cockroachdb"}

// userinfo finds the password in a URL: scheme://user:password@host.
func userinfo(s string, i int) (span, int) {
	start := i + len("://")
	end := upTo(s, start, " \t\r\n\"'<>`")
	authority := s[start:end]
	if strings.IndexByte(authority, '@') < 0 {
		// A quote in a password ends no URL.
		longer := s[start:upTo(s, start, " \t\r\n\",")]
		user, rest, named := strings.Cut(longer, ":")
		switch {
		case named && strings.Contains(rest, "@") && !strings.ContainsAny(user, "/.'<>`"):
			authority = longer
		case isDatabase(s[:i]):
			return blankPassword(s, start), end
		default:
			return span{}, end
		}
	}
	if cut := strings.IndexAny(authority, "/?#"); cut >= 0 && (strings.Contains(authority[:cut], "@") || !isDatabase(s[:i])) {
		authority = authority[:cut]
	}
	at := strings.LastIndexByte(authority, '@')
	colon := strings.IndexByte(authority, ':')
	switch {
	case colon >= 0 && colon == at-1: // a token, and no password
		return unlessRedacted(s, start, start+colon), start + at
	case colon >= 0 && colon < at:
		return unlessRedacted(s, start+colon+1, start+at), start + at
	case at >= 20, at >= 12 && dense(authority[:at]): // a token in the user's place
		return unlessRedacted(s, start, start+at), start + at
	default:
		return span{}, start
	}
}

// blankPassword is a password with blanks in a database's URL, which nobody escaped:
// postgres://app:it is x@db:5432/shop. What follows a port is none.
func blankPassword(s string, start int) span {
	const most = 128
	rest := s[start:min(upTo(s, start, "\r\n\"<>`"), start+most)]
	user, after, named := strings.Cut(rest, ":")
	at := strings.LastIndexByte(after, '@')
	if !named || at < 0 || strings.ContainsAny(user, " /.,;") || ported.MatchString(after) || !hosted.MatchString(after[at+1:]) {
		return span{}
	}
	return unlessRedacted(s, start+len(user)+1, start+len(user)+1+at)
}

var (
	ported = regexp.MustCompile(`^\d{1,5}(?:[/?#\s:,;)]|$)`)
	hosted = regexp.MustCompile(`^[\w.-]+(?::\d{1,5})?(?:[/?]|$)`)
)

func isDatabase(before string) bool {
	start, least := len(before), max(0, len(before)-32)
	for start > least && (alphanumeric(before[start-1]) || before[start-1] == '+') {
		start--
	}
	scheme, _, _ := strings.Cut(before[start:], "+")
	for _, d := range databases {
		if strings.EqualFold(scheme, d) {
			return true
		}
	}
	return false
}

// assigned finds the value after a name that has the trigger in it:
// password=x, "password": "x", X-Api-Key: x, --db-password x.
func assigned(s, lower string, start, end int) (span, int) {
	start, end = nameAround(s, start, end)
	name := s[start:end]
	if start > 0 && s[start-1] == '/' { // a file: /etc/app/secret.key: permission denied
		return span{}, end
	}
	if !tooPlain(name) && !SensitiveName(name) {
		return span{}, end
	}
	i, worded, ok := separator(s, name, skipQuote(s, end))
	if !ok {
		return span{}, end
	}
	if strings.HasPrefix(s[i:], "{") {
		return member(s, lower, i), end
	}
	if tooPlain(name) {
		const most = 256
		s, lower = s[:min(len(s), i+most)], lower[:min(len(s), i+most)]
	}
	found := value(s, lower, i, worded)
	if tooPlain(name) && !generated(s[found.start:found.end]) && !isLicence(lower[start:end], s[found.start:found.end]) {
		return span{}, end
	}
	return found, end
}

// member is the value in an object in a secret's place: {"value": "x"}.
func member(s, lower string, i int) span {
	const most = 64
	at := strings.Index(lower[i:min(len(s), i+most)], "value")
	if at < 0 {
		return span{}
	}
	at = skipQuote(s, i+at+len("value"))
	next, worded, ok := separator(s, "value", at)
	if !ok || strings.ContainsAny(s[i:at], "}\n") {
		return span{}
	}
	return value(s, lower, next, worded)
}

// generated values were made by a program, for nobody to read: sixteen characters or
// more of base64 or hexadecimal digits, letters and digits mixed.
func generated(s string) bool {
	const least = 16
	return len(s) >= least && dense(s) && strings.Trim(strings.Map(func(r rune) rune {
		if r < 0x80 && alphanumeric(byte(r)) {
			return -1
		}
		return r
	}, s), "+/=_") == ""
}

// nameAround widens a trigger to the whole name, at most 64 bytes on either side.
func nameAround(s string, start, end int) (int, int) {
	const most = 64
	from, to := max(0, start-most), min(len(s), end+most)
	for start > from && isName(s[start-1]) {
		start--
	}
	for end < to && isName(s[end]) {
		end++
	}
	return start, end
}

// separator passes what stands between a name and its value, if anything does:
// = or : or =>, or a blank after a command's option. worded says that what
// follows may as well be a sentence, as after "password: " and an option.
func separator(s, name string, at int) (value int, worded, ok bool) {
	i := skipBlanks(s, at)
	switch {
	case strings.HasPrefix(s[i:], "=>"):
		i += 2
	case strings.HasPrefix(s[i:], "=") || strings.HasPrefix(s[i:], ":"):
		i++
	case strings.HasPrefix(name, "--") && i > at:
		return i, true, true // "--password is required", "'--token' (env: ...)"
	default:
		return i, false, false
	}
	worded = strings.HasPrefix(s[i-1:], ": ")
	return skipBlanks(s, i), worded, true
}

// tooPlain are names that hold a secret as a variable, but in a sentence are
// ordinary words: "auth: refused", "missing key: port". What looks generated behind
// one is a secret all the same: key=Zm9vYmFyMTIzNDU2Nzg5.
func tooPlain(name string) bool {
	switch strings.ToLower(name) {
	case "key", "auth", "pin", "salt", "pass", "jwt", "cookie", "license", "licence":
		return true
	default:
		return false
	}
}

// licences are the names of open-source licences, and of their files.
var licences = regexp.MustCompile(`(?i)^(?:apache|a?gpl|lgpl|gnu|bsd|mpl|epl|cddl|cc|artistic|zpl|eupl)\W?\w*[\d-]|\.`)

// isLicence is true of a key to a program, and false of the name of a licence.
func isLicence(name, value string) bool {
	return strings.HasPrefix(name, "licen") && dense(value) && !licences.MatchString(value)
}

func isName(c byte) bool { return alphanumeric(c) || c == '_' || c == '-' || c == '.' }

func skipBlanks(s string, i int) int {
	for last := min(len(s), i+64); i < last && (s[i] == ' ' || s[i] == '\t'); {
		i++
	}
	return i
}

// skipQuote passes a closing quote, escaped or not, and a bracket.
func skipQuote(s string, i int) int {
	j := i
	for j < min(len(s), i+16) && s[j] == '\\' {
		j++
	}
	if j < len(s) && (s[j] == '"' || s[j] == '\'') {
		j++
		if j < len(s) && s[j] == ']' {
			j++
		}
		return j
	}
	return i
}

// value is the span of a value that begins at i: up to its closing quote, or
// to where a bare word ends.
func value(s, lower string, i int, worded bool) span {
	if found, ok := quotedValue(s, lower, i, worded); ok {
		return found
	}
	end := upTo(s, i, " \t\r\n,;&\"')}]<>|")
	if slices.Contains([]string{"bearer", "basic", "digest", "negotiate"}, lower[i:end]) {
		return span{} // credentials finds what follows
	}
	if worded && (isProse(lower[i:end]) || settingSpokenOf(s, lower, i, end)) {
		return span{}
	}
	return unlessRedacted(s, i, end)
}

// settingSpokenOf says that what stands in a secret's place is the name of a setting
// of which a sentence tells: "cookie: cookie_secret must be 16, 24 or 32 bytes". It has
// two words of letters at least, is a secret's name, and what follows is said of
// settings, not of values.
func settingSpokenOf(s, lower string, start, end int) bool {
	word := s[start:end]
	if !settingName.MatchString(word) || !SensitiveName(word) {
		return false
	}
	const most = 40
	rest, spoken := strings.CutPrefix(strings.TrimLeft(lower[end:min(len(s), end+most)], `"'`), " ")
	return spoken && ofSettings.MatchString(rest)
}

var (
	settingName = regexp.MustCompile(`^[A-Za-z]{2,}(?:[_-][A-Za-z]{2,})+$`)
	ofSettings  = regexp.MustCompile(`^(?:must (?:be|have|not)|should be|(?:is|was) (?:required|missing|mandatory|not (?:set|given|provided|configured|defined)|unset|undefined)|(?:not (?:set|found|defined)|missing|required)\b|(?:cannot|can't|may not|can not) be (?:empty|blank|unset|null))`)
)

// quotedValue is a value in quotes, escaped or not, or the first of a list. Lists
// of complaints of a name begin with words of prose.
func quotedValue(s, lower string, i int, worded bool) (span, bool) {
	listed := strings.HasPrefix(s[i:], "['") || strings.HasPrefix(s[i:], `["`)
	if listed {
		i++
	}
	open := i
	for open < min(len(s), i+16) && s[open] == '\\' {
		open++
	}
	if open == len(s) || s[open] != '"' && s[open] != '\'' {
		return span{}, false
	}
	if listed && worded && isProse(lower[open+1:upTo(s, open+1, " \t\r\n'\"")]) {
		return span{}, true
	}
	end := closing(s, open+1, s[i:open+1])
	if worded && settingSpokenOf(s, lower, open+1, end) {
		return span{}, true
	}
	return unlessRedacted(s, open+1, end), true
}

// closing is where the quote that was opened is closed again: the same
// characters, and not escaped once more. An unclosed one ends with its line.
func closing(s string, i int, quote string) int {
	for j := i; j < min(len(s), i+longest) && s[j] != '\n'; j++ {
		if strings.HasPrefix(s[j:], quote) {
			return j
		}
		if len(quote) == 1 && s[j] == '\\' {
			j++
		}
	}
	return upTo(s, i, "\r\n")
}

// prose are words that follow "password: " in messages about one.
var prose = []string{
	"required", "missing", "not", "must", "invalid", "is", "field", "empty", "none", "null", "nil", "true", "false",
	"undefined", "unset", "expected", "cannot", "could", "can't", "failed", "should", "value", "string", "this", "no",
	"input", "yes", "error", "wrong", "incorrect", "unable", "none,", "the", "a", "an", "authentication", "rejected", "denied",
	"expired", "unauthorized", "unknown", "malformed", "unexpected", "env", "environment", "please", "has", "was", "does",
	// What shells, option parsers and the C library say of a name.
	"parameter", "unbound", "permission", "operation", "read-only", "too", "bad", "illegal", "unsupported", "mandatory", "needs", "needed",
	"are", "were", "may", "only", "neither", "variable", "setting", "option", "argument", "given", "supplied", "provided", "blank", "str",
	// Erlang names errors of files so, behind the file: ".erlang.cookie: eacces".
	"eacces", "eperm", "enoent", "enotdir", "eisdir", "eexist", "erofs", "enospc", "emfile",
	"got", "at", "least", "length", "longer", "shorter", "doesn't", "isn't", "wasn't", "did", "cannot", "parse", "parsing", "set",
}

func isProse(word string) bool {
	return slices.Contains(prose, strings.TrimRight(strings.TrimLeft(word, "("), ".:!"))
}

// credentials finds what follows an HTTP authentication scheme.
func credentials(s string, start, i int) (span, int) {
	if start > 0 && alphanumeric(s[start-1]) {
		return span{}, 0
	}
	end := i
	for end < min(len(s), i+longest) && (isBase64(s[end]) || strings.IndexByte(".~=", s[end]) >= 0) {
		end++
	}
	if end-i < 8 || strings.Trim(s[i:end], "abcdefghijklmnopqrstuvwxyz") == "" { // "basic authentication"
		return span{}, 0
	}
	return unlessRedacted(s, i, end), 0
}

// privateKey is a PEM block of a private key, with real or escaped line breaks;
// one without an end goes on to the end of the text.
func privateKey(s string, i int) (span, int) {
	begin := i + len("-----BEGIN ")
	label, _, ok := strings.Cut(s[begin:min(len(s), begin+64)], "-----")
	if !ok || !strings.Contains(label, "PRIVATE KEY") {
		return span{}, 0
	}
	end := "-----END " + label + "-----"
	if j := strings.Index(s[i:], end); j >= 0 {
		return span{i, i + j + len(end)}, 0
	}
	return span{i, len(s)}, 0
}

// jwt is a JSON Web Token: three base64url parts, of which the first is a JSON
// object, and so begins with eyJ.
func jwt(s string, i int) (span, int) {
	if i > 0 && isBase64(s[i-1]) {
		return span{}, 0
	}
	end, dots := i, 0
	for end < min(len(s), i+2*longest) && (isBase64(s[end]) || s[end] == '.') {
		if s[end] == '.' {
			dots++
		}
		end++
	}
	if dots < 2 || end-i < 32 {
		return span{}, 0
	}
	return span{i, end}, 0
}

func unlessRedacted(s string, start, end int) span {
	if start >= end {
		return span{}
	}
	switch v := s[start:end]; {
	case strings.HasPrefix(v, "[redacted"), strings.HasPrefix(v, "[hidden"), // Kafka's own word for it
		strings.Trim(v, "*") == "", v == "xxxxx", // what url.URL.Redacted and pgx write
		v == "null", v == "None", v == "nil", v == "undefined":
		return span{}
	}
	return span{start, end}
}
