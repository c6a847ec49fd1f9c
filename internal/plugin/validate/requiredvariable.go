package validate

import (
	"fmt"
	"regexp"
	"strings"
)

// requiredVariable: ${NAME:?why} of which the environment has none. A stand-in
// is put there for the rules after it.
var requiredVariable = rule{
	Rule: Rule{"required-variable", "A variable that the project requires has no value"},
	source: func(s *source, report report) {
		missing := map[string]bool{}
		for _, text := range s.scalars {
			for _, m := range required.FindAllStringSubmatchIndex(text.text, -1) {
				name, colon, reason := text.text[m[2]:m[3]], m[4] < m[5], text.text[m[6]:m[7]]
				value, set := s.environment[name]
				if set && (value != "" || !colon) && !missing[name] || escaped(text.text, m[0]) {
					continue
				}
				missing[name] = true
				s.environment[name] = standIn
				f := Finding{File: text.file, Line: text.line, Column: text.column, Message: "the required variable " + name + " is not set"}
				if reason != "" {
					f.Message += ": " + reason
				}
				f.Cure = fmt.Sprintf("set %s in .env or in the environment", name)
				report(f)
			}
		}
	},
}

// required is ${NAME:?why} and ${NAME?why}.
var required = regexp.MustCompile(`\$\{([A-Za-z_]\w*)(:?)\?([^}]*)\}`)

// standIn is taken where a number, a port or a text is wanted.
const standIn = "1"

// escaped says that the dollar at i is one of $$.
func escaped(text string, i int) bool {
	return (len(text[:i])-len(strings.TrimRight(text[:i], "$")))%2 == 1
}
