package validate

import (
	"fmt"
	"regexp"
	"strings"
)

// productionSettings: what is meant for development only.
var productionSettings = rule{
	Rule: Rule{"production-settings", "A service in production has settings for development"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			if !p.inProduction(s) {
				continue
			}
			for _, v := range s.Env {
				if !lax(v.Name, p.value(s, v.Name)) {
					continue
				}
				f := p.variable(s.Name, v.Name, fmt.Sprintf("%s is in production with %s=%s", s.Name, v.Name, p.value(s, v.Name)), "set it as production needs it, or leave it to its default")
				f.Severity = Warning
				report(f)
			}
		}
	},
}

var (
	tlsSwitch   = regexp.MustCompile(`(?i)(?:^|_)(?:SSL|TLS)(?:_ENABLED|_MODE|MODE)?$`)
	debugSwitch = regexp.MustCompile(`(?i)^(?:\w+_)?DEBUG$`)
)

func lax(name, value string) bool {
	value = strings.ToLower(value)
	switch {
	case strings.EqualFold(name, "SECURITY_MODE"):
		return value == "permissive"
	case tlsSwitch.MatchString(name):
		return value == "false" || value == "disable" || value == "off"
	case debugSwitch.MatchString(name):
		return value == "true" || value == "1"
	}
	return false
}
