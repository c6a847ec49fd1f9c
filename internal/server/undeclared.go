package server

import (
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// mostUndeclared bounds what is probed because env names it.
const mostUndeclared = 4

// Undeclared is what a service's env tells of servers that the stack does not
// say it depends on: as dependencies, where they are services of the stack at
// their declared addresses, else as connections under the name of their host, or
// of its variable where the host is not to be shown. A
// protocol of which the service declares a dependency, or that it speaks itself,
// is not looked for.
func Undeclared(service v1alpha1.Service, all []v1alpha1.Service, env evidence.Env) (of []v1alpha1.Dependency, other []evidence.Connection) {
	for _, c := range Implied(env) {
		if speaks(service, c.Protocol) || dependsOn(service, all, c.Protocol) || len(of)+len(other) == mostUndeclared {
			continue
		}
		i := slices.IndexFunc(all, func(s v1alpha1.Service) bool {
			declared, ok := Declared(s)
			return ok && declared.Protocol == c.Protocol && slices.Contains(declared.Servers, c.Server())
		})
		switch {
		case i < 0:
			c.Service = nameOf(c)
			other = append(other, c)
		case !slices.ContainsFunc(of, func(d v1alpha1.Dependency) bool { return d.Service == all[i].Name }):
			of = append(of, v1alpha1.Dependency{Service: all[i].Name, Condition: v1alpha1.ServiceStarted})
		}
	}
	return of, other
}

func nameOf(c evidence.Connection) string {
	if host := c.Server().Host; host != evidence.Redacted {
		return host
	}
	return or(or(c.Variables.Host, c.Variables.URL), c.Variables.BootstrapServers)
}

func speaks(service v1alpha1.Service, protocol evidence.Protocol) bool {
	declared, ok := Declared(service)
	return ok && declared.Protocol == protocol
}

func dependsOn(service v1alpha1.Service, all []v1alpha1.Service, protocol evidence.Protocol) bool {
	return slices.ContainsFunc(service.DependsOn, func(d v1alpha1.Dependency) bool {
		i := slices.IndexFunc(all, func(s v1alpha1.Service) bool { return s.Name == d.Service })
		return i >= 0 && speaks(all[i], protocol)
	})
}
