package validate

import (
	"fmt"
	"slices"

	"github.com/bridgestack/operator/internal/redact"
)

// unsetVariable: ${NAME} of which nobody has a value. Compose puts nothing there.
var unsetVariable = rule{
	Rule: Rule{"unset-variable", "A variable has neither a value nor a default, and becomes empty"},
	project: func(p *project, report report) {
		for _, s := range p.scalars {
			for _, m := range plain.FindAllStringSubmatchIndex(s.text, -1) {
				name := s.text[m[2]:m[3]]
				if escaped(s.text, m[0]) || !slices.Contains(p.Unset, name) {
					continue
				}
				severity := Warning
				if redact.SensitiveName(name) && p.hasProduction() {
					severity = Error
				}
				report(Finding{
					Severity: severity, File: s.file, Line: s.line, Column: s.column,
					Message: name + " is set nowhere and becomes empty",
					Cure:    fmt.Sprintf("set %s in .env, or write ${%s:-default} or ${%s:?why it is needed}", name, name, name),
				})
			}
		}
	},
}
