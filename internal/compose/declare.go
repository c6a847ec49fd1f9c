package compose

import (
	"cmp"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// KubernetesName is what converters to Kubernetes make of a compose name: lower
// case, with - for what no DNS label may have.
func KubernetesName(name string) string {
	dashed := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
	return strings.Trim(dashed[:min(len(dashed), 63)], "-")
}

// Declared is what the project says of a service in the words of a BridgeStack:
// dependencies, endpoint, environment and the policy of x-bridge. Its hosts are
// Services named as converters name them.
func (s Service) Declared() v1alpha1.Service {
	out := v1alpha1.Service{
		Name: s.Name, Workload: s.Bridge.Workload, Endpoint: s.Endpoint(), Env: s.DeclaredEnv(),
		MemoryCeiling: s.Bridge.MemoryCeiling, CPUCeiling: s.Bridge.CPUCeiling, AllowRestart: s.Bridge.AllowRestart,
	}
	for _, d := range s.DependsOn {
		declared := v1alpha1.Dependency{Service: d.Service, Condition: d.Condition}
		if !d.Required {
			declared.Required = new(false)
		}
		if names := d.Connection; names.Host+names.URL+names.BootstrapServers != "" {
			declared.Connection = &names
		}
		out.DependsOn = append(out.DependsOn, declared)
	}
	return out
}

// Endpoint is what the service offers inside, nil where the project does not
// say, or says more than one thing.
func (s Service) Endpoint() *v1alpha1.Endpoint {
	host := KubernetesName(s.Name)
	if host == s.Name {
		host = "" // the API's default
	}
	offer := server.Offer{Service: s.Name, Host: host, Port: s.Port(), Database: s.Database, Topics: s.Topics}
	kind, known := s.Role.Kind()
	switch {
	case known:
	case s.OneShot:
		return nil
	case s.Health != nil && s.Health.HTTP != nil && s.Health.HTTP.Scheme == "http":
		kind, offer.Port, offer.Path = server.Of(evidence.HTTP), s.Health.HTTP.Port, s.Health.HTTP.Path
	case offer.Port == 0:
		return nil
	}
	endpoint := kind.MakeEndpoint(offer)
	return &endpoint
}

// Port is where the service's clients inside find it, 0 where that is not known.
func (s Service) Port() int32 {
	kind, known := s.Role.Kind()
	if !known {
		return s.onlyPort()
	}
	// That of the listener which a broker advertises under its own name.
	if i := slices.IndexFunc(s.Listeners, func(l Listener) bool { return l.Inside }); i >= 0 {
		return s.Listeners[i].Port
	}
	return cmp.Or(s.other(kind.Port), kind.Port)
}

// other is the port that a server listens on where it is not its protocol's, 0
// where it is, or is not known.
func (s Service) other(usual int32) int32 {
	if port := s.onlyPort(); port != usual && !s.listens(usual) {
		return port
	}
	return 0
}

// onlyPort is the one TCP port that a service has, 0 where it has none or several.
func (s Service) onlyPort() int32 {
	var port int32
	for _, p := range s.Ports {
		if p.Protocol != "tcp" {
			continue
		}
		if port != 0 {
			return 0
		}
		port = p.Target
	}
	return port
}

// mountedSecrets is where compose mounts secrets, and Kubernetes does not.
const mountedSecrets = "/run/secrets/"

// DeclaredEnv are the variables that the service should have, by name. Left out
// is what may be a secret, what leads somewhere only from the host, what is
// blank or misses a part, and files that only compose mounts.
func (s Service) DeclaredEnv() []v1alpha1.DeclaredEnv {
	out := slices.Clone(s.Bridge.Env)
	for _, v := range s.Env {
		known := slices.ContainsFunc(out, func(e v1alpha1.DeclaredEnv) bool { return e.Name == v.Name })
		if known || v.Secret || v.Partial || v.Outside() || v.Value == "" || len(v.Value) > mostValue ||
			strings.HasPrefix(v.Value, mountedSecrets) || !variableName.MatchString(v.Name) || v.namesNoLabel() {
			continue
		}
		out = append(out, v1alpha1.DeclaredEnv{Name: v.Name, Value: &v.Value})
	}
	slices.SortStableFunc(out, func(a, b v1alpha1.DeclaredEnv) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// namesNoLabel reports whether the value names a service by what can be no
// Service's name in Kubernetes.
func (v Variable) namesNoLabel() bool {
	return slices.ContainsFunc(v.References, func(r Reference) bool { return r.Host != KubernetesName(r.Host) })
}
