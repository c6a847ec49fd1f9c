package validate

import (
	"fmt"

	"github.com/bridgestack/operator/internal/compose"
)

// publishedPort: a port that only the host has, asked for at the service itself.
var publishedPort = rule{
	Rule: Rule{"published-port", "A service is addressed at a port that only the host publishes"},
	project: func(p *project, report report) {
		p.outside(func(s compose.Service, v compose.Variable, r compose.Reference) {
			target, known := p.facts.ByName(r.Host)
			if !known || p.sendsOutside(target, r.Port) {
				return
			}
			for _, port := range target.Ports {
				if port.Published == r.Port {
					message := fmt.Sprintf("%s of %s leads to %s: %d is published on the host, inside %s listens on %d", v.Name, s.Name, address(r.Host, r.Port), r.Port, target.Name, port.Target)
					report(p.variable(s.Name, v.Name, message, "write "+address(r.Host, port.Target)))
				}
			}
		})
	},
}
