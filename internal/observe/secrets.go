package observe

import (
	"maps"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// namedValues are values with all the names that they go by: a Secret's key,
// and the variables that it comes in.
type namedValues map[string][]string

func (n namedValues) add(name, value string) {
	if value != "" {
		n[value] = append(n[value], name)
	}
}

// secrets are the values to be redacted, in a fixed order: all but coordinates.
// Teams keep host, user and database beside the password in one Secret. Servers
// name these in their messages, and stacks, topics and images are called like
// them: were "bridge" redacted wherever it stands, little evidence would be left.
func (n namedValues) secrets() []evidence.Secret {
	var out []evidence.Secret
	for _, value := range slices.Sorted(maps.Keys(n)) {
		names := n[value]
		if slices.ContainsFunc(names, func(n string) bool { return redact.IsCoordinate(n, value) }) && !slices.ContainsFunc(names, redact.SensitiveName) {
			continue
		}
		out = append(out, evidence.NewSecret(value))
	}
	return out
}

// addSecrets adds all values of the Secrets.
func (n namedValues) addSecrets(found objects) {
	for key, o := range found {
		if key.kind != kindSecret {
			continue
		}
		for name, value := range o.data {
			n.add(name, value)
		}
	}
}

// addEnv adds the secret variables.
func (n namedValues) addEnv(env evidence.Env) {
	for name, v := range env.Variables {
		if v.Secret.IsSet() {
			n.add(name, v.Secret.Reveal())
		}
	}
}

// places are last words of names whose values say where something is.
var places = []string{"host", "hostname", "hosts", "server", "servers", "broker", "brokers", "address", "addr"}

// markMisplaced marks the variables that ought to say where something is and
// hold a secret instead, as where two keys of a Secret were swapped: what stands
// there is neither shown nor looked up.
func markMisplaced(env evidence.Env, redactor *redact.Redactor) {
	for name, v := range env.Variables {
		words := wordsOf(name)
		if len(words) == 0 || !slices.Contains(places, words[len(words)-1]) || redactor.Text(v.Text()) != evidence.Redacted {
			continue
		}
		v.Secret, v.Value, v.Misplaced = evidence.NewSecret(v.Text()), "", true
		env.Variables[name] = v
	}
}

func wordsOf(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
}
