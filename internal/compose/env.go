package compose

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/server"
)

// Variable is an environment variable as intended.
type Variable struct {
	Name  string
	Value string `json:",omitempty"`
	// Secret says that the value may be one: then Value is empty.
	Secret bool `json:",omitempty"`
	// Partial says that a variable which is not set is missing from the value.
	Partial bool `json:",omitempty"`
	// References are the addresses in the value that have to do with the project.
	References []Reference `json:",omitempty"`
}

// Reference is an address in a value.
type Reference struct {
	Host string
	// Port is 0 where the value has none.
	Port int32 `json:",omitempty"`
	// Service that it leads to, or was meant to; empty where that is not known.
	Service string `json:",omitempty"`
	// Outside says that it leads there only from the host: by the host's own name,
	// by a port that only the host publishes, or to a broker's listener that sends
	// its clients to the host.
	Outside bool `json:",omitempty"`
}

// Outside reports whether the value leads to something only from the host.
func (v Variable) Outside() bool {
	return slices.ContainsFunc(v.References, func(r Reference) bool { return r.Outside })
}

// readEnv fills in each service's environment and what it tells of its
// dependencies.
func (p *Project) readEnv(f *Facts) {
	for i := range f.Services {
		s := &f.Services[i]
		config := p.Model.Services[s.Name]
		for _, name := range slices.Sorted(maps.Keys(config.Environment)) {
			value := config.Environment[name]
			if value == nil {
				continue // taken from whoever runs it
			}
			v := Variable{Name: name, Value: *value, References: f.references(*s, name, *value)}
			v.Partial = p.partial[*value] || p.partial[name+"="+*value]
			if v.Secret = redact.Sensitive(name, *value) || strings.Contains(*value, evidence.Redacted); v.Secret {
				v.Value = ""
			}
			s.Env = append(s.Env, v)
		}
		env := evidenceOf(config)
		for j := range s.DependsOn {
			s.DependsOn[j].Connection = f.connection(*s, s.DependsOn[j].Service, env)
		}
	}
}

// localhost are names of the machine itself.
func localhost(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "host.docker.internal"
}

// leadsTo reports whether the value is an address of a service, and no text that
// has one in it.
func (v Variable) leadsTo(service string) bool {
	return len(v.References) > 0 && v.References[0].Service == service && !strings.ContainsAny(v.Value, " \t\n")
}

// references are the addresses in a value that have to do with the project.
func (f Facts) references(of Service, name, value string) []Reference {
	var out []Reference
	for _, a := range addresses(value) {
		if a.Port == 0 && !strings.Contains(value, "://") && !isAddressName(name) {
			continue // such as POSTGRES_DB=postgres
		}
		if r, ok := f.reference(of, a); ok && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// address is a host, and a port where there is one.
var address = regexp.MustCompile(`^(?i:host=)?([a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?)(?::(\d{1,5}))?$`)

// addresses in a URL, a list of URLs, or a list of host:port.
func addresses(value string) []evidence.HostPort {
	list := []string{value}
	if parts := strings.Split(value, "://"); len(parts) > 1 {
		list = parts[1:]
		for i, p := range list {
			authority := p[:len(p)-len(strings.TrimLeftFunc(p, func(r rune) bool { return !strings.ContainsRune("/?#\"' ", r) }))]
			list[i] = authority[strings.LastIndexByte(authority, '@')+1:]
		}
	}
	var out []evidence.HostPort
	for _, l := range list {
		for _, item := range strings.FieldsFunc(l, func(r rune) bool { return strings.ContainsRune(",; ", r) }) {
			if m := address.FindStringSubmatch(item); m != nil {
				out = append(out, evidence.HostPort{Host: m[1], Port: portNumber(m[2])})
			}
		}
	}
	return out
}

func (f Facts) reference(of Service, a evidence.HostPort) (Reference, bool) {
	r := Reference{Host: a.Host, Port: a.Port}
	if localhost(a.Host) {
		target, published := f.publisher(a.Port)
		switch {
		case a.Port == 0:
			r.Outside = true
		case published && target.Name != of.Name && !of.listens(a.Port):
			r.Service, r.Outside = target.Name, true
		}
		return r, r.Outside
	}
	target, known := f.ByName(a.Host)
	if !known {
		return r, false
	}
	r.Service = target.Name
	r.Outside = a.Port > 0 && target.Name != of.Name && (target.sendsOutside(a.Port) || !target.listens(a.Port) && target.publishes(a.Port))
	return r, true
}

// isAddressName reports whether a variable of this name says where a server is.
func isAddressName(name string) bool {
	upper := strings.ToUpper(name)
	for _, suffix := range []string{"_HOST", "_HOSTNAME", "_SERVER", "_SERVERS", "_ADDR", "_ADDRESS", "_BROKERS", "_URL", "_URI"} {
		if strings.HasSuffix(upper, suffix) {
			return true
		}
	}
	return upper == "PGHOST"
}

// publisher is the service that publishes a port of the host.
func (f Facts) publisher(port int32) (Service, bool) {
	i := slices.IndexFunc(f.Services, func(s Service) bool { return s.publishes(port) })
	if i < 0 {
		return Service{}, false
	}
	return f.Services[i], true
}

func (s Service) publishes(port int32) bool {
	return port > 0 && slices.ContainsFunc(s.Ports, func(p Port) bool { return p.Published == port })
}

func (s Service) listens(port int32) bool {
	return slices.ContainsFunc(s.Ports, func(p Port) bool { return p.Target == port }) ||
		slices.ContainsFunc(s.Listeners, func(l Listener) bool { return l.Inside && l.Port == port })
}

// sendsOutside reports whether a broker answers at a port, and sends its clients
// on to the host.
func (s Service) sendsOutside(port int32) bool {
	at := func(inside bool) bool {
		return slices.ContainsFunc(s.Listeners, func(l Listener) bool { return l.Inside == inside && l.Port == port })
	}
	return at(false) && !at(true)
}

// evidenceOf is a service's environment for those who read clients' settings.
func evidenceOf(s types.ServiceConfig) evidence.Env {
	env := evidence.Env{Variables: map[string]evidence.Variable{}, Complete: true}
	for name, value := range s.Environment {
		if value != nil {
			env.Variables[name] = evidence.Variable{Name: name, Value: *value}
		}
	}
	return env
}

// connection names the variables by which a service reaches another one, where
// they are not found by the usual names.
func (f Facts) connection(of Service, dependency string, env evidence.Env) v1alpha1.ConnectionEnv {
	target, _ := f.ByName(dependency)
	var out v1alpha1.ConnectionEnv
	if target.foundByName(env) {
		return out
	}
	for _, v := range of.Env {
		if !v.leadsTo(dependency) {
			continue
		}
		switch value := env.Get(v.Name); {
		case strings.Contains(value, "://"):
			setOnce(&out.URL, v.Name)
		case listsServers(target) && v.References[0].Port > 0:
			setOnce(&out.BootstrapServers, v.Name)
		case slices.Contains(target.Names, value):
			setOnce(&out.Host, v.Name)
		}
	}
	if port := portBeside(out.Host); port != "" && target.listens(portNumber(env.Get(port))) {
		out.Port = port
	}
	return out
}

// foundByName reports whether the usual names lead to the service, or were meant to.
func (s Service) foundByName(env evidence.Env) bool {
	usual, ok := server.Configured(s.Role.Protocol(), env, server.Spelled{})
	host := usual.Server().Host
	return ok && (slices.Contains(s.Names, host) || localhost(host))
}

// portBeside is the variable that goes with one such as QUEUE_REDIS_HOST, empty
// where there is none by its name.
func portBeside(host string) string {
	port := strings.Replace(strings.Replace(host, "HOSTNAME", "PORT", 1), "HOST", "PORT", 1)
	if port == host {
		return ""
	}
	return port
}

func setOnce(field *string, name string) {
	if *field == "" {
		*field = name
	}
}

// listsServers says that the clients of a service are told a list of host:port.
func listsServers(s Service) bool {
	kind, known := s.Role.Kind()
	return known && kind.ListsServers
}
