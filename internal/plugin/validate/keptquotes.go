package validate

import (
	"fmt"
	"strings"
)

// keptQuotes: in a list's NAME="value" YAML leaves the quotes, and so does compose.
var keptQuotes = rule{
	Rule: Rule{"kept-quotes", "Quotes become a part of a variable's value"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, v := range s.Env {
				written, ok := p.Written("services", s.Name, "environment", v.Name)
				n := len(written)
				if !ok || n < 2 || !p.isListed(s.Name, v.Name) || written[0] != written[n-1] || written[0] != '"' && written[0] != '\'' {
					continue
				}
				f := p.variable(s.Name, v.Name, fmt.Sprintf("the value of %s of %s begins and ends with quotes", v.Name, s.Name), fmt.Sprintf("write - %s=value, or put the quotes around all of it: - \"%s=value\"", v.Name, v.Name))
				f.Severity = Warning
				report(f)
			}
		}
	},
}

// isListed says that a variable stands in a list, as NAME=value. In a mapping, quotes
// within quotes are meant.
func (p *project) isListed(service, name string) bool {
	place := p.At("services", service, "environment", name)
	line, _ := lineOf(p.files, place.File, place.Line)
	return strings.Contains(line, name+"=")
}
