package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/server"
)

// localhostAddress: inside a container, localhost is that container and never
// another service.
var localhostAddress = rule{
	Rule: Rule{"localhost-address", "A service is addressed as localhost, which is the client's own container"},
	project: func(p *project, report report) {
		p.outside(func(s compose.Service, v compose.Variable, r compose.Reference) {
			if !isLocal(r.Host) || !p.connects(s, v.Name) || isOwn(s, v.Name) || !p.isServers(s, v, r) || p.sharesLocalhost(s, r) || p.isTold(s, "local", v.Name) {
				return
			}
			if r.Host == dockerHost {
				f := p.variable(s.Name, v.Name, fmt.Sprintf("%s of %s leads to the machine that compose runs on, which a cluster has not", v.Name, s.Name), p.instead(s, v, r))
				f.Severity = Warning
				report(f)
				return
			}
			message := fmt.Sprintf("%s leads to %s, which inside the container is the container itself", p.subject(s, v.Name), address(r.Host, r.Port))
			report(p.variable(s.Name, v.Name, message, p.instead(s, v, r)))
		})
	},
}

// dockerHost is the host that the engine runs on.
const dockerHost = "host.docker.internal"

// sharesLocalhost says that localhost is right: the service has the network of the host,
// where the port is published, or that of the service which is meant.
func (p *project) sharesLocalhost(s compose.Service, r compose.Reference) bool {
	if p.Model.Services[s.Name].NetworkMode == "host" {
		return r.Service != ""
	}
	root := p.networkOf(s.Name)
	listens := func(port compose.Port) bool { return port.Target == r.Port }
	return slices.ContainsFunc(p.facts.Services, func(o compose.Service) bool {
		return o.Name != s.Name && p.networkOf(o.Name) == root && (r.Port == 0 || slices.ContainsFunc(o.Ports, listens))
	})
}

// networkOf is the service whose network a service has: its own, unless it has
// another's by network_mode: service:NAME.
func (p *project) networkOf(name string) string {
	for range p.facts.Services { // compose refuses circles
		kind, other, shares := strings.Cut(p.Model.Services[name].NetworkMode, ":")
		target, known := p.facts.ByName(other)
		if !shares || kind != "service" && kind != "container" || !known {
			break
		}
		name = target.Name
	}
	return name
}

// isServers says that an address is a server's that the service is a client of, and
// not how people's browsers reach it. A URL of http may be either, unless its name
// or the service at its port tells.
func (p *project) isServers(s compose.Service, v compose.Variable, r compose.Reference) bool {
	switch {
	case saysAddress.MatchString(v.Name):
		return r.Port > 0 || !strings.Contains(p.value(s, v.Name), "://")
	case r.Port == 0 && r.Service == "":
		return false
	}
	target, known := p.facts.ByName(r.Service)
	if known && isDatabase(target) {
		return true
	}
	return slices.ContainsFunc(hostsIn(v.Name, p.value(s, v.Name)), func(h host) bool {
		return h.name == r.Host && h.scheme != "" && !slices.Contains([]string{"http", "https", "ws", "wss"}, h.scheme)
	})
}

// instead is what to write for localhost.
func (p *project) instead(s compose.Service, v compose.Variable, r compose.Reference) string {
	target := r.Service
	if target == "" {
		target = p.meant(s, v.Name)
	}
	if target == "" {
		return "name the service that is meant"
	}
	if r.Port == 0 {
		inside := p.insideOf(target)
		name, number, _ := strings.Cut(inside, ":")
		if number == "" {
			return fmt.Sprintf("set %s to %s", v.Name, name)
		}
		return fmt.Sprintf("set %s to %s, and its port to %s", v.Name, name, number)
	}
	return "write " + p.insideOf(target)
}

// meant is the service that a variable's name is about.
func (p *project) meant(s compose.Service, name string) string {
	role := map[bool]func(compose.Service) bool{
		true:  func(o compose.Service) bool { return o.Role.SpeaksKafka() && o.Name != s.Name },
		false: func(o compose.Service) bool { return o.Role == compose.RolePostgres && o.Name != s.Name },
	}
	upper := strings.ToUpper(name)
	switch {
	case strings.Contains(upper, "KAFKA") || strings.Contains(upper, "BOOTSTRAP"):
		return p.only(role[true])
	case strings.Contains(upper, "POSTGRES"), strings.HasPrefix(upper, "PG"), strings.HasPrefix(upper, "DB_"), strings.Contains(upper, "DATABASE"):
		return p.only(role[false])
	}
	if kind, known := server.OfVariable(name); known {
		if is := p.only(func(o compose.Service) bool { return o.Role.Protocol() == kind.Protocol && o.Name != s.Name }); is != "" {
			return is
		}
	}
	for _, o := range p.facts.Services {
		if o.Name != s.Name && strings.HasPrefix(upper, strings.ToUpper(o.Name)+"_") {
			return o.Name
		}
	}
	return ""
}
