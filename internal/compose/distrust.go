package compose

import (
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Distrust takes back what only who may write the stack may say: which workload a
// service is, that it may be restarted, and variables from Secrets. It returns what
// was taken back.
func (f *Facts) Distrust() []Ignored {
	var out []Ignored
	for i := range f.Services {
		s := &f.Services[i]
		drop := func(what string) {
			out = append(out, Ignored{Position: s.Position, Path: "services." + s.Name + ".x-bridge." + what,
				Because: "it is in a ConfigMap, and spec.compose.trusted of the stack does not say that its editors may"})
		}
		if s.Bridge.Workload != nil {
			s.Bridge.Workload = nil
			drop("workload")
		}
		if s.Bridge.AllowRestart {
			s.Bridge.AllowRestart = false
			drop("allowRestart")
		}
		s.Bridge.Env = slices.DeleteFunc(slices.Clone(s.Bridge.Env), func(e v1alpha1.DeclaredEnv) bool {
			secret := e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil
			if secret {
				drop("env." + e.Name)
			}
			return secret
		})
	}
	return out
}
