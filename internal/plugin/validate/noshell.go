package validate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// noShell: compose runs no shell of its own, and cuts a line off at the first sign
// that only a shell understands.
var noShell = rule{
	Rule: Rule{"no-shell", "A command needs a shell, and none runs it"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, attribute := range []string{"command", "entrypoint"} {
				line, isLine := p.Written("services", s.Name, attribute)
				sign := unquoted(line)
				if !isLine || sign == "" || throughShell.MatchString(line) || attribute == "command" && slices.ContainsFunc(p.Model.Services[s.Name].Entrypoint, isShell) {
					continue
				}
				report(p.at(fmt.Sprintf("the %s of %s has %s in it, and no shell runs it: it is cut off there", attribute, s.Name, sign), "write sh -c '...', or a list: [sh, -c, \"...\"]", "services", s.Name, attribute))
			}
		}
	},
}

var throughShell = regexp.MustCompile(`(?:^|/|\s)(?:ba|da|a|z|k)?sh\s+(?:-\w+\s+)*-\w*c\b`)

func isShell(word string) bool { return shellName.MatchString(word) }

var shellName = regexp.MustCompile(`(?:^|/)(?:ba|da|a|z|k)?sh$`)

// unquoted is the first sign for a shell that stands outside of quotes.
func unquoted(line string) string {
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case strings.HasPrefix(line[i:], "${"):
			i = variableEnd(line, i)
		case strings.HasPrefix(line[i:], "&&"):
			return "&&"
		case strings.IndexByte(";|<>&", c) >= 0:
			return string(c)
		}
	}
	return ""
}

// variableEnd is where a variable at i ends, with whatever is in it.
func variableEnd(line string, i int) int {
	for depth := 0; i < len(line); i++ {
		switch line[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}
