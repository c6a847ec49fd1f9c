package remedy

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// setEnv sets one declared variable: the address of a declared dependency, the
// policy's value for a missing or invalid one or for a pool's size, or TLS where
// the server demands it.
var setEnv = remedy{
	name:    v1alpha1.RemedySetEnv,
	summary: "Corrects one declared environment variable: a dependency's address, a declared value, a pool's size, or TLS.",
	writes:  v1alpha1.ActionPatchTemplate,
	needs:   []Need{NeedKnownKeys},
	causes: []v1alpha1.Cause{
		v1alpha1.CausePostgresHostNotFound, v1alpha1.CausePostgresUnreachable,
		v1alpha1.CauseKafkaHostNotFound, v1alpha1.CauseKafkaUnreachable,
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

// put sets a variable in its place, or at the end.
func put(c *corev1.Container, v corev1.EnvVar) {
	if i := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == v.Name }); i >= 0 {
		c.Env[i] = v
		return
	}
	c.Env = append(c.Env, v)
}
