package server

import (
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
)

// variables is an environment, looked up by canonical names: db.host, db-host
// and DB_HOST are the same, as Spring's relaxed binding has it.
type variables struct {
	env evidence.Env
	// actual names by canonical ones.
	actual map[string]string
	// names are the canonical ones, sorted.
	names []string
}

func variablesOf(env evidence.Env) variables {
	v := variables{env: env, actual: make(map[string]string, len(env.Variables))}
	for name, variable := range env.Variables {
		// Who creates a Service gives its namespace's pods variables of his choice:
		// they configure nothing.
		if variable.Origin.Kind == evidence.OriginService {
			continue
		}
		c := canonical(name)
		if before, taken := v.actual[c]; !taken || name < before {
			v.actual[c] = name
		}
	}
	for c := range v.actual {
		v.names = append(v.names, c)
	}
	slices.Sort(v.names)
	return v
}

var underscores = strings.NewReplacer(".", "_", "-", "_")

func canonical(name string) string { return underscores.Replace(strings.ToUpper(name)) }

// setting is a value with the variable that it stands in.
type setting struct{ variable, value string }

// first is the first of the canonical names that is set and not empty.
func (v variables) first(names ...string) setting {
	for _, n := range names {
		actual, ok := v.actual[n]
		if !ok {
			continue
		}
		if v.env.Variables[actual].Misplaced {
			return setting{actual, evidence.Redacted}
		}
		if value := strings.TrimSpace(v.env.Get(actual)); value != "" {
			return setting{actual, value}
		}
	}
	return setting{}
}

// under is first, with a prefix before each name.
func (v variables) under(prefix string, names ...string) setting {
	full := make([]string, len(names))
	for i, n := range names {
		full[i] = prefix + n
	}
	return v.first(full...)
}

// mentioned is the first of the names that env has at all, set or not.
func (v variables) mentioned(prefix string, names ...string) string {
	for _, n := range names {
		if actual, ok := v.actual[prefix+n]; ok {
			return actual
		}
	}
	return ""
}

// spelled is a variable that the stack's author names, by its exact name, if his
// word is enough for it.
func (v variables) spelled(names Spelled, name string) setting {
	variable, ok := v.env.Lookup(name)
	if !ok || variable.Origin.Kind == evidence.OriginService || variable.Secret.IsSet() && !names.MayReadSecrets {
		return setting{}
	}
	return setting{name, strings.TrimSpace(variable.Text())}
}

// ending are the canonical names that end with one of the suffixes.
func (v variables) ending(suffixes ...string) []string {
	var out []string
	for _, n := range v.names {
		if slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(n, s) }) {
			out = append(out, n)
		}
	}
	return out
}
