package diagnosis

import (
	"regexp"
)

var (
	// fatalLine is how programs announce the end in their own words.
	fatalLine = regexp.MustCompile(`(?i)^(?:[\w.-]+: )?(?:fatal|panic|critical|fatal error|uncaught|unhandled)\b[: ]|startup failed|failed to start|application exited|(?:service|server|worker) (?:exited|crashed|failed)|unhandled (?:exception|rejection|error)|terminating (?:due|because)|exiting (?:due|because|with)|aborting|giving up|bootstrap failed|fatal:|could not start|cannot start|unable to start|refusing to start|initiali[sz]ation failed|failed to initiali[sz]e|, exiting$|^[EF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w.-]+:\d+\] `)
	// wrapper is a fatal line that says nothing of the reason.
	wrapper = regexp.MustCompile(`(?i)giving up|bootstrap failed|startup failed$|failed to start\w*(?: server| application| service)?[.!]?$|shutting down|exiting|unable to connect|could not connect|failed to connect|connection failed|not ready|after \d+ (?:attempts|retries|tries)|Unhandled (?:exception|rejection)|application (?:run )?failed|Application exited|initiali[sz]ation failed|no progress|no (?:records|messages|assignment)|within \d+ ?s|NonRetriable|Connection is closed|Task failed|operation (?:was )?aborted|timed? ?out|no assignment`)
	// goodbye are the polite lines of a program that stops.
	goodbye = regexp.MustCompile(`(?i)shut(?:ting)? ?down|bye\b|clos(?:ing|ed)|clean(?:ing|ed)? ?up|stopp(?:ing|ed)|exit(?:ing|ed)?\b|goodbye|\bterminat|flush|releas|drain|graceful|^Node\.js v\d|^npm |exit status|^\s*$|^[})\]]+;?$|^\s+at |goroutine|^\s+`)
	// troubled is a line that says that something is wrong, whatever it is.
	troubled = regexp.MustCompile(`(?i)\b(?:can'?t|cannot|can not|couldn'?t|could not|unable to|fail(?:ed|s|ure)?|errors?|invalid|no such|denied|refused|missing|not found|fatal|aborted|unknown|unexpected|exception|panic|incorrect|corrupt\w*|mismatch|unsupported|rejected|timed out|do(?:es)? not exist|doesn't exist|not (?:set|defined|specified|given|accessible|allowed|permitted|valid|supported))\b`)
	// reason is a line that gives a reason to end and does not say that it is wrong.
	reason = regexp.MustCompile(`(?i)\b(?:disabled|please|must|needs? to|have to|required|entered FATAL state)\b`)
)
