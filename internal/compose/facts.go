package compose

import (
	"cmp"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Facts are what a project tells of a stack, as plain values.
type Facts struct {
	// Project is its name.
	Project string
	// Services of the active profiles, by name, without those that x-bridge
	// leaves out.
	Services []Service
}

// Service is one service of the project.
type Service struct {
	Position `json:"-"`

	Name  string
	Image string `json:",omitempty"`
	// Names under which the project's other containers reach it: its own first,
	// then container name, host name, aliases and links.
	Names []string
	Role  Role `json:",omitempty"`
	// OneShot says that it runs to its end, such as a migration.
	OneShot bool `json:",omitempty"`
	// OneShotReason says why it is thought to, or not to; OneShotGuessed that
	// nothing in the project says so for sure.
	OneShotReason  string `json:"-"`
	OneShotGuessed bool   `json:"-"`
	// Replicas wanted. Default: 1.
	Replicas int32
	// Ports inside, each once, in the order of the file.
	Ports []Port `json:",omitempty"`
	// Listeners of a broker, as it advertises them.
	Listeners []Listener `json:",omitempty"`
	// Database that a server makes, or virtual host, empty where it does not say.
	Database  string       `json:",omitempty"`
	DependsOn []Dependency `json:",omitempty"`
	// Health is nil where there is no check or it is disabled.
	Health *HealthCheck `json:",omitempty"`
	// Env as intended, by name.
	Env                  []Variable `json:",omitempty"`
	Limits, Reservations Resources  `json:",omitzero"`
	// Topics that a broker should have, wherever the project declares them.
	Topics []v1alpha1.DeclaredTopic `json:",omitempty"`
	// Bridge is the service's x-bridge.
	Bridge Bridge `json:",omitzero"`
}

// Port is a port that a service listens on inside.
type Port struct {
	Target int32
	// Published is the host's port that it is mapped to, 0 where there is none.
	Published int32 `json:",omitempty"`
	// Protocol is tcp or udp.
	Protocol string
}

// Dependency is one of depends_on.
type Dependency struct {
	Service   string
	Condition v1alpha1.DependencyCondition
	Required  bool
	// Connection are the dependent's variables with the address, where only the
	// project's values show that they are such; zero where their names tell.
	Connection v1alpha1.ConnectionEnv `json:",omitzero"`
}

// Resources are memory in bytes and CPU in millicores, 0 where unset.
type Resources struct{ Memory, CPU int64 }

// ByName is the service that a name of the project leads to.
func (f Facts) ByName(name string) (Service, bool) {
	own := slices.IndexFunc(f.Services, func(s Service) bool { return s.Name == name })
	if own < 0 {
		own = slices.IndexFunc(f.Services, func(s Service) bool { return slices.Contains(s.Names, name) })
	}
	if own < 0 {
		return Service{}, false
	}
	return f.Services[own], true
}

// Facts extracts what the project tells. Its errors, about x-bridge, are *Error,
// alone or joined; what could be read is there all the same.
func (p *Project) Facts() (Facts, error) {
	f := Facts{Project: p.Model.Name}
	var errs []error
	for _, s := range p.services() {
		service, err := p.service(s)
		errs = append(errs, err)
		if !service.Bridge.Ignore {
			f.Services = append(f.Services, service)
		}
	}
	for i := range f.Services {
		s := &f.Services[i]
		s.DependsOn = slices.DeleteFunc(s.DependsOn, func(d Dependency) bool { return !f.has(d.Service) })
	}
	for i := range f.Services {
		e := p.endingOf(f, f.Services[i])
		f.Services[i].OneShot, f.Services[i].OneShotGuessed, f.Services[i].OneShotReason = e.oneShot, e.guessed, e.reason
	}
	errs = append(errs, p.declareTopics(&f))
	p.readEnv(&f)
	return f, errors.Join(errs...)
}

func (f Facts) has(service string) bool {
	return slices.ContainsFunc(f.Services, func(s Service) bool { return s.Name == service })
}

// service is what the service tells by itself.
func (p *Project) service(s types.ServiceConfig) (Service, error) {
	bridge, err := p.serviceBridge(s)
	out := Service{
		Position: p.At("services", s.Name), Name: s.Name, Image: s.Image, Bridge: bridge,
		Names: p.names(s), Role: cmp.Or(bridge.Role, roleOf(s)),
		Replicas: clamp(s.GetScale()), Ports: ports(s), DependsOn: dependencies(s),
		Health: healthCheck(s, p.names(s)), Limits: limits(s), Reservations: reservations(s),
	}
	if out.Role.SpeaksKafka() {
		out.Listeners = listeners(s, out.Names)
	}
	if kind, known := out.Role.Kind(); known {
		for _, name := range kind.DatabaseVariables {
			out.Database = cmp.Or(out.Database, environment(s, name))
		}
	}
	return out, err
}

// names under which other containers of the project reach a service.
func (p *Project) names(s types.ServiceConfig) []string {
	out := []string{s.Name}
	add := func(names ...string) {
		for _, n := range names {
			if n != "" && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	add(s.ContainerName, s.Hostname)
	for _, name := range slices.Sorted(maps.Keys(s.Networks)) {
		if n := s.Networks[name]; n != nil {
			add(n.Aliases...)
		}
	}
	for _, other := range p.services() {
		for _, link := range other.Links {
			if service, alias, aliased := strings.Cut(link, ":"); aliased && service == s.Name {
				add(alias)
			}
		}
	}
	return out
}

func ports(s types.ServiceConfig) []Port {
	var out []Port
	type place struct {
		target   int32
		protocol string
	}
	seen := map[place]bool{}
	add := func(p Port) {
		if at := (place{p.Target, p.Protocol}); p.Target > 0 && !seen[at] {
			seen[at] = true
			out = append(out, p)
		}
	}
	for _, port := range s.Ports {
		add(Port{clamp(int(port.Target)), portNumber(port.Published), cmp.Or(port.Protocol, "tcp")})
	}
	for _, e := range s.Expose {
		number, protocol, _ := strings.Cut(e, "/")
		first, last, isRange := strings.Cut(number, "-")
		if !isRange {
			last = first
		}
		for n := portNumber(first); n > 0 && n <= portNumber(last) && len(out) <= maxPorts; n++ {
			add(Port{Target: n, Protocol: cmp.Or(protocol, "tcp")})
		}
	}
	return out
}

// portNumber is 0 where the text is no single port.
func portNumber(text string) int32 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return int32(n)
}

func clamp(n int) int32 { return int32(max(0, min(n, math.MaxInt32))) }

func dependencies(s types.ServiceConfig) []Dependency {
	var out []Dependency
	for _, name := range slices.Sorted(maps.Keys(s.DependsOn)) {
		d := s.DependsOn[name]
		condition := v1alpha1.DependencyCondition(d.Condition)
		switch condition {
		case v1alpha1.ServiceHealthy, v1alpha1.ServiceCompletedSuccessfully:
		default:
			condition = v1alpha1.ServiceStarted
		}
		out = append(out, Dependency{Service: name, Condition: condition, Required: d.Required})
	}
	return out
}

func limits(s types.ServiceConfig) Resources {
	var r *types.Resource
	if s.Deploy != nil {
		r = s.Deploy.Resources.Limits
	}
	return resources(r, s.MemLimit, s.CPUS)
}

func reservations(s types.ServiceConfig) Resources {
	var r *types.Resource
	if s.Deploy != nil {
		r = s.Deploy.Resources.Reservations
	}
	return resources(r, s.MemReservation, 0)
}

// resources of deploy, else of the older attributes.
func resources(r *types.Resource, memory types.UnitBytes, cpus float32) Resources {
	if r != nil {
		memory, cpus = cmp.Or(r.MemoryBytes, memory), cmp.Or(r.NanoCPUs.Value(), cpus)
	}
	return Resources{Memory: max(0, int64(memory)), CPU: int64(math.Round(max(0, min(float64(cpus), 1e6)) * 1000))}
}

// environment is a variable's value as written, empty where it is not set.
func environment(s types.ServiceConfig, name string) string {
	if v := s.Environment[name]; v != nil {
		return *v
	}
	return ""
}

// HealthCheck is a container's health check, the engine's defaults filled in.
type HealthCheck struct {
	// Command without CMD or CMD-SHELL.
	Command []string
	// Shell says that the command is one line for the shell.
	Shell bool `json:",omitempty"`
	// Ports of the container itself that it asks, in their order.
	Ports []int32 `json:",omitempty"`
	// HTTP is what it asks of the container itself and wants a good answer to,
	// nil where it asks something else.
	HTTP *HTTPCheck `json:",omitempty"`
	// Defaults: 30s, 30s and 3.
	Interval, Timeout time.Duration
	Retries           int32
	// StartPeriod in which failures do not count. Default: 0.
	StartPeriod time.Duration `json:",omitempty"`
}

// HTTPCheck is a request that a health check makes.
type HTTPCheck struct {
	// Scheme is http or https.
	Scheme string
	Port   int32
	Path   string
}
