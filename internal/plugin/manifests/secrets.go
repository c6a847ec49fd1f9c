package manifests

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/connection"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// secretStore is the project's Secret.
type secretStore struct {
	values map[string]secretValue
	// keys of variables, by service and variable.
	keys map[[2]string]string
}

// secretValue is what stands under a key.
type secretValue struct {
	value string
	// open says that the compose file spells it out.
	open bool
	// from says where it comes from, such as ${API_KEY}.
	from string
}

// collectSecrets finds the variables that may hold secrets. Services that have
// the same value under the same name share a key.
func (b *builder) collectSecrets() secretStore {
	store := secretStore{values: map[string]secretValue{}, keys: map[[2]string]string{}}
	found := map[string]map[string]secretValue{} // by variable and service
	for _, s := range b.Facts.Services {
		for name, value := range b.Project.Model.Services[s.Name].Environment {
			if v, ok := b.secretOf(s.Name, name, value); ok {
				if found[name] == nil {
					found[name] = map[string]secretValue{}
				}
				found[name][s.Name] = v
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		shared := allEqual(found[name])
		for _, service := range slices.Sorted(maps.Keys(found[name])) {
			key := keyOf(name)
			if !shared {
				key = keyOf(service + "." + name)
			}
			store.keys[[2]string{service, name}] = key
			v := found[name][service]
			v.open = v.open || store.values[key].open
			store.values[key] = v
		}
	}
	return store
}

func allEqual(values map[string]secretValue) bool {
	first := true
	var value string
	for _, v := range values {
		if !first && v.value != value {
			return false
		}
		value, first = v.value, false
	}
	return true
}

// secretOf is a variable that may hold a secret: one by its name or form that
// has a value or is to get one.
func (b *builder) secretOf(service, name string, value *string) (secretValue, bool) {
	written, isWritten := b.Project.Written("services", service, "environment", name)
	if value == nil {
		return secretValue{from: "the environment, as " + name}, connection.SensitiveName(name)
	}
	interpolated := isWritten && strings.Contains(strings.ReplaceAll(written, "$$", ""), "$")
	if !connection.Sensitive(name, *value) || *value == "" && !interpolated {
		return secretValue{}, false
	}
	v := secretValue{value: b.renamedValue(service, name, *value), from: "an env_file, an included file or another service"}
	if isWritten {
		v.from = "the environment, as " + strings.Join(variablesIn(written), ", ")
		v.open = spelledOut(written) == *value && *value != ""
	}
	return v, true
}

// variablesIn a written value, in their order.
func variablesIn(written string) []string {
	var out []string
	for _, m := range variable.FindAllStringSubmatch(strings.ReplaceAll(written, "$$", ""), -1) {
		if !slices.Contains(out, m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}

var variable = regexp.MustCompile(`\$\{?([A-Za-z_]\w*)`)

// spelledOut is what a written value comes to where no variable is set: its
// literal text and its defaults.
func spelledOut(written string) string {
	text, err := template.SubstituteWithOptions(written, func(string) (string, bool) { return "", false }, template.WithoutLogging)
	if err != nil {
		return "" // a variable is required
	}
	return text
}

// put adds a file's value under a key of its own.
func (s *secretStore) put(name string, v secretValue) string {
	key := keyOf(name)
	if other, taken := s.values[key]; taken && other.value != v.value {
		key = "file." + key
	}
	s.values[key] = v
	return key
}

func (b *builder) secretName() string { return b.project + "-secrets" }

// document is the Secret, with a word on what it lacks.
func (s *secretStore) document(b *builder) (Document, bool) {
	if len(s.values) == 0 {
		return Document{}, false
	}
	o := &corev1.Secret{ObjectMeta: b.meta(b.secretName()), StringData: map[string]string{}}
	o.Kind, o.APIVersion = "Secret", "v1"
	var missing []string
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		v := s.values[key]
		switch {
		case v.open, b.Secrets && v.value != "":
			o.StringData[key] = v.value
		default:
			missing = append(missing, fmt.Sprintf("  %s: from %s", key, v.from))
			b.out.Missing = append(b.out.Missing, key)
		}
	}
	d := Document{Object: o}
	switch {
	case len(missing) > 0 && b.Secrets:
		d.Comment = "These keys have no value, as nothing gives them one; their pods cannot start without:\n" + strings.Join(missing, "\n")
	case len(missing) > 0:
		d.Comment = "A stub: these keys are left out, as their values are not in the compose file and\n" +
			"do not belong into a commit. Their pods wait for them.\n" + strings.Join(missing, "\n") +
			"\n`kubectl bridge init --manifests --with-secrets` fills them in, for whoever has the values."
	}
	if b.Secrets {
		d.Comment = strings.TrimPrefix(d.Comment+"\nWith values from your environment and files: do not commit this.", "\n")
	}
	return d, true
}

// knownSecrets finds values of secrets where none should be.
type knownSecrets map[string]knownSecret

type knownSecret struct {
	value string
	*redact.Redactor
}

// knownSecrets are those that come from outside of the compose file, but for
// such that cannot be told from ordinary text.
func (b *builder) knownSecrets() knownSecrets {
	known := knownSecrets{}
	add := func(name, value string) {
		r := redact.New(evidence.NewSecret(value))
		if value != "" && r.Text(value) != value {
			known[name] = knownSecret{value, r}
		}
	}
	for name, value := range b.Environment {
		if connection.Sensitive(name, value) {
			add(name, value)
		}
	}
	for _, key := range b.secrets.keys {
		if s := b.secrets.values[key]; !s.open {
			add(key, s.value)
		}
	}
	return known
}

// in says which secret a text holds, as it is or in another encoding.
func (k knownSecrets) in(text string) (name string, found bool) {
	plain := redact.New().Text(text)
	for _, name := range slices.Sorted(maps.Keys(k)) {
		if strings.Contains(text, k[name].value) || k[name].Text(text) != plain {
			return name, true
		}
	}
	return "", false
}

// hidden is a text of a committed file without secrets in it. What is left tells
// by its look that something must be filled in.
func (u *unit) hidden(attribute, text string) string {
	name, found := u.known.in(text)
	if !found || u.Secrets {
		return text
	}
	u.note(u.Name, attribute, fmt.Sprintf("the value of %s is in it and was left out; have the container read it from a variable or a file", name))
	return u.known[name].Text(text)
}
