package stack

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
)

// Project is the stack's compose project, and how the cluster names what is in it.
type Project struct {
	compose.Facts
	// Addresses of the namespace's Services.
	Addresses []Address
}

// ResolveProject is Resolve with what a compose project tells beside the policy,
// nil where there is none. What the policy says itself wins. A service of the
// project that no workload runs is left out: see Project.Missing.
func ResolveProject(spec v1alpha1.BridgeStackSpec, project *Project, workloads []Workload) Stack {
	s := Stack{Policy: PolicyOf(spec)}
	selected := s.selected(spec.Selector, workloads)
	services := declarations(spec.Services)
	if project != nil {
		services = project.merge(services, finder{workloads, selected}, s.Policy)
		s.checkDependencies(services)
	}
	claimed := map[string]string{}
	for _, d := range services {
		s.add(d, workloads, selected, claimed)
	}
	s.addSelected(selected, claimed)
	s.Problems = append(s.Problems, cycles(services)...)
	s.checkWindows()
	return s
}

// declaration is a service before its workload is looked for.
type declaration struct {
	Service
	// field is where it stands, such as spec.services[2].
	field string
}

func declarations(services []v1alpha1.Service) []declaration {
	out := make([]declaration, len(services))
	for i, s := range services {
		out[i] = declaration{Service{Service: s}, fmt.Sprintf("spec.services[%d]", i)}
	}
	return out
}

// finder looks for workloads.
type finder struct{ all, selected []Workload }

// merge puts what the project tells under what is declared, and adds the
// services that only the project has, where a workload runs them.
func (p *Project) merge(declared []declaration, workloads finder, policy Policy) []declaration {
	out := slices.Clone(declared)
	taken := map[string]bool{}
	for _, d := range out {
		if w, found := find(d.Service.Service, workloads.all, workloads.selected); found && !d.External {
			taken[w.String()] = true
		}
	}
	running := map[string]*Workload{}
	for _, c := range p.Services {
		i := slices.IndexFunc(out, func(d declaration) bool { return d.Name == c.Name })
		w := p.workload(c, out, i, workloads, taken)
		if w != nil {
			taken[w.String()] = true
			running[c.Name] = w
		}
		switch {
		case i >= 0:
			out[i].Service = under(out[i].Service, c, w, policy)
		case w != nil || len(matching(v1alpha1.Service{Name: c.Name}, workloads.all, workloads.selected)) > 1: // the second is a problem to be told
			out = append(out, declaration{under(Service{Service: v1alpha1.Service{Name: c.Name}}, c, w, policy), "spec.compose: services." + c.Name})
		}
	}
	for i := range out {
		var explicit v1alpha1.Service
		if i < len(declared) {
			explicit = declared[i].Service.Service
		}
		p.settle(&out[i], explicit, out, running)
	}
	return out
}

// workload runs a service of the project: the one that the policy or x-bridge
// names, else one that is named as the service is, or as converters name it.
func (p *Project) workload(c compose.Service, declared []declaration, at int, workloads finder, taken map[string]bool) *Workload {
	if at >= 0 {
		w, found := find(declared[at].Service.Service, workloads.all, workloads.selected)
		if found || declared[at].External || declared[at].Service.Service.Workload != nil {
			return pointer(w, found && !declared[at].External)
		}
	}
	if ref := c.Bridge.Workload; ref != nil {
		w, found := first(workloads.all, func(w Workload) bool { return w.Kind == kindOf(*ref) && w.Name == ref.Name })
		return pointer(w, found)
	}
	for _, name := range p.candidates(c) {
		w, found := find(v1alpha1.Service{Name: name}, workloads.all, workloads.selected)
		if found && !taken[w.String()] {
			return &w
		}
	}
	return nil
}

func pointer(w Workload, found bool) *Workload {
	if !found {
		return nil
	}
	return &w
}

// candidates are the names that a workload of the service may have, the most
// telling first.
func (p *Project) candidates(c compose.Service) []string {
	var out []string
	for _, name := range c.Names {
		for _, n := range []string{name, compose.KubernetesName(name), compose.KubernetesName(p.Project + "-" + name)} {
			if n != "" && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// under puts what the project tells of a service under what is declared.
func under(s Service, c compose.Service, w *Workload, policy Policy) Service {
	told := c.Declared()
	if s.Service.Workload == nil && !s.External && w != nil {
		s.Service.Workload = &v1alpha1.WorkloadReference{Kind: w.Kind, Name: w.Name}
	}
	s.DependsOn = union(s.DependsOn, told.DependsOn, func(d v1alpha1.Dependency) string { return d.Service })
	s.Env = union(s.Env, told.Env, func(e v1alpha1.DeclaredEnv) string { return e.Name })
	s.Endpoint = endpointUnder(s.Endpoint, told.Endpoint)
	s.AllowRestart = s.AllowRestart || told.AllowRestart
	if s.Service.MemoryCeiling == nil {
		s.Service.MemoryCeiling = lesser(told.MemoryCeiling, policy.MemoryCeiling)
	}
	if s.Service.CPUCeiling == nil {
		s.Service.CPUCeiling = lesser(told.CPUCeiling, policy.CPUCeiling)
	}
	if c.Limits.Memory > 0 {
		s.ComposeMemory = resource.NewQuantity(c.Limits.Memory, resource.BinarySI)
	}
	if c.Limits.CPU > 0 {
		s.ComposeCPU = resource.NewMilliQuantity(c.Limits.CPU, resource.DecimalSI)
	}
	return s
}

// lesser is a ceiling that x-bridge sets, held to the stack's own.
func lesser(ceiling, most *resource.Quantity) *resource.Quantity {
	if ceiling != nil && most != nil && most.Cmp(*ceiling) < 0 {
		return most
	}
	return ceiling
}

// union is the first list, and of the second what the first has no entry for.
func union[T any](first, second []T, key func(T) string) []T {
	out := slices.Clone(first)
	for _, v := range second {
		if !slices.ContainsFunc(first, func(f T) bool { return key(f) == key(v) }) {
			out = append(out, v)
		}
	}
	return out
}

// endpointUnder is the declared endpoint with the project's topics, else the
// project's.
func endpointUnder(declared, told *v1alpha1.Endpoint) *v1alpha1.Endpoint {
	if declared == nil || declared.Kafka == nil || told == nil || told.Kafka == nil {
		if declared == nil {
			return told
		}
		return declared
	}
	out := declared.DeepCopy()
	out.Kafka.Topics = union(out.Kafka.Topics, told.Kafka.Topics, func(t v1alpha1.DeclaredTopic) string { return t.Name })
	return out
}

// settle puts the cluster's addresses in the place of the project's, and leaves
// out dependencies on what is not there. What is declared explicitly stays.
func (p *Project) settle(d *declaration, explicit v1alpha1.Service, all []declaration, running map[string]*Workload) {
	d.DependsOn = slices.DeleteFunc(slices.Clone(d.DependsOn), func(dependency v1alpha1.Dependency) bool {
		spelt := slices.ContainsFunc(explicit.DependsOn, func(e v1alpha1.Dependency) bool { return e.Service == dependency.Service })
		return !spelt && !slices.ContainsFunc(all, func(o declaration) bool { return o.Name == dependency.Service })
	})
	c, known := p.ByName(d.Name)
	if !known || c.Name != d.Name {
		return
	}
	if explicit.Endpoint == nil && d.Endpoint != nil {
		d.Endpoint = p.relocate(d.Endpoint, c, running[c.Name])
	}
	d.Env = p.relocateEnv(d.Env, explicit.Env, c, running)
}

// checkDependencies finds those that the API cannot check, as the project may
// have them.
func (s *Stack) checkDependencies(services []declaration) {
	for _, d := range services {
		for _, dependency := range d.DependsOn {
			if !slices.ContainsFunc(services, func(o declaration) bool { return o.Name == dependency.Service }) {
				s.Problems = append(s.Problems, Problem{v1alpha1.ReasonDependencyUnknown, d.field + ".dependsOn",
					fmt.Sprintf("%q is neither in spec.services nor a service of the compose project that a workload runs", dependency.Service)})
			}
		}
	}
}

// Missing are the services of the project that nothing runs in the stack. Those
// that run to their end may have been a Job that is gone.
func (p *Project) Missing(s Stack) []compose.Service {
	return slices.DeleteFunc(slices.Clone(p.Services), func(c compose.Service) bool {
		service, known := s.ByName(c.Name)
		return c.OneShot || known && (service.Workload != nil || service.External)
	})
}
