package validate

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
)

// emptySecret: a secret that a server cannot do without, and has no value. That of
// a feature which is off may be empty.
var emptySecret = rule{
	Rule: Rule{"empty-secret", "A secret that is needed is empty"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			value := func(name string) (string, bool) {
				v := p.Model.Services[s.Name].Environment[name]
				return p.value(s, name), v != nil
			}
			for _, v := range p.secretsOf(s) {
				if p.value(s, v.Name) != "" || p.isUnset(s, v.Name) || !isNeeded(v.Name, value) || p.mayBeEmpty(s, v.Name) || p.isForOpen(s, v.Name) || p.isTold(s, "empty", v.Name) {
					continue
				}
				f := p.variable(s.Name, v.Name, p.subject(s, v.Name)+" is empty", "give it a value, or take it away if the service can do without")
				f.Severity = p.graver(s, v.Name)
				report(f)
			}
		}
	},
	env: func(e *envFile, report report) {
		value := func(name string) (string, bool) {
			i := slices.IndexFunc(e.variables, func(v assignment) bool { return v.name == name })
			if i < 0 {
				return "", false
			}
			return e.variables[i].value, true
		}
		for _, v := range e.secrets() {
			if v.value == "" && isNeeded(v.name, value) {
				report(Finding{Severity: e.graver(), File: e.name, Line: v.line, Column: 1, Message: v.name + " is empty", Cure: "give it a value"})
			}
		}
	},
}

// mayBeEmpty says that the file itself says so, by an empty default of a key that no
// server of the project is known to need.
func (p *project) mayBeEmpty(s compose.Service, name string) bool {
	written, _ := p.Written("services", s.Name, "environment", name)
	return !isDatabase(s) && emptyDefault.MatchString(written) && strings.Contains(name, "SECRET_KEY")
}

// isForOpen says that a password is for a server of the project that asks for none:
// the host beside it leads there.
func (p *project) isForOpen(s compose.Service, name string) bool {
	prefix := name[:strings.LastIndexByte(name, '_')+1]
	for _, host := range []string{"HOST", "HOSTNAME", "SERVER"} {
		if target, known := p.facts.ByName(p.value(s, prefix+host)); known && prefix != "" && p.letsIn(target) != "" {
			return true
		}
	}
	return false
}

var emptyDefault = regexp.MustCompile(`\$\{\w+:?-\}`)

// neededSecret are those that servers do not start without, or run open to all.
var neededSecret = regexp.MustCompile(`^(?:POSTGRES_PASSWORD|POSTGRESQL_PASSWORD|(?:MYSQL|MARIADB)_ROOT_PASSWORD|MONGO_INITDB_ROOT_PASSWORD|MINIO_ROOT_PASSWORD|(?:MSSQL_)?SA_PASSWORD|(?:\w+_)?SECRET_KEY(?:_BASE)?|RABBITMQ_DEFAULT_PASS)$`)

// lets are variables by which a server is told to do without a password.
var lets = []string{"POSTGRES_HOST_AUTH_METHOD", "MYSQL_ALLOW_EMPTY_PASSWORD", "MYSQL_RANDOM_ROOT_PASSWORD", "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD", "MARIADB_RANDOM_ROOT_PASSWORD", "ALLOW_EMPTY_PASSWORD"}

// isNeeded says that a secret has to have a value: by its name, or as the user
// beside it has one.
func isNeeded(name string, value func(string) (string, bool)) bool {
	if neededSecret.MatchString(name) {
		return !slices.ContainsFunc(lets, func(other string) bool { v, _ := value(other); return v != "" })
	}
	for _, ending := range []string{"PASSWORD", "PASSWD", "PASS"} {
		prefix, is := strings.CutSuffix(name, ending)
		if !is {
			continue
		}
		for _, user := range []string{"USER", "USERNAME", "LOGIN"} {
			if v, set := value(prefix + user); set && v != "" {
				return true
			}
		}
		return false
	}
	return false
}

// isUnset says that a variable is what another rule tells of: one that takes its
// value from where there is none.
func (p *project) isUnset(s compose.Service, name string) bool {
	written, _ := p.Written("services", s.Name, "environment", name)
	m := plain.FindStringSubmatch(written)
	return m != nil && slices.Contains(p.Unset, m[1])
}
