package remedy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// tlsOn is the value that asks for TLS, in the words in which the present one
// does not: libpq's sslmode or a switch.
var tlsOn = map[string]string{
	"disable": "require", "allow": "require", "prefer": "require",
	"false": "true", "off": "on", "no": "yes", "0": "1", "disabled": "enabled",
}

// requireTLS turns TLS on where the server demands it. It never turns it off or
// asks for less: that is a decision about security.
func requireTLS(in Input) (Action, *Refusal) {
	d, known := in.dependency()
	switch {
	case !known || d.Configured == nil:
		return refuse(v1alpha1.RemedySetEnv, "the stack does not declare the database, or the container's settings for it were not found")
	case d.Configured.TLS != evidence.TLSDisable && d.Configured.TLS != evidence.TLSUnset && d.Configured.TLS != evidence.TLSPrefer:
		return refuse(v1alpha1.RemedySetEnv, "the client asks for TLS (%s) and the server or its certificate does not agree; asking for less would weaken it", d.Configured.TLS)
	case d.Configured.Variables.SSLMode == "":
		return refuse(v1alpha1.RemedySetEnv, "no variable of the container sets the sslmode")
	}
	name := d.Configured.Variables.SSLMode
	present := in.Case.Env.Variables[name]
	value, understood := tlsOn[strings.ToLower(present.Value)]
	if !understood || present.Secret.IsSet() {
		return refuse(v1alpha1.RemedySetEnv, "the present value of %s is not an sslmode or a switch that could be set the other way", name)
	}
	proof := *d.Configured
	proof.TLS = evidence.TLSRequire
	return Action{
		Because:  fmt.Sprintf("%s takes connections with TLS only", d.Service),
		Target:   in.workload(),
		Template: in.edit(func(c *corev1.Container) { put(c, corev1.EnvVar{Name: name, Value: value}) }),
		Proof:    &proof,
	}, nil
}

// turnsTLSOn reports whether a variable asked for no TLS, or said nothing of it,
// and now asks for it.
func turnsTLSOn(before string, after corev1.EnvVar) bool {
	if before != "" {
		on, understood := tlsOn[strings.ToLower(before)]
		return understood && after.Value == on
	}
	name := strings.ToUpper(after.Name)
	asks := slices.Contains(slices.Collect(maps.Values(tlsOn)), after.Value)
	return asks && (strings.Contains(name, "SSL") || strings.Contains(name, "TLS"))
}
