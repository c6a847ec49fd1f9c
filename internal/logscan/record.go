package logscan

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// maxRecord is how many lines a record is followed back at most.
const maxRecord = 200

var (
	// goesOn are the words of a program that survives what it reports.
	goesOn = MustMatcher(`(?i)\bcontinuing\b|carrying on|degraded|(?:^|[^"'\x60\w])disabled\b|disabling|\bignored\b|\bignoring\b|non-?fatal|best[- ]effort|falling back|\bfall ?back\b|using default|proceeding|skipping|running without|starting without|not critical|\boptional\b[^\[]|will be unavailable|without it\b|turned off|noncritical`)
	// connector joins the traces of one chain of exceptions.
	connector = regexp.MustCompile(`^(?:Traceback \(most recent call last\)|During handling of the above|The above exception was|Caused by:|Suppressed:|\.\.\. \d+ |Wrapped by:|\[cause\]|--->|   at |goroutine \d+|\[signal |exit status)`)
	stamped   = regexp.MustCompile(`^(?:\x1b\[[0-9;]*m|\[?\[[0-9;]*m)*[\[({]?(?:\d{4}[-/]|\d\d:\d\d:\d\d|"|(?:time|ts|level)=|(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL)\b|(?:info|warn|error|debug):|[IWEF]\d{4} |%\d\||[A-Z][a-z]{2} +\d{1,2} \d\d:)`)
)

// Stamped says that a line begins a record: with a time stamp, a level or a bracket of JSON.
func Stamped(line string) bool { return stamped.MatchString(line) || isWhole([]byte(line)) }

// refused are servers' words that sound like it.
var refused = MustMatcher(`(?i)user is disabled|account (?:is|has been) disabled|login (?:is )?disabled|cannot continue|not continuing|stopping instead of continuing|hot standby mode is disabled`)

// goes says that a text's words are those of a program that goes on.
func goes(text string) bool { return goesOn.MatchString(text) && !refused.MatchString(text) }

func (f form) survived() bool {
	return slices.ContainsFunc(f.texts, goes)
}

// survived says whether the line, or the rest of its message on the lines
// below, says that the program goes on.
func survived(log []byte, start int, f form) bool {
	if f.survived() {
		return true
	}
	// The end of a message of several lines: indented ones, then what closes it.
	line := start
	for range 6 {
		next := nextLine(log, line)
		if next < 0 {
			return false
		}
		text := lineAt(log, next)
		if len(text) == 0 {
			return false
		}
		if bytes.IndexByte([]byte(")];,."), text[0]) >= 0 {
			return goes(string(text))
		}
		if !indented(text) {
			return false
		}
		line = next
	}
	return false
}

// recordStart walks back to the first line of the record that the line at start
// belongs to.
func recordStart(log []byte, start int) int {
	var below []byte
	if next := nextLine(log, start); next >= 0 {
		below = lineAt(log, next)
	}
	for range maxRecord {
		if start == 0 {
			return 0
		}
		text := lineAt(log, start)
		previous := previousLine(log, start)
		if !joined(log, previous, text, below) {
			return start
		}
		start, below = previous, text
	}
	return start
}

// joined says whether a line, with the one below it in the record already, goes
// on with what the line before it began.
func joined(log []byte, previous int, text, below []byte) bool {
	before := lineAt(log, previous)
	switch {
	case bytes.HasPrefix(text, traceback):
		return heads(log, previous, before)
	case len(bytes.TrimSpace(text)) == 0:
		return indented(before) || connector.Match(before) || connector.Match(below) || exceptionHead.Match(before)
	case continues(text, before):
		return true
	}
	// An error that is printed with its frames, below a message that it explains.
	return indented(below) && exceptionHead.Match(text) && !stamped.Match(text) && survivedHead(before)
}

var traceback = []byte("Traceback (most recent call last)")

// heads says whether the line before a Python traceback belongs to it: it joins
// two traces, or it is a message that was logged with its exception.
func heads(log []byte, at int, before []byte) bool {
	if len(bytes.TrimSpace(before)) == 0 {
		return at > 0 && connector.Match(lineAt(log, previousLine(log, at)))
	}
	if connector.Match(before) {
		return true
	}
	return survivedHead(before) || plain(window(before, 0)).level >= LevelWarn && !goes(string(before))
}

// survivedHead is a message that says that the program goes on, and leaves it
// to a trace to say why. One that names its error was not logged with a trace.
func survivedHead(before []byte) bool {
	return goes(string(before)) && !explains.Match(before)
}

// explains are the words of a message that gives its reason itself.
var explains = regexp.MustCompile(`\(.*\)|\[Errno|: .*(?:refused|timed? ?out|not known|not set|No such|rror|ENO|ECONN|failed)`)

// continues says whether text goes on with what before began.
func continues(text, before []byte) bool {
	switch {
	case indented(text), connector.Match(text):
		return !stampedInfo(before) || connector.Match(text)
	case stamped.Match(text):
		return false
	case text[0] == '}' || text[0] == ')' || text[0] == ']':
		return true
	}
	// The line that names an exception stands below its frames.
	return indented(before) && exceptionHead.Match(text)
}

// exceptionHead is a line that names an exception: an identifier, then its message.
var exceptionHead = regexp.MustCompile(`^[A-Za-z_][\w$]*(?:[.:\\/]+[A-Za-z_][\w$]*)*(?: \[\w+\])?(?:: |:?$)`)

// stampedInfo is a record of its own that what follows, though indented, is hardly part of.
func stampedInfo(before []byte) bool {
	return stamped.Match(before) && levelOf(string(before[:min(len(before), 160)])) == LevelInfo
}

func indented(text []byte) bool {
	return len(text) > 0 && (text[0] == ' ' || text[0] == '\t')
}

// lineAt is the line that begins at start.
func lineAt(log []byte, start int) []byte {
	if start < 0 || start > len(log) {
		return nil
	}
	if i := bytes.IndexByte(log[start:], '\n'); i >= 0 {
		return bytes.TrimRight(log[start:start+i], "\r")
	}
	return log[start:]
}

// previousLine is where the line before the one at start begins.
func previousLine(log []byte, start int) int {
	return bytes.LastIndexByte(log[:start-1], '\n') + 1
}

// nextLine is where the line after the one at start begins, negative where there is none.
func nextLine(log []byte, start int) int {
	i := bytes.IndexByte(log[start:], '\n')
	if i < 0 || start+i+1 >= len(log) {
		return -1
	}
	return start + i + 1
}

// Context is the record that a line belongs to: from its first line to this
// one and, where they are part of it, those below. With preface lines before
// its first one, but for blank ones, are taken in too: what names the settings that a list of errors
// is about.
func Context(log []byte, line Line, preface int) string {
	start := max(line.Record, line.Offset-maxContext)
	for n := 0; n < preface && start > 0 && line.Offset-start < maxContext; {
		start = previousLine(log, start)
		if len(bytes.TrimSpace(lineAt(log, start))) > 0 {
			n++
		}
	}
	var b strings.Builder
	b.WriteString(bare(log[start:line.Offset]))
	for _, text := range line.Texts {
		b.WriteString(text)
		b.WriteByte('\n')
	}
	at := nextLine(log, line.Offset)
	from := at
	for range 12 {
		if at < 0 || endsRecord(lineAt(log, at)) || isWhole(lineAt(log, line.Offset)) || at-from > maxContext {
			break
		}
		b.WriteString(bare(window(lineAt(log, at), 0)))
		b.WriteByte('\n')
		at = nextLine(log, at)
	}
	return b.String()
}

// endsRecord says that a line is another record's: it has a time stamp or a
// level, or is what npm adds after any program.
func endsRecord(text []byte) bool {
	return stamped.Match(text) || bytes.HasPrefix(text, []byte("npm "))
}

// isWhole says that a line is a whole record in JSON: nothing below it is part of it.
func isWhole(text []byte) bool {
	return len(text) > 1 && text[0] == '{' && text[len(text)-1] == '}'
}

// bare is a text without colours and escapes.
func bare(raw []byte) string {
	text := string(raw)
	if strings.IndexByte(text, 0x1b) >= 0 {
		text = ansi.ReplaceAllString(text, "")
	}
	return unescape(text)
}

// maxContext is how many bytes before and after a line belong to its context.
const maxContext = 4 << 10
