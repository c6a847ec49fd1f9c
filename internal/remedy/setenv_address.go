package remedy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// setAddress puts right a host or port that is not the declared dependency's.
// The variable keeps the form in which it is written.
func setAddress(in Input) (Action, *Refusal) {
	d, known := in.dependency()
	switch {
	case !known:
		return refuse(v1alpha1.RemedySetEnv, "the stack declares no dependency at the address that failed")
	case d.Declared == nil || d.Configured == nil:
		return refuse(v1alpha1.RemedySetEnv, "the stack does not declare where %s listens, or the container's settings for it were not found", d.Service)
	case slices.Equal(d.Configured.Servers, d.Declared.Servers):
		return refuse(v1alpha1.RemedySetEnv, "the container already uses the declared address of %s", d.Service)
	case in.probed(d.Service, v1alpha1.AsConfigured) == v1alpha1.ProbePassed:
		return refuse(v1alpha1.RemedySetEnv, "the configured address %s answers", d.Configured.Server())
	case !in.mayAnswer(d.Service):
		return refuse(v1alpha1.RemedySetEnv, "the declared address %s does not answer either", d.Declared.Server())
	}
	if name := in.secretAddress(*d.Configured); name != "" {
		return refuse(v1alpha1.RemedySetEnv, "the present value of %s may be a secret, which an undo would have to record; change it there to %s", name, addresses(d.Declared.Servers))
	}
	return in.relocateTo(d)
}

// relocateTo has the container go to a dependency's declared address.
func (in Input) relocateTo(d evidence.Dependency) (Action, *Refusal) {
	set, err := relocated(in.Case.Env, *d.Configured, *d.Declared)
	if err != nil {
		return refuse(v1alpha1.RemedySetEnv, "%v; change it by hand to %s", err, addresses(d.Declared.Servers))
	}
	proof := *d.Configured
	if proof.Servers = readBack(in.Case.Env, *d.Configured, set); len(proof.Servers) == 0 || !leadsTo(proof.Servers, d.Declared.Servers) {
		return refuse(v1alpha1.RemedySetEnv, "with the new value, the client would go to %s and not to %s", addresses(proof.Servers), addresses(d.Declared.Servers))
	}
	proof.Topics, proof.Group = nil, "" // what is missing there is another cause
	return Action{
		Because: fmt.Sprintf("%s is configured at %s and listens at %s", d.Service, addresses(d.Configured.Servers), addresses(d.Declared.Servers)),
		Target:  in.workload(),
		Template: in.edit(func(c *corev1.Container) {
			for _, v := range set {
				put(c, v)
			}
		}),
		Proof: &proof,
	}, nil
}

// mayAnswer is false where the declared address is known not to be reached.
// That something is missing behind it, such as a topic, is another cause.
func (in Input) mayAnswer(service string) bool {
	for _, p := range in.Case.Probes {
		if p.Service == service && p.Viewpoint == v1alpha1.AsDeclared {
			return !p.FailedAt(evidence.StageResolve) && !p.FailedAt(evidence.StageDial)
		}
	}
	return true
}

// secretAddress is a variable that an address stands in and that may be a secret,
// empty where there is none.
func (in Input) secretAddress(c evidence.Connection) string {
	for _, name := range []string{c.Variables.BootstrapServers, c.Variables.URL, c.Variables.Host, c.Variables.Port} {
		if v := in.Case.Env.Variables[name]; name != "" && (v.Secret.IsSet() || v.Origin.Kind == evidence.OriginSecret) {
			return name
		}
	}
	return ""
}

// relocated are the variables to set so that a client goes to the declared servers.
func relocated(env evidence.Env, configured, declared evidence.Connection) ([]corev1.EnvVar, error) {
	v, want := configured.Variables, declared.Server()
	whole := v.BootstrapServers
	if whole == "" {
		whole = v.URL
	}
	port := server.Of(configured.Protocol).Port
	if whole != "" {
		set, err := relocate(env, whole, declared.Servers, port, false)
		return []corev1.EnvVar{set}, err
	}
	if v.Host == "" {
		return nil, fmt.Errorf("no variable of the container sets the host")
	}
	var set []corev1.EnvVar
	host, err := relocate(env, v.Host, declared.Servers[:1], port, v.Port != "")
	if err != nil {
		return nil, err
	}
	if host.Value != env.Get(v.Host) {
		set = append(set, host)
	}
	if v.Port != "" && configured.Server().Port != want.Port {
		set = append(set, corev1.EnvVar{Name: v.Port, Value: strconv.Itoa(int(want.Port))})
	}
	return set, nil
}

// relocate is a variable with other servers in its present value.
func relocate(env evidence.Env, name string, to []evidence.HostPort, port int32, portElsewhere bool) (corev1.EnvVar, error) {
	value, err := server.Relocate(env.Get(name), to, port, portElsewhere)
	if err != nil {
		return corev1.EnvVar{}, fmt.Errorf("%s: %w", name, err)
	}
	return corev1.EnvVar{Name: name, Value: value}, nil
}

// readBack are the servers that the client would go to with variables set.
func readBack(env evidence.Env, configured evidence.Connection, set []corev1.EnvVar) []evidence.HostPort {
	return server.ServersOf(configured.Protocol, configured.Variables, func(name string) string {
		for _, v := range set {
			if v.Name == name {
				return v.Value
			}
		}
		return env.Get(name)
	})
}

// leadsTo reports whether a client goes to declared servers only, and to the first.
func leadsTo(servers, declared []evidence.HostPort) bool {
	return len(servers) > 0 && len(declared) > 0 && servers[0] == declared[0] &&
		!slices.ContainsFunc(servers, func(s evidence.HostPort) bool { return !slices.Contains(declared, s) })
}

// isDeclaredAddress reports whether a variable's new value is the address, the
// host or the port of a declared endpoint, in the form of the present value. Where
// the pod template does not have that, it is to be an address and nothing else.
func isDeclaredAddress(declared []evidence.Connection, before, after string) bool {
	return slices.ContainsFunc(declared, func(c evidence.Connection) bool {
		if len(c.Servers) == 0 {
			return false
		}
		if after == strconv.Itoa(int(c.Server().Port)) && (before == "" || isNumber(before)) {
			return true
		}
		if before == "" {
			return isAddress(after, c.Servers)
		}
		for _, elsewhere := range []bool{true, false} {
			if value, err := server.Relocate(before, c.Servers, server.Of(c.Protocol).Port, elsewhere); err == nil && value == after {
				return true
			}
		}
		return false
	})
}

// isAddress reports whether a value is those servers' address and nothing else:
// relocating it changes nothing, and it has no user, path or options.
func isAddress(value string, servers []evidence.HostPort) bool {
	_, address, inURL := strings.Cut(value, "://")
	if inURL && strings.ContainsAny(address, "/?#@") && strings.Count(value, "://") == 1 {
		return false
	}
	for _, elsewhere := range []bool{true, false} {
		if same, err := server.Relocate(value, servers, servers[0].Port, elsewhere); err == nil && same == value {
			return true
		}
	}
	return false
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

func addresses(servers []evidence.HostPort) string {
	out := make([]string, len(servers))
	for i, s := range servers {
		out[i] = s.String()
	}
	return strings.Join(out, ",")
}
