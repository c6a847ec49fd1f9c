package logscan

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Level is how grave a record says it is.
type Level int

// The levels. Unset is where a record does not say.
const (
	LevelUnset Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
	LevelFatal
)

// form is a line without what a logger puts around it.
type form struct {
	// texts are the lines of the message and of its other fields: a JSON or
	// logfmt record has several.
	texts []string
	level Level
}

var (
	ansi = regexp.MustCompile(`\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]`)
	// caretANSI is what is left of colours when the escape byte was removed on the way.
	caretANSI = regexp.MustCompile(`\[(?:[0-9]{1,3};)*[0-9]{1,3}m`)
	// prefix is what loggers put before a message: time stamps, process ids, levels, logger names.
	prefix = regexp.MustCompile(`^(?:[\[(]?(?:\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?|\d\d:\d\d:\d\d(?:[.,]\d+)?|\d{10,19}(?:\.\d+)?|[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d)[\])]?[ \t:,-]*|\[\d+\][ \t:-]*)+`)
	logfmt = regexp.MustCompile(`(?:^|[ \t])[A-Za-z_][\w.@-]*="((?:[^"\\]|\\.)*)"?`)
)

// levelPrefix is a level and a logger's name before the message.
var levelPrefix = regexp.MustCompile(`^(?:[\w.$/-]{1,60} - )?(?:[\[(<|](?i:trace|debug|dbg|info|inf|notice|warn|warning|wrn|error|err|severe|fatal|ftl|critical|crit) *[\])>|]|(?:TRACE|DEBUG|DBG|INFO|INF|NOTICE|WARN|WARNING|WRN|ERROR|ERR|SEVERE|FATAL|FTL|CRITICAL)\b(?::[\w.]+:)?)[ \t:|-]*(?:[\w.$/-]{1,60} - )?`)

// redisAnswer is an ERR that is no level, though a time stamp stands before it: what
// Redis answers begins with the word, and goes on like this (server.c, networking.c,
// auth.c, cluster.c of Redis and Valkey).
var redisAnswer = regexp.MustCompile(`^ERR (?:invalid password|AUTH|Client sent AUTH|unknown (?:command|sub)|wrong number of arguments|DB index|invalid DB index` +
	`|max number of clients|operation not permitted|Protocol error|This instance has|SELECT is not allowed|value is not|Error running script|no such key)`)

// jbossLogger is a logger's name and a thread, as JBoss LogManager writes them
// behind the level (Quarkus, Keycloak, WildFly).
var jbossLogger = regexp.MustCompile(`^\[[\w.$-]+\] \([\w .:-]+\) `)

// stampedLevel is a level as it stands behind a time stamp only.
var stampedLevel = regexp.MustCompile(`^(?:trace|debug|info|notice|warn|warning|error|fatal|critical)\b[ \t:|-]*`)

// codes are texts that Erlang prints as lists of their characters' codes.
var codes = regexp.MustCompile(`(?:<<|\[)((?:\d{1,3},){7,}\d{1,3})(?:>>|\]|\.\.\.|,?$)`)

// decodeCodes turns such lists into the texts that they stand for. A list of
// numbers that are no characters stays.
func decodeCodes(text string) string {
	return codes.ReplaceAllStringFunc(text, func(list string) string {
		var b strings.Builder
		for number := range strings.FieldsFuncSeq(list, func(r rune) bool { return r < '0' || r > '9' }) {
			code, err := strconv.Atoi(number)
			if err != nil || code > 126 || code < ' ' && code != '\n' && code != '\t' {
				return list
			}
			b.WriteByte(byte(code))
		}
		return `"` + b.String() + `"`
	})
}

// readable is a line without colours, and without texts that are written as codes.
func readable(text string) string {
	if strings.Contains(text, "<<") || strings.Contains(text, ",[") || strings.Contains(text, "([") {
		text = decodeCodes(text)
	}
	if strings.IndexByte(text, 0x1b) >= 0 {
		text = ansi.ReplaceAllString(text, "")
	}
	if strings.Contains(text, "m") && strings.Contains(text, "[") {
		// The one that takes all others back is "[m"; alone it begins a word in brackets.
		if bare := caretANSI.ReplaceAllString(text, ""); len(bare) < len(text) {
			text = strings.ReplaceAll(bare, "[m", "")
		}
	}
	return strings.TrimRight(text, " \t\r\n")
}

// sentence is a message that a record or an answer in JSON follows on its line.
var sentence = regexp.MustCompile(`[A-Za-z]{2,}[^|]* [A-Za-z]{3,}`)

// plain brings a line into its plain form.
func plain(raw []byte) form {
	text := readable(strings.ToValidUTF8(string(raw), "\uFFFD"))
	if i := strings.IndexByte(text, '{'); i >= 0 && i < 80 && strings.HasSuffix(text, "}") {
		if f, ok := plainJSON(text[i:]); ok {
			if f.level == LevelUnset {
				f.level = levelOf(text[:i])
			}
			if before := strings.TrimSpace(stripPrefix(text[:i])); sentence.MatchString(before) {
				f.texts = slices.Insert(f.texts, 0, before)
			}
			return f
		}
	}
	if mayBeLogfmt(text) {
		if f, ok := plainLogfmt(text); ok {
			return f
		}
	}
	f := form{level: levelOf(text)}
	f.add(unescape(stripPrefix(text)))
	return f
}

// margin is what Python puts before the lines of an exception group's traces.
var margin = regexp.MustCompile(`^(?:  )+\| `)

// add appends a text, line by line, without control characters.
func (f *form) add(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		line = line[len(margin.FindString(line)):]
		if line = clean(line); strings.TrimSpace(line) != "" {
			f.texts = append(f.texts, line)
		}
	}
}

// stripPrefix removes time stamp, process id, level and logger name.
func stripPrefix(text string) string {
	rest := text
	if text != "" && !isLower(text[0]) {
		rest = text[len(prefix.FindString(text)):]
	}
	// A level before a message is in capitals or in brackets, or a logger's name comes
	// first. A bare ERR that nothing precedes is how Redis begins its errors.
	if rest != "" && (!isLower(rest[0]) || strings.Contains(rest[:min(len(rest), 63)], " - ")) {
		if m := levelPrefix.FindString(rest); m != "" && (m != "ERR " || len(rest) < len(text) && !redisAnswer.MatchString(rest)) {
			rest = rest[len(m):]
			return rest[len(jbossLogger.FindString(rest)):]
		}
	}
	if len(rest) < len(text) {
		return rest[len(stampedLevel.FindString(rest)):]
	}
	return rest
}

// plainJSON takes the strings of a JSON record, in their order.
func plainJSON(text string) (form, bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return form{}, false
	}
	var f form
	var w jsonWalk
	w.push('{')
	for decoder.More() || len(w.depth) > 0 {
		token, err := decoder.Token()
		if err != nil {
			return form{}, false
		}
		w.token(&f, token)
	}
	return f, len(f.texts) > 0
}

// jsonWalk knows whether the next token is a key.
type jsonWalk struct {
	depth []byte
	isKey bool
	key   string
}

func (w *jsonWalk) push(open byte) {
	w.depth = append(w.depth, open)
	w.isKey = open == '{'
}

func (w *jsonWalk) token(f *form, token json.Token) {
	if delim, ok := token.(json.Delim); ok {
		if delim == '{' || delim == '[' {
			w.push(byte(delim))
			return
		}
		w.depth = w.depth[:len(w.depth)-1]
		w.isKey = len(w.depth) > 0 && w.depth[len(w.depth)-1] == '{'
		return
	}
	inObject := w.depth[len(w.depth)-1] == '{'
	if inObject && w.isKey {
		w.key, _ = token.(string)
		w.isKey = false
		return
	}
	f.field(w.key, token)
	w.isKey = inObject
}

// field takes one member of a record.
func (f *form) field(key string, value json.Token) {
	switch v := value.(type) {
	case string:
		switch key {
		case "level", "severity", "lvl", "loglevel", "log.level", "levelname", "@level", "Level", "LogLevel", "s":
			f.level = levelNamed(v)
		case "time", "ts", "timestamp", "@timestamp", "t", "@t", "service", "logger", "name", "caller", "hostname",
			"c", "ctx": // MongoDB's component and thread
		default:
			f.add(stripPrefix(ansi.ReplaceAllString(v, "")))
		}
	case json.Number:
		if key == "level" {
			f.level = levelNumbered(v.String())
		}
	}
}

// levelNumbered reads pino's and bunyan's levels.
func levelNumbered(n string) Level {
	switch n {
	case "10", "20":
		return LevelDebug
	case "30":
		return LevelInfo
	case "40":
		return LevelWarn
	case "50":
		return LevelError
	case "60":
		return LevelFatal
	}
	return LevelUnset
}

// mayBeLogfmt is a cheap look for a quoted message.
func mayBeLogfmt(text string) bool {
	return strings.Contains(text, `="`) && (strings.Contains(text, `msg="`) || strings.Contains(text, `message="`) ||
		strings.Contains(text, `event="`) || strings.Contains(text, `error="`) || strings.Contains(text, `err="`))
}

// plainLogfmt takes the quoted values of a logfmt record, and all of it where
// none is a message.
func plainLogfmt(text string) (form, bool) {
	f := form{}
	isRecord := false
	for at := 0; at < len(text); {
		m := logfmt.FindStringSubmatchIndex(text[at:])
		if m == nil {
			break
		}
		start, from, to := at+m[0], at+m[2], at+m[3]
		to = valueEnd(text, to)
		at = min(len(text), to+1)
		key := strings.TrimLeft(text[start:strings.IndexByte(text[start:], '=')+start], " \t")
		switch key {
		case "time", "ts", "timestamp", "service", "logger", "app", "caller", "host", "hostname", "level":
		default:
			isRecord = isRecord || key == "msg" || key == "message" || key == "event" || key == "error" || key == "err"
			f.add(unescape(strings.ReplaceAll(text[from:to], `\"`, `"`)))
		}
	}
	if isRecord {
		f.level = levelOf(text)
		if first := anyKey.FindStringIndex(text); first != nil {
			if before := strings.TrimSpace(stripPrefix(text[:first[0]])); sentence.MatchString(before) {
				f.texts = slices.Insert(f.texts, 0, before)
			}
		}
	}
	return f, isRecord
}

// valueEnd is the quote that ends a value of a logfmt record: some loggers do
// not escape those within it, and then it is the one before the next key, or the
// last.
func valueEnd(text string, quote int) int {
	for end := quote; end < len(text); {
		if end+1 >= len(text) || text[end+1] == ' ' && nextKey.MatchString(text[end+1:]) {
			return end
		}
		next := strings.IndexByte(text[end+1:], '"')
		if next < 0 {
			break
		}
		end += 1 + next
	}
	return quote
}

// anyKey is how a member of a logfmt record begins. What stands before the first is
// a message.
var anyKey = regexp.MustCompile(`(?:^|[ \t])[A-Za-z_][\w.@-]*=`)

// nextKey is how the next member of a logfmt record begins.
var nextKey = regexp.MustCompile(`^[ \t]+(?:[A-Za-z_][\w.@-]*=|$)`)

// unescape resolves line breaks and quotes that a logger escaped.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	return escapes.Replace(text)
}

var escapes = strings.NewReplacer(`\r\n`, "\n", `\n`, "\n", `\t`, "\t", `\"`, `"`, `\\`, `\`)

// clean removes control characters.
func clean(text string) string {
	if isClean(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, text)
}

// isClean says that a text is of printable ASCII.
func isClean(text string) bool {
	for i := range len(text) {
		if c := text[i]; c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

// levelWords are the names of levels and what loggers make of them.
var levelWords = map[string]Level{
	"trace": LevelDebug, "debug": LevelDebug, "dbg": LevelDebug,
	"info": LevelInfo, "information": LevelInfo, "inf": LevelInfo, "notice": LevelInfo,
	"warn": LevelWarn, "warning": LevelWarn, "wrn": LevelWarn,
	"error": LevelError, "err": LevelError, "eror": LevelError, "severe": LevelError,
	"fatal": LevelFatal, "ftl": LevelFatal, "crit": LevelFatal, "critical": LevelFatal, "crt": LevelFatal, "emerg": LevelFatal, "alert": LevelFatal, "panic": LevelFatal, "pnc": LevelFatal,
}

// levelOf finds the level in the head of a line.
func levelOf(text string) Level {
	head := text[:min(len(text), 120)]
	for start := 0; start < len(head); {
		if !isLetter(head[start]) {
			start++
			continue
		}
		end := start
		for end < len(head) && isLetter(head[end]) {
			end++
		}
		if level, ok := levelAt(head, start, end); ok {
			return level
		}
		start = end
	}
	return librdkafkaLevel(text)
}

// levelAt says whether the word from start to end is a level. Deep in a line
// only a word in capitals is one: others are part of the message.
func levelAt(head string, start, end int) (Level, bool) {
	if end-start > 11 || start > 60 {
		return LevelUnset, false
	}
	word := head[start:end]
	lower := strings.ToLower(word)
	level, ok := levelWords[lower]
	if !ok || start > 0 && strings.IndexByte(" \t[(|:<\"'=%", head[start-1]) < 0 || end < len(head) && strings.IndexByte(" \t])|:>\"',", head[end]) < 0 {
		return LevelUnset, false
	}
	if start > 0 && word == lower && !isLevelPlace(head, start, end) {
		return LevelUnset, false
	}
	return level, true
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

func isLetter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

// isLevelPlace tells a level from a word of the message: it stands at the
// front, behind a time stamp, in brackets or behind "level=".
func isLevelPlace(head string, start, end int) bool {
	before := strings.TrimRight(head[:start], " \t")
	if strings.HasSuffix(before, "=") || strings.HasSuffix(before, "[") || strings.HasSuffix(before, "|") || strings.HasSuffix(before, "<") {
		return true
	}
	bare := head[len(prefix.FindString(head)):]
	return strings.HasPrefix(bare, head[start:end])
}

// librdkafkaLevel reads syslog levels as librdkafka writes them: %3|time|...
func librdkafkaLevel(text string) Level {
	if len(text) < 3 || text[0] != '%' || text[2] != '|' {
		return LevelUnset
	}
	switch text[1] {
	case '0', '1', '2':
		return LevelFatal
	case '3':
		return LevelError
	case '4':
		return LevelWarn
	case '7':
		return LevelDebug
	}
	return LevelInfo
}

// levelStarts are how the names of levels begin, and those of one letter.
var levelStarts = []struct {
	start string
	level Level
}{
	{"t", LevelDebug}, {"d", LevelDebug}, {"i", LevelInfo}, {"n", LevelInfo}, {"w", LevelWarn}, {"se", LevelError}, {"em", LevelFatal},
	{"e", LevelError}, {"f", LevelFatal}, {"c", LevelFatal}, {"p", LevelFatal}, {"al", LevelFatal},
}

// levelNamed reads a level's name in the ways that loggers abbreviate it.
func levelNamed(name string) Level {
	lower := strings.ToLower(name)
	for _, l := range levelStarts {
		if strings.HasPrefix(lower, l.start) {
			return l.level
		}
	}
	return LevelUnset
}

// LevelOf is the level that a line says it has.
func LevelOf(line string) Level {
	return plain([]byte(line[:min(len(line), MaxLine)])).level
}

// Plain is a line's first text in its plain form, and its level.
func Plain(line string) (string, Level) {
	f := plain([]byte(line[:min(len(line), MaxLine)]))
	if len(f.texts) == 0 {
		return "", f.level
	}
	return f.texts[0], f.level
}
