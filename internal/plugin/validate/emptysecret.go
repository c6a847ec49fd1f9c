package validate

import (
	"fmt"
	"slices"

	"github.com/bridgestack/operator/internal/compose"
)

// emptySecret: a secret that is declared and has no value.
var emptySecret = rule{
	Rule: Rule{"empty-secret", "A secret is empty"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, v := range p.secretsOf(s) {
				if p.value(s, v.Name) != "" || p.isUnset(s, v.Name) {
					continue
				}
				f := p.variable(s.Name, v.Name, fmt.Sprintf("%s of %s is empty", v.Name, s.Name), "give it a value, or take it away if the service can do without")
				f.Severity = p.graver(s)
				report(f)
			}
		}
	},
	env: func(e *envFile, report report) {
		for _, v := range e.secrets() {
			if v.value == "" {
				report(Finding{Severity: e.graver(), File: e.name, Line: v.line, Column: 1, Message: v.name + " is empty", Cure: "give it a value"})
			}
		}
	},
}

// isUnset says that a variable is what another rule tells of: one that takes its
// value from where there is none.
func (p *project) isUnset(s compose.Service, name string) bool {
	written, _ := p.Written("services", s.Name, "environment", name)
	m := plain.FindStringSubmatch(written)
	return m != nil && slices.Contains(p.Unset, m[1])
}
