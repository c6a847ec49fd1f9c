package validate

import (
	"strings"

	"github.com/bridgestack/operator/internal/compose"
)

// dependencyCycle: services that wait for each other, of which none can start.
var dependencyCycle = rule{Rule: Rule{"dependency-cycle", "Services depend on each other in a circle"}}

const cycleWords = "dependency cycle detected: "

func isCycle(message string) bool { return strings.Contains(message, cycleWords) }

func cycleFinding(message string, files []compose.File) Finding {
	_, circle, _ := strings.Cut(message, cycleWords)
	first, _, _ := strings.Cut(circle, " -> ")
	f := Finding{
		Message: "the services " + circle + " wait for each other: none of them can start",
		Cure:    "take one of these depends_on away, and let that service try again until the other one is there",
	}
	for _, s := range scalarsOf(files) {
		if s.text == first {
			f.File, f.Line, f.Column = s.file, s.line, s.column
			break
		}
	}
	return f
}
