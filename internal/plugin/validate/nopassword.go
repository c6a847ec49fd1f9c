package validate

import (
	"fmt"
	"slices"
	"strings"
)

// noPassword: a database that lets everybody in who reaches it.
var noPassword = rule{
	Rule: Rule{"no-password", "A database lets everybody in without a password"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, name := range lets {
				value := strings.ToLower(p.value(s, name))
				trusts := name == "POSTGRES_HOST_AUTH_METHOD" && value == "trust"
				empty := strings.Contains(name, "ALLOW_EMPTY") && slices.Contains([]string{"yes", "true", "1"}, value)
				if trusts || empty {
					f := p.variable(s.Name, name, fmt.Sprintf("%s lets everybody in without a password, by %s=%s", s.Name, name, p.value(s, name)), "give it a password")
					f.Severity = Warning
					report(f)
				}
			}
		}
	},
}
