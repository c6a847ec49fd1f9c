package remedy

import (
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// setEnv sets one declared variable: the address of a declared dependency, the
// policy's value for a missing or invalid one or for a pool's size, or TLS where
// the server demands it.
var setEnv = remedy{
	name:      v1alpha1.RemedySetEnv,
	summary:   "Corrects one declared environment variable: a dependency's address, a declared value, a pool's size, or TLS.",
	writes:    v1alpha1.ActionPatchTemplate,
	mayChange: setsVariable,
	needs:     []Need{NeedKnownKeys},
	causes: []v1alpha1.Cause{
		v1alpha1.CausePostgresHostNotFound, v1alpha1.CausePostgresUnreachable,
		v1alpha1.CauseKafkaHostNotFound, v1alpha1.CauseKafkaUnreachable, v1alpha1.CauseUpstreamUnreachable,
		v1alpha1.CauseEnvVarMissing, v1alpha1.CauseEnvVarInvalid,
		v1alpha1.CausePostgresTLSMismatch,
		v1alpha1.CausePostgresPoolExhausted, v1alpha1.CausePostgresConnectionsExhausted,
	},
	// Only a variable that is named, and is another one than was set, is not about
	// the change. Which one was set is not known where the finding named none.
	mayCause: func(was, is v1alpha1.FindingIdentity) bool {
		about := is.Cause == v1alpha1.CauseEnvVarInvalid || is.Cause == v1alpha1.CauseEnvVarMissing
		return about && (is.Variable == "" || was.Variable == "" || is.Variable == was.Variable)
	},
	propose: func(in Input) (Action, *Refusal) {
		if container(in.Template, in.Case.Container.Name) == nil {
			return refuse(v1alpha1.RemedySetEnv, "container %q is not in the pod template", in.Case.Container.Name)
		}
		switch in.Finding.Cause {
		case v1alpha1.CauseEnvVarMissing, v1alpha1.CauseEnvVarInvalid:
			return setDeclared(in, in.Finding.Subject.Variable)
		case v1alpha1.CausePostgresPoolExhausted, v1alpha1.CausePostgresConnectionsExhausted:
			return setPoolSize(in)
		case v1alpha1.CausePostgresTLSMismatch:
			return requireTLS(in)
		default:
			return setAddress(in)
		}
	},
}

// setsVariable reports whether a difference is a variable that is set, and, unless
// that is taken back, to nothing but what the stack declares: a value of its own,
// the address or port of one of its endpoints, or TLS where there was none.
func setsVariable(w TemplateWrite, d difference) bool {
	_, rest, ok := d.path.inContainer()
	if !ok || len(rest) != 1 || rest[0].key != "env" || rest[0].name == "" || rest[0].entry > 0 || d.after == nil {
		return false
	}
	before, errBefore := variableOf(d.before)
	after, errAfter := variableOf(d.after)
	return w.Back || errors.Join(errBefore, errAfter) == nil && w.Scope.declares(before, after)
}

// declares reports whether the stack declares what a variable becomes.
func (s Scope) declares(before, after corev1.EnvVar) bool {
	if slices.ContainsFunc(s.Service.Env, func(e v1alpha1.DeclaredEnv) bool {
		return e.Name == after.Name && equality.Semantic.DeepEqual(envVar(e), after)
	}) {
		return true
	}
	return after.ValueFrom == nil && (isDeclaredAddress(s.Declared, before.Value, after.Value) || turnsTLSOn(before.Value, after))
}

// variable is the entry that the kubelet uses of a container's variable, the last
// of its name; nil where there is none.
func variable(c *corev1.Container, name string) *corev1.EnvVar {
	for i := range slices.Backward(c.Env) {
		if c.Env[i].Name == name {
			return &c.Env[i]
		}
	}
	return nil
}

// put sets a variable in its place, or at the end.
func put(c *corev1.Container, v corev1.EnvVar) {
	if entry := variable(c, v.Name); entry != nil {
		*entry = v
		return
	}
	c.Env = append(c.Env, v)
}
