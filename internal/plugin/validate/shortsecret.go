package validate

import (
	"fmt"
	"regexp"
)

// leastKey is how many characters a key for signing should have (RFC 7518, 3.2:
// a key for HS256 has 256 bits or more).
const leastKey = 32

// shortSecret: a key for signatures that can be guessed lets anybody sign.
var shortSecret = rule{
	Rule: Rule{"short-secret", "A key for signing is too short"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, v := range p.secretsOf(s) {
				n := len(p.value(s, v.Name))
				if n == 0 || n >= leastKey || !signingKey.MatchString(v.Name) || p.weak(s, v.Name) != "" || p.isTold(s, "short", v.Name) {
					continue
				}
				f := p.variable(s.Name, v.Name, fmt.Sprintf("%s has %d characters; a key for signing needs %d or more", p.subject(s, v.Name), n, leastKey),
					"generate one, such as by `openssl rand -hex 32`")
				f.Severity = p.graver(s, v.Name)
				report(f)
			}
		}
	},
}

var signingKey = regexp.MustCompile(`(?i)JWT\w*SECRET|JWT\w*KEY$|SIGNING_(?:SECRET|KEY)|SECRET_KEY(?:_BASE)?$|SESSION_SECRET|COOKIE_SECRET`)
