package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
)

// noPassword: a database that lets everybody in who reaches it. Images of clients have
// the same variables, and mean by them that their database may do so.
var noPassword = rule{
	Rule: Rule{"no-password", "A database lets everybody in without a password"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			if name := p.letsIn(s); name != "" {
				f := p.variable(s.Name, name, fmt.Sprintf("%s lets everybody in without a password, by %s=%s", s.Name, name, p.value(s, name)), "give it a password")
				f.Severity = Warning
				report(f)
			}
		}
	},
}

// letsIn is the variable by which a database lets everybody in, empty where there is
// none.
func (p *project) letsIn(s compose.Service) string {
	if !isDatabase(s) {
		return ""
	}
	for _, name := range lets {
		value := strings.ToLower(p.value(s, name))
		trusts := name == "POSTGRES_HOST_AUTH_METHOD" && value == "trust"
		empty := strings.Contains(name, "ALLOW_EMPTY") && slices.Contains([]string{"yes", "true", "1"}, value)
		if trusts || empty {
			return name
		}
	}
	return ""
}
