package validate

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/plugin/images"
	"github.com/bridgestack/operator/internal/redact"
)

// weakSecret: a password that everybody tries first.
var weakSecret = rule{
	Rule: Rule{"weak-secret", "A secret has a value that everybody knows"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, v := range s.Env {
				if why := p.weak(s, v.Name); why != "" && !p.isOthers(s, v.Name) && !p.isTold(s, "weak", v.Name) {
					if o, _ := p.originOf(s, v.Name); o.variable != "" && why == knownInURL && len(p.sharing(s, v.Name)) > 1 {
						why = knownToAll
					}
					f := p.variable(s.Name, v.Name, p.subject(s, v.Name)+" "+why, weakCure)
					f.Severity = p.graver(s, v.Name)
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

// Why a value is no secret: it is known, by itself or as the password in a URL.
const (
	knownToAll = "has a value that everybody knows"
	knownInURL = "has a password in its URL that everybody knows"
)

// weak says why a service's variable is no secret.
func (p *project) weak(s compose.Service, name string) string {
	value := p.value(s, name)
	if why := weak(name, value); why != "" || !holdsSecret(name, value) {
		return why
	}
	for _, v := range s.Env {
		if userName.MatchString(v.Name) && p.value(s, v.Name) == value {
			return "has the value of " + v.Name
		}
	}
	if isMadeOf(value, p.ownWords()) {
		return "has a value that everybody can guess"
	}
	return ""
}

// ownWords are names of the project, which everybody tries next.
func (p *project) ownWords() []string {
	if p.words == nil {
		p.words = append(p.words, strings.ToLower(p.facts.Project))
		for _, s := range p.facts.Services {
			p.words = append(p.words, strings.ToLower(s.Name), strings.ToLower(images.Repository(s.Image)), strings.ToLower(s.Database))
		}
		for _, w := range slices.Clone(p.words) {
			p.words = append(p.words, separators.Split(w, -1)...)
		}
		p.words = slices.DeleteFunc(p.words, func(w string) bool { return len(w) < 3 })
	}
	return p.words
}

var separators = regexp.MustCompile(`[^a-z0-9]+`)

var userName = regexp.MustCompile(`(?i)USER(?:_?NAME)?$`)

const weakCure = "generate one, such as by `openssl rand -hex 24`, and keep it out of the compose file"

// wellKnown are the first that anybody tries.
var wellKnown = []string{
	"postgres", "postgresql", "mysql", "mariadb", "redis", "mongo", "mongodb", "root", "admin", "administrator", "user", "guest", "test", "testing", "tester",
	"password", "passwort", "pass", "passwd", "secret", "changeme", "change", "changeit", "default", "example", "demo", "dev", "develop", "development", "local", "localhost",
	"minioadmin", "minio", "rabbitmq", "rabbit", "kafka", "grafana", "qwerty", "letmein", "welcome", "supersecret", "mysecretpassword", "keycloak", "airflow", "elastic",
	"wordpress", "nextcloud", "debezium", "docker", "compose", "django", "rails", "laravel", "homestead", "sail", "odoo", "gitea", "gitlab", "jenkins", "sonar", "sonarqube",
	"mssql", "oracle", "sqlserver", "sql", "database", "db", "server", "app", "application", "api", "web", "service", "temporal", "superset", "metabase", "n8n", "kong", "zabbix",
}

// fillers stand beside a word that everybody tries.
var fillers = []string{"my", "some", "your", "the", "a", "an", "this", "is", "not", "me", "it", "very", "strong", "super", "secure", "long", "random", "key", "token", "jwt", "word", "please", "replace", "with", "value", "string", "here", "in", "production", "prod", "for", "only", "use", "and", "or", "auth", "session", "encryption", "hash", "salt", "at", "least", "characters", "char", "chars"}

// known by the keys' places, or in other alphabets.
var otherKnown = []string{"q1w2e3r4", "q1w2e3r4t5", "1q2w3e4r", "1qaz2wsx", "zaq12wsx", "abc123", "abcd1234", "asdf", "asdfgh", "foo", "bar", "foobar", "xxx", "hunter2", "correcthorsebatterystaple"}

// placeholders are values that are to be replaced.
var placeholders = regexp.MustCompile(`(?i)^(?:your[-_ ].*|<.*>|change[-_ ]?(?:me|this|it).*|replace[-_ ]?(?:me|this|with).*|x{3,}|todo.*|fixme.*|insert[-_ ].*|generate[-_ ](?:a|me|one|your|with|this)(?:[-_ ].*)?)$`)

// urlPassword is the one in a URL.
var urlPassword = regexp.MustCompile(`://([^\s:/@]*):([^\s/@]+)@`)

// weak says why a variable's value is no secret, without telling it.
func weak(name, value string) string {
	if m := urlPassword.FindStringSubmatch(value); m != nil {
		if isWellKnown(m[2]) || m[1] == m[2] {
			return knownInURL
		}
		return ""
	}
	if !holdsSecret(name, value) {
		return ""
	}
	switch {
	case isWellKnown(value):
		return knownToAll
	case placeholders.MatchString(value):
		return "still has a placeholder for its value"
	}
	return ""
}

func isWellKnown(value string) bool {
	return slices.Contains(otherKnown, strings.ToLower(value)) || isMadeOf(value, nil)
}

// plainer undoes what people write for letters in passwords.
var plainer = strings.NewReplacer("@", "a", "4", "a", "3", "e", "0", "o", "$", "s", "5", "s", "1", "i", "!", "i")

// isMadeOf says that a value is nothing but words that everybody tries, or the
// given ones, with digits and signs at most beside them.
func isMadeOf(value string, words []string) bool {
	if value == "" {
		return false
	}
	lower := strings.ToLower(value)
	rest := strings.Trim(lower, "0123456789!@#$%^&*()_-+=.?")
	return strings.Trim(value, value[:1]) == "" || rest == "" && len(value) <= 12 || rest != "" && (isComposed(rest, words) || isComposed(plainer.Replace(lower), words) || isComposed(plainer.Replace(rest), words))
}

// isComposed takes a text apart into words; what separates them does not count.
func isComposed(text string, words []string) bool {
	if len(text) > 64 {
		return false
	}
	reached := make([]bool, len(text)+1)
	reached[0] = true
	for i := range len(text) {
		if !reached[i] {
			continue
		}
		if c := text[i]; c < 'a' || c > 'z' {
			reached[i+1] = true
		}
		for _, list := range [][]string{fillers, wellKnown, words} {
			for _, w := range list {
				if w != "" && strings.HasPrefix(text[i:], w) {
					reached[i+len(w)] = true
				}
			}
		}
	}
	return reached[len(text)]
}

// holdsSecret says that a variable holds a secret itself: its name ends in what
// secrets are called, and its value is no switch.
func holdsSecret(name, value string) bool {
	return value != "" && redact.SensitiveName(name) && secretEnding.MatchString(name) && !isSwitch(name, value)
}

var secretEnding = regexp.MustCompile(`(?i)(?:PASS(?:WORDS?|WD|PHRASE|CODE)?|PWD|PW|SECRETS?|TOKEN|KEY|KEY_BASE|CREDENTIALS?|SALT)(?:_?\d+)?$|^NEO4J_AUTH$`)

// switchName is a variable that is about passwords and holds none.
var switchName = regexp.MustCompile(`(?i)ALLOW|RANDOM|ENABLE|DISABLE|REQUIRE|EMPTY`)

func isSwitch(name, value string) bool {
	return switchName.MatchString(name) || slices.Contains([]string{"true", "false", "yes", "no", "1", "0", "on", "off"}, strings.ToLower(value))
}

// secretsOf a service: variables whose names say that they hold one.
func (p *project) secretsOf(s compose.Service) []compose.Variable {
	var out []compose.Variable
	for _, v := range s.Env {
		if redact.SensitiveName(v.Name) && !isSwitch(v.Name, p.value(s, v.Name)) {
			out = append(out, v)
		}
	}
	return out
}
