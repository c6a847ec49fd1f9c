package diagnosis

import (
	"regexp"
	"strings"
)

// phrase is one way in which programs of any kind say a thing about themselves. It is
// data, with a line that it must be found in and one that it must not.
type phrase struct{ words, match, not string }

// anyOf is an expression that one of several phrases matches, in whatever case.
func anyOf(phrases []phrase) *regexp.Regexp {
	words := make([]string, len(phrases))
	for i, p := range phrases {
		words[i] = p.words
	}
	return regexp.MustCompile(`(?i)` + strings.Join(words, "|"))
}

// fatalPhrases are how programs announce the end in their own words.
var fatalPhrases = []phrase{
	{`^(?:[\w.-]+: )?(?:fatal|panic|critical|fatal error|uncaught|unhandled)\b[: ]`, "shopd: fatal error: no tariff", "INFO fatal errors: 0"},
	{`fatal:`, "app[1]: FATAL: no tariff", "INFO no fatal errors"},
	{`startup failed|bootstrap failed`, "Application startup failed. Exiting.", "INFO startup done"},
	{`failed to (?:start|initiali[sz]e)`, "failed to initialize plugin tariffs", "INFO initialized 3 plugins"},
	{`(?:could not|cannot|unable to) start`, "cannot start: no tariff", "INFO started"},
	{`refusing to start`, "refusing to start with the default key", "INFO starting"},
	{`initiali[sz]ation failed`, "initialization failed", "INFO initialization done"},
	{`application exited`, "Application exited", "INFO application started"},
	{`(?:service|server|worker) (?:exited|crashed|failed)`, "worker crashed", "INFO worker ready"},
	{`unhandled (?:exception|rejection|error)`, "an unhandled exception occurred", "INFO handled 3 exceptions"},
	{`(?:terminating|exiting) (?:due|because)`, "terminating due to the error above", "INFO session terminated"},
	{`exiting with`, "exiting with status 1", "INFO exit of the wizard"},
	{`, exiting$`, "no tariff, exiting", "INFO exiting the maintenance window"},
	{`aborting|giving up`, "giving up after 5 attempts", "INFO 3 abortions of carts"},
	{`^[EF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w.-]+:\d+\] `, "E1201 09:00:01.000000       1 main.go:88] no tariff", "I1201 09:00:01.000000       1 main.go:88] ready"},
}

// wrapperPhrases are in lines that say that it ends and nothing of why.
var wrapperPhrases = []phrase{
	{`giving up|after \d+ (?:attempts|retries|tries)`, "giving up after 5 attempts", "attempt 5 of 5"},
	{`bootstrap failed|startup failed$|initiali[sz]ation failed`, "startup failed", "startup failed: no tariff"},
	{`failed to start\w*(?: server| application| service)?[.!]?$`, "Failed to start server.", "failed to start: no tariff"},
	{`application (?:run )?failed|application exited`, "Application run failed", "no application"},
	{`shutting down|exiting`, "shutting down", "the exit code is 3"},
	{`(?:unable to|could not|failed to) connect|connection failed`, "could not connect to the broker", "connected"},
	{`connection is closed`, "Connection is closed.", "the shop is closed"},
	{`not ready|no progress|within \d+ ?s`, "not ready within 30s", "ready"},
	{`timed? ?out|(?:operation (?:was )?|task )(?:aborted|failed)`, "the operation was aborted", "a task was done"},
	{`no (?:records|messages|assignment)`, "no assignment after 30 polls", "2 records"},
	{`unhandled (?:exception|rejection)|nonretriable`, "Unhandled rejection", "handled"},
}

// goodbyePhrases are the polite words of a program that stops.
var goodbyePhrases = []phrase{
	{`shut(?:ting)? ?down|\b(?:good)?bye\b`, "shutting down the pool", "the shutters are down"},
	{`\bclos(?:ing|ed)\b|\bstopp(?:ing|ed)\b`, "connection closed", "a closet was ordered"},
	{`clean(?:ing|ed)? ?up`, "cleaning up", "the cleaner came"},
	{`\bexit(?:ing|ed)?\b`, "worker exited", "an exitus"},
	{`\bterminat(?:ing|ed|ion)\b`, "terminating workers", "the terminal is open"},
	{`\b(?:flush|drain|releas)(?:ing|ed)\b`, "flushing 3 spans", "the release is 1.4"},
	{`graceful`, "graceful stop", "a graceless end"},
}

var (
	fatalLine = anyOf(fatalPhrases)
	wrapper   = anyOf(wrapperPhrases)
	// goodbye is such a line, and what runtimes and loggers print beneath the last
	// record: frames, brackets that close it, what is indented.
	goodbye = regexp.MustCompile(anyOf(goodbyePhrases).String() + `|^Node\.js v\d|^npm |^\s*$|^[})\]]+;?$|^\s+|goroutine`)
	// troubled is a line that says that something is wrong, whatever it is.
	troubled = regexp.MustCompile(`(?i)\b(?:can'?t|cannot|can not|couldn'?t|could not|unable to|fail(?:ed|s|ure)?|errors?|invalid|no such|denied` +
		`|refused|missing|not found|fatal|aborted|unknown|unexpected|exception|panic|incorrect|corrupt\w*|mismatch|unsupported|rejected|timed out` +
		`|non-?existent|not an? valid|must exist|early exit|too (?:long|short|large|small|old|new|many|few)|do(?:es)? not exist|doesn't exist|not (?:set|defined|specified|given|accessible|allowed|permitted|valid|supported))\b`)
	// reason is a line that gives a reason to end and does not say that it is wrong.
	reason = regexp.MustCompile(`(?i)\b(?:disabled|please|must|needs? to|have to|required|entered FATAL state)\b`)
)
