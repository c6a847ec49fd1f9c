package resolve

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// NamedEnv is a variable that is declared somewhere.
type NamedEnv struct {
	v1alpha1.DeclaredEnv
	// Service that it is for, and the Field that declares it.
	Service, Field string
}

// Reference is the object that a variable is taken from, empty where it is none.
func Reference(e v1alpha1.DeclaredEnv) (kind, name string) {
	switch {
	case e.ValueFrom == nil:
	case e.ValueFrom.SecretKeyRef != nil:
		return "Secret", e.ValueFrom.SecretKeyRef.Name
	case e.ValueFrom.ConfigMapKeyRef != nil:
		return "ConfigMap", e.ValueFrom.ConfigMapKeyRef.Name
	}
	return "", ""
}
