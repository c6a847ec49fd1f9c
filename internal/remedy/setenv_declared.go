package remedy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// wrongness is what is the matter with a variable, by cause.
var wrongness = map[v1alpha1.Cause]string{
	v1alpha1.CauseEnvVarMissing:                "is not set",
	v1alpha1.CauseEnvVarInvalid:                "has a value that the program rejects",
	v1alpha1.CausePostgresPoolExhausted:        "does not suit the load",
	v1alpha1.CausePostgresConnectionsExhausted: "lets the service take more connections than the server has",
}

// setDeclared sets a variable to what the policy declares.
func setDeclared(in Input, name string) (Action, *Refusal) {
	if name == "" {
		return refuse(v1alpha1.RemedySetEnv, "the evidence does not name the variable")
	}
	i := slices.IndexFunc(in.Service.Env, func(e v1alpha1.DeclaredEnv) bool { return e.Name == name })
	if i < 0 {
		return refuse(v1alpha1.RemedySetEnv, "the policy declares no value for %s under services[].env", name)
	}
	declared := in.Service.Env[i]
	present := in.Case.Env.Variables[name]
	if present.Secret.IsSet() && present.Origin.Kind == evidence.OriginLiteral {
		return refuse(v1alpha1.RemedySetEnv, "the present value of %s may be a secret, which an undo would have to record", name)
	}
	if _, set := in.Case.Env.Lookup(name); set && declared.Value != nil && *declared.Value == present.Value {
		return refuse(v1alpha1.RemedySetEnv, "%s has the declared value already", name)
	}
	if because := in.cannotTake(declared); because != "" {
		return refuse(v1alpha1.RemedySetEnv, "%s", because)
	}
	return Action{
		Because:  fmt.Sprintf("%s %s, and the policy declares where its value comes from", name, wrongness[in.Finding.Cause]),
		Target:   in.workload(),
		Template: in.edit(func(c *corev1.Container) { put(c, envVar(declared)) }),
	}, nil
}

// cannotTake says why a variable cannot be taken from where the policy declares it,
// empty where it can.
func (in Input) cannotTake(declared v1alpha1.DeclaredEnv) string {
	key, named := keyOf(declared)
	if named && !in.KnownKeys[key] {
		return fmt.Sprintf("the policy takes %s from key %q of %s %q, which does not exist", declared.Name, key.Key, key.Kind, key.Name)
	}
	entry := variable(container(in.Template, in.Case.Container.Name), declared.Name)
	if entry != nil && equality.Semantic.DeepEqual(*entry, envVar(declared)) {
		return fmt.Sprintf("%s comes from key %q of %s %q already, as the policy declares: the value there is what the program rejects", declared.Name, key.Key, key.Kind, key.Name)
	}
	return ""
}

func keyOf(e v1alpha1.DeclaredEnv) (ObjectKey, bool) {
	switch {
	case e.ValueFrom == nil:
		return ObjectKey{}, false
	case e.ValueFrom.SecretKeyRef != nil:
		return ObjectKey{"Secret", e.ValueFrom.SecretKeyRef.Name, e.ValueFrom.SecretKeyRef.Key}, true
	case e.ValueFrom.ConfigMapKeyRef != nil:
		return ObjectKey{"ConfigMap", e.ValueFrom.ConfigMapKeyRef.Name, e.ValueFrom.ConfigMapKeyRef.Key}, true
	}
	return ObjectKey{}, false
}

func envVar(e v1alpha1.DeclaredEnv) corev1.EnvVar {
	if e.Value != nil {
		return corev1.EnvVar{Name: e.Name, Value: *e.Value}
	}
	key, _ := keyOf(e)
	source := &corev1.EnvVarSource{}
	if key.Kind == "Secret" {
		source.SecretKeyRef = &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: key.Name}, Key: key.Key}
	} else {
		source.ConfigMapKeyRef = &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: key.Name}, Key: key.Key}
	}
	return corev1.EnvVar{Name: e.Name, ValueFrom: source}
}

// setPoolSize sets the size of a client's pool to what the policy declares. A
// size that nobody declared is nobody's to guess. An exhausted pool is only ever
// made larger; where the server has no slot left, only a smaller one helps.
func setPoolSize(in Input) (Action, *Refusal) {
	d, known := in.dependency()
	if !known || d.Configured == nil {
		return refuse(v1alpha1.RemedySetEnv, "the stack does not declare the database, or the container's settings for it were not found")
	}
	wrongWay := ""
	for _, e := range in.Service.Env {
		if e.Value == nil || !in.isPoolOf(*d.Configured, e.Name) {
			continue
		}
		declared, err := strconv.Atoi(*e.Value)
		present, errPresent := strconv.Atoi(in.Case.Env.Variables[e.Name].Value)
		if err != nil || errPresent != nil || declared == present {
			continue
		}
		if wrongWay = in.wrongWay(e.Name, present, declared); wrongWay == "" {
			return setDeclared(in, e.Name)
		}
	}
	if wrongWay != "" {
		return refuse(v1alpha1.RemedySetEnv, "%s", wrongWay)
	}
	return refuse(v1alpha1.RemedySetEnv, "the policy declares no other size of the pool for %s; declare it under services[].env, such as DB_POOL_SIZE", d.Service)
}

// wrongWay says why a pool's declared size would make it worse, empty where it would not.
func (in Input) wrongWay(name string, present, declared int) string {
	switch {
	case declared > present && in.Finding.Cause == v1alpha1.CausePostgresConnectionsExhausted:
		return fmt.Sprintf("the declared %s=%d is larger than the present %d, and the server has no slot left", name, declared, present)
	case declared < present && in.Finding.Cause == v1alpha1.CausePostgresPoolExhausted:
		return fmt.Sprintf("the declared %s=%d is smaller than the present %d, which is exhausted", name, declared, present)
	}
	return ""
}

// databaseFamilies are the prefixes of variables that are of the database of a
// client that has only one.
var databaseFamilies = []string{"DB_", "DATABASE_", "POSTGRES_", "POSTGRESQL_", "PG_", "PG", "SQLALCHEMY_", "SPRING_DATASOURCE_", "HIKARI_", "PRISMA_"}

// isPoolOf reports whether a variable is the size of the pool of this very
// connection: of the family of its variables, such as ORDERS_DB_POOL_SIZE beside
// ORDERS_DB_HOST, or of a usual one where the container has no other database.
// Other pools, such as those of workers, threads or HTTP clients, are not its.
func (in Input) isPoolOf(c evidence.Connection, name string) bool {
	if !isPoolSize(name) {
		return false
	}
	families := familiesOf(c.Variables)
	databases := 0
	for _, d := range in.Case.Dependencies {
		if d.Configured != nil && server.Of(d.Configured.Protocol).Pooled {
			databases++
		}
	}
	if databases <= 1 {
		families = append(families, databaseFamilies...)
	}
	return slices.ContainsFunc(families, func(prefix string) bool { return strings.HasPrefix(strings.ToUpper(name), prefix) })
}

// familiesOf are the prefixes of a connection's variables.
func familiesOf(v evidence.ConnectionVariables) []string {
	var out []string
	for _, name := range []string{v.Host, v.URL, v.Database, v.User} {
		for _, suffix := range []string{"JDBC_URL", "URL", "URI", "DSN", "CONNECTION_STRING", "HOSTNAME", "HOST", "SERVER", "ADDRESS", "ADDR", "USERNAME", "USER", "DATABASE", "NAME"} {
			if prefix, found := strings.CutSuffix(strings.ToUpper(name), suffix); found {
				if len(prefix) > 1 {
					out = append(out, prefix)
				}
				break
			}
		}
	}
	return out
}

// isPoolSize knows the usual names, such as DB_POOL_SIZE, POSTGRES_MAX_CONNECTIONS
// and SPRING_DATASOURCE_HIKARI_MAXIMUM_POOL_SIZE.
func isPoolSize(name string) bool {
	upper := strings.ToUpper(name)
	return strings.Contains(upper, "POOL") && (strings.Contains(upper, "SIZE") || strings.Contains(upper, "MAX")) ||
		strings.HasSuffix(upper, "MAX_CONNECTIONS") || strings.HasSuffix(upper, "MAX_CONNS") || strings.HasSuffix(upper, "MAX_OPEN_CONNS")
}
