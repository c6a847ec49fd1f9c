package validate

import (
	"fmt"

	"github.com/bridgestack/operator/internal/compose"
)

// sharedNetwork: names of services are known only in the networks that they share.
var sharedNetwork = rule{
	Rule: Rule{"no-shared-network", "A service addresses another one with which it shares no network"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, v := range s.Env {
				for _, r := range v.References {
					if r.Outside || r.Service == "" || r.Service == s.Name || p.shareNetwork(s.Name, r.Service) {
						continue
					}
					report(p.at(fmt.Sprintf("%s addresses %s by %s, and they share no network", s.Name, r.Service, v.Name),
						"put both into one network", "services", s.Name, "networks"))
				}
			}
		}
	},
}

func (p *project) shareNetwork(a, b string) bool {
	one, other := p.Model.Services[a], p.Model.Services[b]
	if one.NetworkMode != "" || other.NetworkMode != "" {
		return true // theirs is the host's or another service's
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
