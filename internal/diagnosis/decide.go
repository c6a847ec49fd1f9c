package diagnosis

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/logscan"
	"github.com/bridgestack/operator/internal/text"
)

// decisive is the clue to what ended the process. Clues that the program
// survived do not count; of those that remain, it is the last one that tells
// something, and where that is only a consequence or a wrapper, what stands
// before it in the same family or record.
func (r *reading) decisive() (clue, bool) {
	grave := func(k clue) bool {
		return k.level != logscan.LevelInfo && k.level != logscan.LevelDebug && !recounted(k.text)
	}
	best, ok := r.last(func(k clue) bool { return !k.survived && !k.trace && grave(k) })
	if ok && best.weight > weightGeneric {
		return best, true
	}
	if quiet, found := r.quiet(best, ok); found {
		return quiet, true
	}
	if ok {
		return best, true
	}
	return r.last(func(k clue) bool { return !k.survived && grave(k) && k.weight > weightGeneric })
}

// quiet is a reason that a client which gave up told in a record of no gravity,
// where what it said last leaves room for one.
func (r *reading) quiet(best clue, found bool) (clue, bool) {
	if !found {
		if words, ok := r.lastWords(); ok && !wrapper.MatchString(words) {
			return clue{}, false
		}
	}
	wraps := !found || wrapper.MatchString(best.text)
	return r.last(func(k clue) bool {
		return !k.survived && !k.trace && k.weight > weightGeneric && !isBenignInfo(k) && !recounted(k.text) && (wraps || k.family == best.family)
	})
}

// isBenignInfo says that a record of no gravity is no reason to end: clients
// tell of brokers that hang up at level info, programs of variables that are not set.
func isBenignInfo(k clue) bool {
	if k.level != logscan.LevelInfo && k.level != logscan.LevelDebug {
		return false
	}
	return k.family == familyAny || k.fault == faultProgram || k.cause == v1alpha1.CauseEnvVarMissing || k.cause == v1alpha1.CauseEnvVarInvalid || k.family == familyUpstream
}

// last is the last telling clue among those that count.
func (r *reading) last(counts func(clue) bool) (clue, bool) {
	best := -1
	for i, k := range r.clues {
		if k.weight == weightNone || k.cause == "" || !counts(k) {
			continue
		}
		if best < 0 || r.better(k, r.clues[best]) {
			best = i
		}
	}
	if best < 0 {
		return clue{}, false
	}
	return r.clues[best], true
}

// better says whether a clue further down tells more of the end than the best
// so far.
func (r *reading) better(k, best clue) bool {
	switch {
	case k.isWrapper():
		return best.isWrapper() // It never outdoes what tells something.
	case best.isWrapper():
		return true
	case k.record == best.record:
		return betterInRecord(k, best)
	case k.onlyRepeats(best), fieldOnly.MatchString(k.text):
		return false
	case k.weight <= weightConsequence && best.weight == weightDirect && k.family != best.family && r.stopsBetween(best, k):
		return false // What else is lost when a program stops.
	case k.weight >= weightNetwork:
		return true
	case k.family == best.family || k.family == familyAny || related(k, best):
		return k.weight >= best.weight
	}
	return k.weight >= min(weightConsequence, best.weight)
}

// stopsBetween says that the program told that it stops, after the first clue
// and before the second.
func (r *reading) stopsBetween(first, second clue) bool {
	if first.order >= len(r.lines) || second.order >= len(r.lines) || first.level < logscan.LevelError {
		return false
	}
	return stops.Match(r.log[r.lines[first.order].Offset:r.lines[second.order].Offset])
}

// stops are the words of a program that begins to stop.
var stops = regexp.MustCompile(`(?i)\b(?:shutting down|shutdown (?:started|initiated|begun)|graceful(?:ly)? (?:shut|stop|exit)\w*|stopping (?:all|the|server|service|application|worker)|cleaning up)\b`)

// onlyRepeats says that an exception only says that something else failed, or
// how a file cannot be parsed of which it is known.
func (k clue) onlyRepeats(best clue) bool {
	if k.fault != faultProgram {
		return false
	}
	return k.givesUp() && best.fault != faultProgram || best.cause == v1alpha1.CauseConfigFileInvalid && parses.MatchString(k.text)
}

// parses are the words of parsers.
var parses = regexp.MustCompile(`(?i)syntax ?error|pars(?:e|er|ing)|unexpected (?:token|identifier|end|character|string)|decode|invalid json|yaml|toml`)

// givesUp is an exception of the program that only says that something else failed.
func (k clue) givesUp() bool {
	return k.fault == faultProgram && k.weight == weightConsequence && wrapper.MatchString(k.text)
}

// isWrapper is an exception of which nothing but its form is known.
func (k clue) isWrapper() bool { return k.fault == faultProgram && k.weight == weightGeneric }

// betterInRecord compares two clues of one record, such as a chain of exceptions.
func betterInRecord(k, best clue) bool {
	switch {
	case k.fault == faultProgram, fieldOnly.MatchString(k.text):
		return false
	case best.fault == faultProgram:
		return true
	case k.guessed && !best.guessed && k.weight <= best.weight:
		return false
	case k.weight == best.weight && best.fault == faultNone && k.fault != faultNone:
		// Words that name the cause outdo those of any connection.
		return k.order != best.order && k.weight != weightConsequence
	}
	return k.weight >= best.weight
}

// fieldOnly is a field of an error that is printed with its fields: it repeats
// what the error's message says better.
var fieldOnly = regexp.MustCompile(`^\s*(?:code|errno|syscall): ['"]?-?\w+['"]?,?$`)

// related says that what came before explains a consequence of another family:
// a resolver that fails, descriptors that ran out.
func related(k, best clue) bool {
	if best.weight != weightDirect {
		return false
	}
	switch best.cause {
	case v1alpha1.CauseDNSUnavailable, v1alpha1.CauseFileDescriptorsExhausted, v1alpha1.CauseThreadsExhausted, v1alpha1.CauseHeapExhausted:
		return k.weight < weightDirect
	default:
		return false
	}
}

// byLog decides by what the program said.
func byLog(c evidence.Case, r reading) (Finding, bool) {
	k, ok := r.decisive()
	if ok && k.fault == faultProgram {
		if g, guessed := r.about(r.recordOf(k)); guessed {
			return r.finding(c, g), true
		}
	}
	if ok && (k.weight > weightGeneric || k.fault != faultProgram) {
		return r.finding(c, k), true
	}
	if toldToStop(c, r.log) && c.Container.Ended().ExitCode != 0 {
		return Finding{}, false // What it complained of while it stopped did not end it.
	}
	if f, found := r.byComplaint(c, ok); found {
		return f, true
	}
	if ok {
		return r.finding(c, k), true
	}
	return Finding{}, false
}

// byComplaint decides by what the program complained of last, in words that no rule knows.
// With a clue, however little it tells, only words that announce the end are one.
func (r *reading) byComplaint(c evidence.Case, clued bool) (Finding, bool) {
	line, fatal := r.lastWords()
	if !fatal && !clued {
		line, fatal = r.complaint(c)
	}
	block := r.complaintOf(line)
	line = firstOf(firstIn(block), line)
	if cause, known := bySysexit(c); known && (fatal || !clued) {
		return sysexit(c, cause, line), true
	}
	if !fatal {
		return Finding{}, false
	}
	if g, guessed := r.about(block); guessed && !clued {
		return r.finding(c, g), true
	}
	return Finding{
		Cause: v1alpha1.CauseApplicationError, Confidence: v1alpha1.ConfidenceLow,
		Message:  "The program ended itself with a message of its own: " + text.Clip(line, 200),
		Evidence: []v1alpha1.EvidenceItem{logItem(line)},
	}, true
}

// bySysexit is the cause that an exit code of sysexits.h stands for, which some
// programs keep to.
func bySysexit(c evidence.Case) (v1alpha1.Cause, bool) {
	ended := c.Container.Ended()
	if ended == nil {
		return "", false
	}
	switch ended.ExitCode {
	case 64: // EX_USAGE
		return v1alpha1.CauseArgumentsInvalid, true
	case 77: // EX_NOPERM
		return v1alpha1.CausePermissionDenied, true
	case 78: // EX_CONFIG
		return v1alpha1.CauseConfigFileInvalid, true
	default:
		return "", false
	}
}

func sysexit(c evidence.Case, cause v1alpha1.Cause, line string) Finding {
	f := Finding{
		Cause: cause, Confidence: v1alpha1.ConfidenceLow,
		Message:  fmt.Sprintf("The program ended with exit code %d, which by sysexits.h means this, if it keeps to that: %s", c.Container.Ended().ExitCode, Meaning(cause)),
		Evidence: []v1alpha1.EvidenceItem{terminationItem(c.Container.Ended())},
	}
	if line != "" {
		f.Evidence = append(f.Evidence, logItem(line))
	}
	return f
}

// finding makes a finding of a clue.
func (r *reading) finding(c evidence.Case, k clue) Finding {
	k.text = r.withList(k)
	f := Finding{Cause: k.cause, Subject: k.subject, Confidence: k.confidence(), Message: message(k)}
	if r.goesOn(k) || toldToStop(c, r.log) {
		f.Confidence = v1alpha1.ConfidenceLow
	}
	f.Evidence = append(f.Evidence, logItemAt(k.text, r.rawLine(k)))
	f.Subject.Variable = r.variable(c, k)
	f.Subject.Server = serverOf(k)
	r.refuteOthers(&f, k)
	return f
}

// withList is a clue's text, with the list that a line introduces: "one of these must be
// set:" tells nothing without it.
func (r *reading) withList(k clue) string {
	if !strings.HasSuffix(strings.TrimSpace(k.text), ":") || k.order >= len(r.lines) {
		return k.text
	}
	_, after, _ := bytes.Cut(r.log[r.lines[k.order].Offset:], []byte("\n"))
	said := []string{k.text}
	for range maxList {
		var line []byte
		line, after, _ = bytes.Cut(after[:min(len(after), maxText)], []byte("\n"))
		if !listed.Match(line) {
			break
		}
		said = append(said, strings.TrimSpace(string(line)))
	}
	return strings.Join(said, " ")
}

// maxList is how many lines of such a list are told.
const maxList = 4

// listed is a line of a list, or one that is indented beneath another.
var listed = regexp.MustCompile(`^(?:\s+|[-*] ?)[-*\w"'$]`)

// onlyLeaves says that the program said nothing but good-bye after a line.
func (r *reading) onlyLeaves(after string) bool {
	for _, line := range slices.Backward(tail(r.log, 40)) {
		text, _ := logscan.Plain(line)
		if text == after {
			return true
		}
		if !goodbye.MatchString(text) {
			return false
		}
	}
	return false
}

// recounts are lines that tell of others' words: samples of metrics, statements
// in a log of queries, rows of a table.
var recounts = regexp.MustCompile(`^# (?:HELP|TYPE) |^[a-z_][\w:]*(?:\{[^}]*\})? -?[\d.]+(?:e[+-]?\d+)?$|(?i:\b(?:query|statement|sql)["']?[=:] ?["']?(?:insert|select|update|delete|merge)\b)|^\S+ {2,}\w+ {2,}\S`)

// recounted says that a text is such a line. An answer of the database that quotes
// the statement that it answers is none.
func recounted(text string) bool {
	return recounts.MatchString(text) && !strings.HasPrefix(strings.TrimLeft(text, " "), "SQLSTATE[")
}

// goesOn says that the program told of ordinary work after a clue that has no
// level: it was a text and not the end.
func (r *reading) goesOn(k clue) bool {
	if k.level != logscan.LevelUnset || k.order >= len(r.lines) {
		return false
	}
	_, after, _ := strings.Cut(string(r.log[r.lines[k.order].Offset:]), "\n")
	for _, line := range tail([]byte(after), 20) {
		if text, level := logscan.Plain(line); level == logscan.LevelInfo && !goodbye.MatchString(text) {
			return true
		}
	}
	return false
}

// saidLast says that the program said no more after the decisive clue than
// good-bye, and that it was no mere warning.
func (r *reading) saidLast() bool {
	k, ok := r.decisive()
	if ok && k.cause == v1alpha1.CauseArgumentsInvalid {
		return true // The help text that follows is no work.
	}
	if !ok || k.level == logscan.LevelWarn || k.level == logscan.LevelInfo || k.level == logscan.LevelDebug || k.order >= len(r.lines) {
		return false
	}
	_, after, _ := strings.Cut(string(r.log[r.lines[k.order].Offset:]), "\n")
	for _, line := range tail([]byte(after), 20) {
		if text, level := logscan.Plain(line); level < logscan.LevelError && !goodbye.MatchString(text) {
			return false
		}
	}
	return true
}

// stopped are the words of a program that was told to stop.
var stopped = regexp.MustCompile(`(?i)\bsig(?:nal )?(?:term|int)\b|signal["':]* ?(?:15\b|term)|shutdown requested|requested shutdown` +
	`|(?:received|got|caught|trapped) "?(?:terminat\w+|interrupt)|\(SIGQUIT\) received|received (?:fast|smart|immediate) shutdown request` +
	`|via user signal|warm shutdown \(|commencing graceful shutdown|graceful termination period is|application is shutting down|notice: terminating \.\.\.`)

// stoppedWords finds whether those words are there, in a fraction of the time.
var stoppedWords = logscan.MustMatcher(stopped.String())

// toldToStop says that the container was ended from outside and its program
// says so: what it had logged before did not end it.
func toldToStop(c evidence.Case, log []byte) bool {
	ended := c.Container.Ended()
	if ended == nil {
		return false
	}
	switch {
	case ended.ExitCode == 0, ended.ExitCode == 130, ended.ExitCode == 137, ended.ExitCode == 143, ended.Signal == 15:
	default:
		return false // A program that gives a code of its own may have stopped itself.
	}
	return slices.ContainsFunc(tail(log, 10), stoppedWords.MatchString)
}

// rawLine is the line of the log that a clue was found in.
func (r *reading) rawLine(k clue) string {
	if k.order >= len(r.lines) {
		return ""
	}
	raw, _, _ := strings.Cut(string(r.log[r.lines[k.order].Offset:min(len(r.log), r.lines[k.order].Offset+256)]), "\n")
	return raw
}

// confidence in a clue by itself: Medium for words that mean one thing, Low
// for wrappers, guesses and what other faults lead to as well.
func (k clue) confidence() v1alpha1.Confidence {
	switch {
	case k.guessed:
		return v1alpha1.ConfidenceLow
	case k.weight >= weightNetwork && (k.fault == faultNone || k.named) && !k.trace:
		return v1alpha1.ConfidenceMedium
	case k.weight == weightConsequence && k.named && k.fault == faultNone && !k.trace:
		return v1alpha1.ConfidenceMedium
	}
	return v1alpha1.ConfidenceLow
}

// refuteOthers lists what the log also speaks of and why it is not the cause.
func (r *reading) refuteOthers(f *Finding, chosen clue) {
	listed := map[v1alpha1.Cause]bool{chosen.cause: true}
	for i := len(r.clues) - 1; i >= 0 && len(f.Refuted) < 5; i-- {
		k := r.clues[i]
		if k.cause == "" || k.weight <= weightGeneric || listed[k.cause] {
			continue
		}
		listed[k.cause] = true
		because := "the log goes on after it; what ended the process came later: "
		switch {
		case k.survived || k.trace:
			because = "the program went on after it: "
		case k.order > chosen.order || k.record == chosen.record:
			because = "it follows from what the log says besides: "
		}
		f.Refuted = append(f.Refuted, refute(k.cause, "%s%s", because, text.Clip(k.text, 200)))
	}
}

// lastWords is the last line that announces the end: fatal by its level or its
// words, and nothing but good-byes and what belongs to it after it.
func (r *reading) lastWords() (string, bool) {
	lines := tail(r.log, 60)
	if text, ok := foreign(lines); ok {
		return text, true
	}
	below := 0 // lines without a level that may belong to the one above
	for _, line := range slices.Backward(lines) {
		text, level := logscan.Plain(line)
		quiet := level == logscan.LevelInfo || level == logscan.LevelDebug
		if fatalLine.MatchString(text) && !quiet || level >= logscan.LevelError {
			return text, !benignError.MatchString(text) && !r.ofOthers(line)
		}
		if level == logscan.LevelUnset && !strings.ContainsAny(text, ":/") && below < 12 {
			below++
			continue
		}
		if !goodbye.MatchString(text) {
			return "", false
		}
	}
	return "", false
}

// toolSays is how programs without a logger complain: err(3) and error(3) of
// the C library, and what takes after them.
var toolSays = regexp.MustCompile(`^[a-z][\w./-]{0,40}: [^{}\[\]=]{3,200}$|^[a-z]{3,12} error: \S`)

// complaint is such a line at the end of the log of a program that gave an
// exit code of its own, or the last line of all that complains of something.
func (r *reading) complaint(c evidence.Case) (string, bool) {
	ended := c.Container.Ended()
	if ended == nil || ended.ExitCode < 1 || ended.ExitCode > 125 && ended.ExitCode != 255 {
		return "", false
	}
	lines := tail(r.log, 1)
	if len(lines) == 0 {
		return "", false
	}
	text, level := logscan.Plain(lines[0])
	if level == logscan.LevelUnset && toolSays.MatchString(text) && !goodbye.MatchString(text) {
		return text, true
	}
	return r.complains()
}

// complains is the last line in which the program says that something is wrong.
func (r *reading) complains() (string, bool) {
	for _, line := range slices.Backward(tail(r.log, 40)) {
		text, level := logscan.Plain(line)
		calm := level == logscan.LevelInfo || level == logscan.LevelDebug
		if !calm && !helpLine.MatchString(line) && troubled.MatchString(text) && !recounted(text) && !benignError.MatchString(text) && !r.ofOthers(line) {
			return text, true
		}
	}
	return "", false
}

// complaintOf are the lines of the record, or the lines without a record's head, that a
// complaint ends: below the first one stand advice and consequences.
func (r *reading) complaintOf(last string) []string {
	lines := strings.Split(string(r.log[max(0, len(r.log)-16<<10):]), "\n")
	at := -1
	for i, line := range slices.Backward(lines) {
		if text, _ := logscan.Plain(line); text == last && last != "" {
			at = i
			break
		}
	}
	from := at + 1
	for i := at; i >= max(0, at-maxComplaint); i-- {
		text, level := logscan.Plain(lines[i])
		complains := troubled.MatchString(text) || level >= logscan.LevelError
		if text == "" || i < at && !helpLine.MatchString(lines[i]) && !complains {
			break
		}
		from = i
		if logscan.Stamped(lines[i]) {
			break
		}
	}
	return lines[from : at+1]
}

// firstIn is the first line with a complaint.
func firstIn(block []string) string {
	for _, line := range block {
		text, level := logscan.Plain(line)
		if (troubled.MatchString(text) || level >= logscan.LevelError) && !helpLine.MatchString(line) {
			return text
		}
	}
	return ""
}

// recordOf are the lines of the record that a clue was found in.
func (r *reading) recordOf(k clue) []string {
	if k.order >= len(r.lines) {
		return []string{k.text}
	}
	return strings.Split(logscan.Context(r.log, r.lines[k.order], 0), "\n")
}

// maxComplaint is how many lines up the first one is looked for.
const maxComplaint = 30

// foreign is a last line without a level where the lines before it have one: it
// was not written by the logger, but by log.Fatal, a shell, the runtime.
func foreign(lines []string) (string, bool) {
	last := len(lines) - 1
	for last >= 0 {
		text, level := logscan.Plain(lines[last])
		if level != logscan.LevelUnset && goodbye.MatchString(text) && level < logscan.LevelError {
			last--
			continue
		}
		if level != logscan.LevelUnset || last == 0 {
			return "", false
		}
		for _, line := range lines[max(0, last-5):last] {
			if logscan.LevelOf(line) == logscan.LevelUnset {
				return "", false
			}
		}
		return text, true
	}
	return "", false
}
