package validate

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"
)

// portConflict: the host has each port once.
var portConflict = rule{
	Rule: Rule{"port-conflict", "A port of the host is published twice"},
	project: func(p *project, report report) {
		type place struct{ ip, port, protocol string }
		first := map[place]string{}
		for _, s := range p.facts.Services {
			for i, port := range p.Model.Services[s.Name].Ports {
				if _, err := strconv.Atoi(port.Published); err != nil {
					continue // none, or a range that the engine chooses from
				}
				at := place{hostIP(port), port.Published, cmp.Or(port.Protocol, "tcp")}
				other, taken := first[at]
				if !taken {
					first[at] = s.Name
					continue
				}
				report(p.at(fmt.Sprintf("port %s of the host is %s's already: %s cannot start beside it", port.Published, other, s.Name), "publish it at another port", "services", s.Name, "ports", strconv.Itoa(i)))
			}
		}
	},
}

func hostIP(port types.ServicePortConfig) string {
	if port.HostIP == "::" {
		return "0.0.0.0"
	}
	return cmp.Or(port.HostIP, "0.0.0.0")
}

// cannotScale: what there is one of on the host, several containers cannot have.
var cannotScale = rule{
	Rule: Rule{"cannot-scale", "Several containers are to have one port of the host"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			config := p.Model.Services[s.Name]
			if s.Replicas < 2 || config.Deploy != nil && config.Deploy.Mode == "global" {
				continue
			}
			for _, port := range config.Ports {
				if _, err := strconv.Atoi(port.Published); err == nil && !p.isForSwarm() {
					report(p.at(fmt.Sprintf("%s is to run %d times, and one of them alone can have port %s of the host", s.Name, s.Replicas, port.Published), "publish a range, or no port of the host's, and put a proxy before them", "services", s.Name, "ports"))
					break
				}
			}
		}
	},
}

// isForSwarm says that the files are a stack of Swarm's, which publishes a port for
// all containers of a service.
func (p *project) isForSwarm() bool {
	for _, n := range p.Model.Networks {
		if n.Driver == "overlay" {
			return true
		}
	}
	for _, s := range p.Model.Services {
		if s.Deploy != nil && (len(s.Deploy.Placement.Constraints) > 0 || s.Deploy.UpdateConfig != nil || s.Deploy.EndpointMode != "") {
			return true
		}
	}
	return false
}
