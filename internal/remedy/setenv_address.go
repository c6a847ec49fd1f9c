package remedy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// setAddress puts right a host or port that is not the declared dependency's.
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
	set, because := addressVars(*d.Configured, *d.Declared)
	if because != "" {
		return refuse(v1alpha1.RemedySetEnv, "%s", because)
	}
	for _, v := range set {
		if in.Case.Env.Variables[v.Name].Secret.IsSet() {
			return refuse(v1alpha1.RemedySetEnv, "the present value of %s may be a secret, which an undo would have to record", v.Name)
		}
	}
	proof := *d.Configured
	proof.Servers = d.Declared.Servers
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

// addressVars are the variables to set so that a client goes to the declared
// servers, or why that cannot be done.
func addressVars(configured, declared evidence.Connection) ([]corev1.EnvVar, string) {
	v := configured.Variables
	if v.BootstrapServers != "" {
		return []corev1.EnvVar{{Name: v.BootstrapServers, Value: addresses(declared.Servers)}}, ""
	}
	if v.URL != "" {
		return nil, fmt.Sprintf("the address is part of the connection string %s, which may hold a secret; change it there to %s", v.URL, declared.Server())
	}
	var set []corev1.EnvVar
	if have, want := configured.Server(), declared.Server(); have.Host != want.Host {
		if v.Host == "" {
			return nil, "no variable of the container sets the host"
		}
		set = append(set, corev1.EnvVar{Name: v.Host, Value: want.Host})
	}
	if have, want := configured.Server(), declared.Server(); have.Port != want.Port {
		if v.Port == "" {
			return nil, fmt.Sprintf("no variable of the container sets the port, and its default is not %d", want.Port)
		}
		set = append(set, corev1.EnvVar{Name: v.Port, Value: strconv.Itoa(int(want.Port))})
	}
	return set, ""
}

func addresses(servers []evidence.HostPort) string {
	out := make([]string, len(servers))
	for i, s := range servers {
		out[i] = s.String()
	}
	return strings.Join(out, ",")
}
