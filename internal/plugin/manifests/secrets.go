package manifests

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/compose"
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
	// open says that the project's committed files spell it out.
	open bool
	// from says where it comes from, such as ${API_KEY}.
	from string
	// why it may be a secret.
	why string
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

// secretOf is a variable that may hold a secret and has a value or is to get one:
// by its own name, by the form of its value, or by what is put into it.
func (b *builder) secretOf(service, name string, value *string) (secretValue, bool) {
	if value == nil {
		return secretValue{from: "the environment, as " + name, why: "its name says so"}, redact.SensitiveName(name)
	}
	parts, written := b.partsAt("services", service, "environment", name)
	v := secretValue{value: b.renamedValue(service, name, *value), why: "of the look of its value"}
	if redact.SensitiveName(name) {
		v.why = "its name says so"
	}
	if !written { // of an env_file, or passed through by its name alone
		v.from = "an env_file"
		if given, passed := b.Environment[name]; passed && given == *value {
			v.from = "the environment, as " + name
		}
		return v, *value != "" && (redact.Sensitive(name, *value) || looksSecret(name, *value))
	}
	return b.writtenSecret(v, parts, name, *value)
}

// writtenSecret is one whose text is written in the project.
func (b *builder) writtenSecret(v secretValue, parts []compose.Part, name, value string) (secretValue, bool) {
	variables := variablesIn(parts)
	v.from = "the environment, as " + strings.Join(variables, ", ")
	v.open = defaultOf(parts) == value && value != ""
	switch {
	case value == "" && mayBeEmpty(parts):
		return v, false
	case len(variables) == 0 && isSwitch(value):
		return v, false // about secrets, as ALLOW_EMPTY_PASSWORD is
	case slices.ContainsFunc(parts, b.isSecret):
		if v.why != "its name says so" {
			v.why = "a secret is put into it"
		}
		return v, true
	}
	fromOutside := len(variables) > 0 && !v.open
	return v, redact.Sensitive(name, value) || fromOutside && looksSecret(name, value)
}

// mayBeEmpty says that the file gives each of its variables a default.
func mayBeEmpty(parts []compose.Part) bool {
	return !slices.ContainsFunc(parts, func(p compose.Part) bool { return p.IsVariable() && !p.HasDefault })
}

func isSwitch(value string) bool {
	return slices.Contains([]string{"true", "false", "yes", "no", "on", "off", "1", "0"}, strings.ToLower(value))
}

// partsAt are the parts of a written value, where one is written.
func (b *builder) partsAt(path ...string) ([]compose.Part, bool) {
	written, ok := b.Project.Written(path...)
	return compose.Parts(written, b.Environment), ok
}

// isSecret says that a part of a value may be a secret: by the name of one of its
// variables, or by the look of what the environment puts in.
func (b *builder) isSecret(p compose.Part) bool {
	if slices.ContainsFunc(p.Variables, func(name string) bool { return redact.SensitiveName(name) || b.feeds[name] }) {
		return true
	}
	return p.IsVariable() && p.Text != p.Default && (redact.Sensitive("", p.Text) || looksSecret(p.Variables[0], p.Text))
}

// secretFeeds are the variables of the environment that are put into what is
// secret by its name, or stand for what is secret by its form, such as the password
// in a URL.
func (b *builder) secretFeeds() map[string]bool {
	out := map[string]bool{}
	for _, s := range b.Facts.Services {
		for name := range b.Project.Model.Services[s.Name].Environment {
			parts, _ := b.partsAt("services", s.Name, "environment", name)
			for i, p := range parts {
				whole := len(parts) == 1 && redact.SensitiveName(name)
				if whole || p.IsVariable() && isHidden(parts, i) {
					for _, v := range p.Variables {
						out[v] = true
					}
				}
			}
		}
	}
	return out
}

// isHidden says that whatever stands in the place of a part is a secret by its
// form, as between : and @ in a URL.
func isHidden(parts []compose.Part, i int) bool {
	const mark = "q7Wz9Kp2Lm4X"
	marked := slices.Clone(parts)
	marked[i].Text = mark
	return !strings.Contains(redact.New().Text(joinedText(marked)), mark)
}

// variablesIn a written value, each once, in their order.
func variablesIn(parts []compose.Part) []string {
	var out []string
	for _, p := range parts {
		for _, name := range p.Variables {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// defaultOf a written value is what it comes to where no variable is set: its
// literal text and its defaults.
func defaultOf(parts []compose.Part) string {
	var out strings.Builder
	for _, p := range parts {
		if p.IsVariable() {
			out.WriteString(p.Default)
		} else {
			out.WriteString(p.Text)
		}
	}
	return out.String()
}

// looksSecret says that a value which is spelled out nowhere in the project may
// be a secret though no name says so: it is random, or a URL that lets whoever
// knows it in.
func looksSecret(name, value string) bool {
	if strings.Contains(strings.ToLower(name), "webhook") && strings.Contains(value, "://") {
		return true
	}
	return slices.ContainsFunc(runs.FindAllString(value, -1), isRandom)
}

// runs of a value between the signs that separate words in names, paths and URLs.
var runs = regexp.MustCompile(`[A-Za-z0-9+=]{12,}`)

// isRandom tells a run of letters and digits from a word: digits and letters take
// turns in it, as in no name of anything.
func isRandom(run string) bool {
	changes, letters, digits := 0, 0, 0
	for i := range len(run) {
		digit := run[i] >= '0' && run[i] <= '9'
		if digit {
			digits++
		} else {
			letters++
		}
		if i > 0 && digit != (run[i-1] >= '0' && run[i-1] <= '9') {
			changes++
		}
	}
	if letters == 0 || digits == 0 { // a word or a number, unless upper and lower case take turns in it
		return letters >= 20 && caseChanges(run) > len(run)/3
	}
	return changes >= 3
}

func caseChanges(run string) int {
	n := 0
	for i := 1; i < len(run); i++ {
		if (run[i] >= 'a') != (run[i-1] >= 'a') {
			n++
		}
	}
	return n
}

// put adds a value under a key of its own.
func (s *secretStore) put(name string, v secretValue) string {
	key := keyOf(name)
	for i := 2; ; i++ {
		other, taken := s.values[key]
		if !taken || other.value == v.value {
			break
		}
		key = keyOf(fmt.Sprintf("%s-%d", name, i))
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
	lacking := map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		v := s.values[key]
		switch {
		case v.open, b.Secrets && v.value != "":
			o.StringData[key] = v.value
		default:
			lacking[v.from] = append(lacking[v.from], key)
			b.out.Missing = append(b.out.Missing, key)
		}
	}
	var missing []string
	for from, keys := range lacking {
		missing = append(missing, fmt.Sprintf("  %s: from %s", strings.Join(keys, ", "), from))
	}
	slices.Sort(missing)
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

// secretEnv is a variable of the container that holds a secret part of a value,
// from the Secret: one that it has already, or a new one.
func (u *unit) secretEnv(p compose.Part) string {
	config := u.Project.Model.Services[u.Name]
	for _, name := range sortedKeys(config.Environment) {
		if _, secret := u.secrets.keys[[2]string{u.Name, name}]; secret && u.isWhole(name, p) {
			return name
		}
	}
	name := p.Variables[0]
	if _, taken := config.Environment[name]; taken {
		name += "_IN_COMMAND"
	}
	if !slices.ContainsFunc(u.added, func(e corev1.EnvVar) bool { return e.Name == name }) {
		key := u.secrets.put(name, secretValue{
			value: p.Text, open: p.Text != "" && p.Default == p.Text, from: "the environment, as " + strings.Join(p.Variables, ", "),
		})
		u.added = append(u.added, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: u.secretKey(key)}})
	}
	return name
}

// isWhole says that a variable of the service is nothing but that part.
func (u *unit) isWhole(name string, p compose.Part) bool {
	parts, written := u.partsAt("services", u.Name, "environment", name)
	if !written {
		value := u.Project.Model.Services[u.Name].Environment[name]
		return value != nil && *value == p.Text && len(p.Variables) == 1 && name == p.Variables[0]
	}
	return len(parts) == 1 && parts[0].Text == p.Text && slices.Equal(parts[0].Variables, p.Variables)
}
