package validate

import (
	"fmt"
	"strings"

	"github.com/bridgestack/operator/internal/redact"
)

// literalSecret: whoever can read the file has it, and so has the repository's
// history.
var literalSecret = rule{
	Rule: Rule{"literal-secret", "A secret is spelled out in the compose file"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, v := range p.secretsOf(s) {
				written, isWritten := p.Written("services", s.Name, "environment", v.Name)
				value := p.value(s, v.Name)
				if !isWritten || !holdsSecret(v.Name, value) || !redact.Sensitive(v.Name, value) || strings.Contains(strings.ReplaceAll(written, "$$", ""), "$") || strings.HasPrefix(value, "/") || p.weak(s, v.Name) != "" {
					continue
				}
				f := p.variable(s.Name, v.Name, fmt.Sprintf("%s of %s is spelled out in the file", v.Name, s.Name), fmt.Sprintf("write ${%s:?} and keep the value in .env, out of commits", v.Name))
				f.Severity = Warning
				report(f)
			}
		}
	},
}
