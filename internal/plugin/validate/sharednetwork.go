package validate

import (
	"fmt"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
)

// sharedNetwork: names of services are known only in the networks that they share.
var sharedNetwork = rule{
	Rule: Rule{"no-shared-network", "A service addresses another one with which it shares no network"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, v := range s.Env {
				for _, r := range v.References {
					if r.Outside || r.Service == "" || r.Service == s.Name || isLocal(r.Host) || p.isAdded(s, r.Host) {
						continue
					}
					p.reportUnreached(s, v, r, report)
				}
			}
		}
	},
}

func (p *project) reportUnreached(s compose.Service, v compose.Variable, r compose.Reference, report report) {
	mode := p.Model.Services[r.Service].NetworkMode
	kind, other, _ := strings.Cut(mode, ":")
	from := p.Model.Services[p.networkOf(s.Name)].NetworkMode
	switch {
	case !p.connects(s, v.Name):
	case kind == "host" || kind == "none":
		report(p.variable(s.Name, v.Name, fmt.Sprintf("%s of %s addresses %s, whose network_mode is %s: no name leads to it", v.Name, s.Name, r.Service, mode),
			"give "+r.Service+" a network of the project, and publish what the host is to reach"))
	case kind == "service" || kind == "container":
		report(p.variable(s.Name, v.Name, fmt.Sprintf("%s of %s addresses %s, which has the network of %s and no name of its own", v.Name, s.Name, r.Service, other),
			"write "+other+" in its place: "+r.Service+" listens there"))
	case from == "host":
		report(p.variable(s.Name, v.Name, fmt.Sprintf("%s of %s addresses %s by its name, which is not known in the host's network", v.Name, s.Name, r.Service),
			"give "+s.Name+" a network of the project, or write localhost and a port that "+r.Service+" publishes"))
	case !p.shareNetwork(p.networkOf(s.Name), r.Service):
		report(p.at(fmt.Sprintf("%s addresses %s by %s, and they share no network", s.Name, r.Service, v.Name),
			"put both into one network", "services", s.Name, "networks"))
	}
}

func (p *project) shareNetwork(a, b string) bool {
	one, other := p.Model.Services[a], p.Model.Services[b]
	if one.NetworkMode != "" || other.NetworkMode != "" {
		return true // of the engine, which may know names by links
	}
	for name := range one.Networks {
		if _, shared := other.Networks[name]; shared {
			return true
		}
	}
	return len(one.Networks) == 0 && len(other.Networks) == 0
}

// dependent is a service with one of its dependencies.
type dependent struct {
	compose.Service
	on     compose.Dependency
	target compose.Service
}

// dependencies of all services, to services that are there.
func (p *project) dependencies() []dependent {
	var out []dependent
	for _, s := range p.facts.Services {
		for _, d := range s.DependsOn {
			if target, known := p.facts.ByName(d.Service); known {
				out = append(out, dependent{s, d, target})
			}
		}
	}
	return out
}
