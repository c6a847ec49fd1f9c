package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/compose"
)

// value of a service's variable, empty where it has none.
func (b *builder) value(s compose.Service, name string) string {
	if v := b.Project.Model.Services[s.Name].Environment[name]; v != nil {
		return *v
	}
	return ""
}

// env is the container's environment, by name: what may be secret by reference.
func (u *unit) env() []corev1.EnvVar {
	config := u.Project.Model.Services[u.Name]
	var out []corev1.EnvVar
	for _, name := range slices.Sorted(maps.Keys(config.Environment)) {
		if key, secret := u.secrets.keys[[2]string{u.Name, name}]; secret {
			u.decide("environment", name+" is a key of the Secret, as "+u.secrets.values[key].why)
			ref := u.secretKey(key)
			if config.Environment[name] == nil { // then compose does not set it
				ref.Optional = new(true)
			}
			out = append(out, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: ref}})
			continue
		}
		value := config.Environment[name]
		if value == nil {
			u.note(u.Name, "environment", fmt.Sprintf("%s is passed through from the environment, which has no value for it: it is left out", name))
			continue
		}
		now := u.renamedValue(u.Name, name, *value)
		if now != *value {
			u.note(u.Name, "environment", fmt.Sprintf("%s names a host that is another one here: %s", name, u.changedHosts(*value, now)))
		}
		out = append(out, corev1.EnvVar{Name: name, Value: literal(now)})
	}
	return append(out, u.extraEnv()...)
}

func (u *unit) secretKey(key string) *corev1.SecretKeySelector {
	return &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: u.secretName()}, Key: key}
}

// extraEnv keeps PostgreSQL's data in a directory of its own: it does not start
// in one that has lost+found in it, as the root of a volume may.
func (u *unit) extraEnv() []corev1.EnvVar {
	const data = "/var/lib/postgresql/data"
	if u.Role != compose.RolePostgres || u.value(u.Service, "PGDATA") != "" {
		return nil
	}
	for _, v := range u.Project.Model.Services[u.Name].Volumes {
		if v.Target == data {
			return []corev1.EnvVar{{Name: "PGDATA", Value: data + "/pgdata"}}
		}
	}
	return nil
}

// literal keeps Kubernetes from taking $(...) for a reference and $$ for $.
func literal(text string) string {
	if strings.Contains(text, "$(") || strings.Contains(text, "$$") {
		return strings.ReplaceAll(text, "$", "$$")
	}
	return text
}

func atoi32(text string) int32 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return int32(n)
}
