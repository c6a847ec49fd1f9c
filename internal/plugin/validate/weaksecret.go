package validate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/connection"
)

// weakSecret: a password that everybody tries first.
var weakSecret = rule{
	Rule: Rule{"weak-secret", "A secret has a value that everybody knows"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, v := range s.Env {
				if why := p.weak(s, v.Name); why != "" {
					f := p.variable(s.Name, v.Name, fmt.Sprintf("%s of %s %s", v.Name, s.Name, why), weakCure)
					f.Severity = p.graver(s)
					report(f)
				}
			}
		}
	},
	env: func(e *envFile, report report) {
		for _, v := range e.variables {
			if why := weak(v.name, v.value); why != "" {
				report(Finding{Severity: e.graver(), File: e.name, Line: v.line, Column: 1, Message: v.name + " " + why, Cure: weakCure})
			}
		}
	},
}

// weak says why a service's variable is no secret.
func (p *project) weak(s compose.Service, name string) string {
	value := p.value(s, name)
	if why := weak(name, value); why != "" || value == "" || !connection.SensitiveName(name) || isSwitch(name, value) {
		return why
	}
	for _, v := range s.Env {
		if userName.MatchString(v.Name) && p.value(s, v.Name) == value {
			return "has the value of " + v.Name
		}
	}
	return ""
}

var userName = regexp.MustCompile(`(?i)USER(?:_?NAME)?$`)

const weakCure = "generate one, such as by `openssl rand -hex 24`, and keep it out of the compose file"

// wellKnown are the first that anybody tries.
var wellKnown = []string{
	"postgres", "postgresql", "mysql", "mariadb", "redis", "mongo", "root", "admin", "administrator", "user", "guest", "test", "testing",
	"password", "passw0rd", "pass", "secret", "changeme", "change-me", "change_me", "changeit", "default", "example", "demo", "dev", "development",
	"minioadmin", "minio", "minio123", "rabbitmq", "kafka", "grafana", "qwerty", "letmein", "123456", "12345678", "1234", "supersecret", "mysecretpassword",
}

// placeholders are values that are to be replaced.
var placeholders = regexp.MustCompile(`(?i)^(?:your[-_ ].*|<.*>|change[-_ ]?(?:me|this|it).*|replace[-_ ]?(?:me|this|with).*|x{3,}|todo.*|fixme.*|insert[-_ ].*)$`)

// urlPassword is the one in a URL.
var urlPassword = regexp.MustCompile(`://([^\s:/@]*):([^\s/@]+)@`)

// weak says why a variable's value is no secret, without telling it.
func weak(name, value string) string {
	if m := urlPassword.FindStringSubmatch(value); m != nil {
		if isWellKnown(m[2]) || m[1] == m[2] {
			return "has a password in its URL that everybody knows"
		}
		return ""
	}
	if !connection.SensitiveName(name) || isSwitch(name, value) || value == "" {
		return ""
	}
	switch {
	case isWellKnown(value):
		return "has a value that everybody knows"
	case placeholders.MatchString(value):
		return "still has a placeholder for its value"
	}
	return ""
}

func isWellKnown(value string) bool { return slices.Contains(wellKnown, strings.ToLower(value)) }

// switchName is a variable that is about passwords and holds none.
var switchName = regexp.MustCompile(`(?i)ALLOW|RANDOM|ENABLE|DISABLE|REQUIRE|EMPTY`)

func isSwitch(name, value string) bool {
	return switchName.MatchString(name) || slices.Contains([]string{"true", "false", "yes", "no", "1", "0", "on", "off"}, strings.ToLower(value))
}

// secretsOf a service: variables whose names say that they hold one.
func (p *project) secretsOf(s compose.Service) []compose.Variable {
	var out []compose.Variable
	for _, v := range s.Env {
		if connection.SensitiveName(v.Name) && !isSwitch(v.Name, p.value(s, v.Name)) {
			out = append(out, v)
		}
	}
	return out
}
