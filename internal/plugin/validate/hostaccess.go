package validate

import (
	"fmt"
	"strings"
)

// dockerSocket: who has it is root on the host.
var dockerSocket = rule{
	Rule: Rule{"docker-socket", "A service has the container engine's socket, which makes it root on the host"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, v := range p.Model.Services[s.Name].Volumes {
				if strings.HasSuffix(v.Source, "/docker.sock") || strings.HasSuffix(v.Source, "/podman.sock") {
					f := p.at(fmt.Sprintf("%s has the engine's socket: whoever gets into it is root on the host", s.Name), "put a proxy before the socket that lets only through what is needed; on Kubernetes there is none", "services", s.Name, "volumes")
					f.Severity = Warning
					report(f)
				}
			}
		}
	},
}

// privileged: nothing keeps such a container from the host.
var privileged = rule{
	Rule: Rule{"privileged", "A service is privileged, which makes it root on the host"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			if p.Model.Services[s.Name].Privileged {
				f := p.at(fmt.Sprintf("%s is privileged: whoever gets into it is root on the host", s.Name), "add the capabilities and devices that it needs, by cap_add and devices", "services", s.Name, "privileged")
				f.Severity = Warning
				report(f)
			}
		}
	},
}
