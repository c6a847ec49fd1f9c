package stack

import (
	"cmp"
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// Address is a Kubernetes Service: the name and ports by which pods are reached.
type Address struct {
	Name     string
	Selector map[string]string
	Ports    []AddressPort
}

// AddressPort is a port of a Service, and the container's port behind it, 0
// where that is a name.
type AddressPort struct{ Port, Target int32 }

// selects reports whether the Service leads to a workload's pods.
func (a Address) selects(w *Workload) bool {
	for key, value := range a.Selector {
		if w.TemplateLabels[key] != value {
			return false
		}
	}
	return len(a.Selector) > 0
}

// port is the Service's for a container's port, false where it has none.
func (a Address) port(container int32) (int32, bool) {
	behind := func(p AddressPort) bool { return p.Target == container || p.Target == 0 && p.Port == container }
	if i := slices.IndexFunc(a.Ports, behind); i >= 0 {
		return a.Ports[i].Port, true
	}
	return 0, false
}

// address is where the cluster offers a container's port of a service: of the
// Services that lead to it, one that is named as in the project before others.
func (p *Project) address(c compose.Service, w *Workload, container int32) (evidence.HostPort, bool) {
	if w == nil {
		return evidence.HostPort{}, false
	}
	var found []Address
	for _, a := range p.Addresses {
		if _, offers := a.port(container); offers && a.selects(w) {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return evidence.HostPort{}, false
	}
	names := p.candidates(c)
	rank := func(a Address) int {
		if i := slices.Index(names, a.Name); i >= 0 {
			return i
		}
		return len(names)
	}
	best := slices.MinFunc(found, func(a, b Address) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
	port, _ := best.port(container)
	return evidence.HostPort{Host: best.Name, Port: port}, true
}

// relocate is a service's endpoint where the cluster has it, nil where it has none.
func (p *Project) relocate(e *v1alpha1.Endpoint, c compose.Service, w *Workload) *v1alpha1.Endpoint {
	return server.RelocateEndpoint(e, func(port int32) (evidence.HostPort, bool) { return p.address(c, w, port) })
}

// relocateEnv puts the cluster's addresses into the values that the project
// declares. A value that cannot be put right is not declared.
func (p *Project) relocateEnv(env, explicit []v1alpha1.DeclaredEnv, c compose.Service, running map[string]*Workload) []v1alpha1.DeclaredEnv {
	var out []v1alpha1.DeclaredEnv
	for _, e := range env {
		spelt := slices.ContainsFunc(slices.Concat(explicit, c.Bridge.Env), func(o v1alpha1.DeclaredEnv) bool { return o.Name == e.Name })
		i := slices.IndexFunc(c.Env, func(v compose.Variable) bool { return v.Name == e.Name })
		if spelt || i < 0 || e.Value == nil {
			out = append(out, e)
			continue
		}
		if value, ok := p.relocateValue(*e.Value, c.Env[i].References, running); ok {
			out = append(out, v1alpha1.DeclaredEnv{Name: e.Name, Value: &value})
		}
	}
	return out
}

func (p *Project) relocateValue(value string, references []compose.Reference, running map[string]*Workload) (string, bool) {
	for _, r := range references {
		target, _ := p.ByName(r.Service)
		port := cmp.Or(r.Port, target.Port())
		at, found := p.address(target, running[target.Name], port)
		switch {
		case !found && running[target.Name] == nil:
			return "", false // nothing of the stack listens there
		case !found || at.Host == r.Host && (r.Port == 0 || at.Port == r.Port):
		case value == r.Host:
			value = at.Host
		case value == evidence.HostPort{Host: r.Host, Port: r.Port}.String():
			value = at.String()
		default:
			return "", false // a list, or a URL
		}
	}
	return value, true
}
