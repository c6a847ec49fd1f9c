package observe

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// namedValues are values with the places that they stand in, and all the names that
// each place goes by: a Secret's key, and the variables that it comes in.
type namedValues map[string]map[string][]string

func (n namedValues) add(place, name, value string) {
	if value == "" {
		return
	}
	if n[value] == nil {
		n[value] = map[string][]string{}
	}
	n[value][place] = append(n[value][place], name)
}

// secrets are the values to be redacted wherever they stand, in a fixed order: all
// but coordinates. Teams keep host, user and database beside the password in one
// Secret. Servers name these in their messages, and stacks, topics and images are
// called like them: were "bridge" redacted wherever it stands, little evidence would
// be left. A password that is also the name of something, and looks like one, is found
// by its form only: who reads the name learns nothing by it.
func (n namedValues) secrets() []evidence.Secret {
	var out []evidence.Secret
	for _, value := range slices.Sorted(maps.Keys(n)) {
		if !n.shown(value) {
			out = append(out, evidence.NewSecret(value))
		}
	}
	return out
}

// shown is true of a value that says where something is, or as whom.
func (n namedValues) shown(value string) bool {
	coordinate, sensitive := false, false
	for _, names := range n[value] {
		switch {
		case slices.ContainsFunc(names, redact.SensitiveName):
			sensitive = true
		case slices.ContainsFunc(names, func(name string) bool { return redact.IsCoordinate(name, value) }):
			coordinate = true
		}
	}
	return coordinate && (!sensitive || redact.IsName(value))
}

// addObjects adds all values of the Secrets, and what is secret inside of those of the
// ConfigMaps, such as a password in a file of settings.
func (n namedValues) addObjects(found objects) {
	for key, o := range found {
		for name, value := range o.data {
			if key.kind == kindSecret {
				n.add(placeOf(key.name, name), name, value)
				continue
			}
			n.addInside(redact.Inside(name + "=" + value))
			n.addInside(redact.Inside(value))
		}
	}
}

func placeOf(secret, key string) string { return secret + "/" + key }

// addInside adds what is secret inside of a text.
func (n namedValues) addInside(secrets []evidence.Secret) {
	for _, s := range secrets {
		n.add("inside", "password", s.Reveal())
	}
}

// addEnv adds the secret variables, and the names that others give.
func (n namedValues) addEnv(env evidence.Env) {
	for name, v := range env.Variables {
		place := "env " + name
		if v.Origin.Kind == evidence.OriginSecret {
			place = placeOf(v.Origin.Object, v.Origin.Key)
		}
		switch {
		case v.Secret.IsSet():
			n.add(place, name, v.Secret.Reveal())
		case redact.IsCoordinate(name, v.Value):
			n.add(place, name, v.Value)
		}
	}
}

// addContainer adds what is secret in a command line and in the headers of probes.
func (n namedValues) addContainer(c *corev1.Container) {
	n.addInside(redact.Inside(" " + strings.Join(slices.Concat(c.Command, c.Args), " ")))
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if p == nil || p.HTTPGet == nil {
			continue
		}
		for _, h := range p.HTTPGet.HTTPHeaders {
			n.addInside(redact.Inside(h.Name + ": " + h.Value))
			if redact.SensitiveName(h.Name) {
				n.add("header", h.Name, h.Value)
			}
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
