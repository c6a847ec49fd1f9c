package validate

import (
	"fmt"
	"regexp"

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
		p.inCommands(func(s compose.Service, target compose.Service, host string, number int32) {
			if port, published := publishedAt(target, number); published && !listensAt(target, number) && s.Name != target.Name {
				report(p.at(fmt.Sprintf("the command of %s leads to %s: %d is published on the host, inside %s listens on %d", s.Name, address(host, number), number, target.Name, port.Target),
					"write "+address(host, port.Target), "services", s.Name, "command"))
			}
		})
	},
}

// hostAndPort is an address in a command.
var hostAndPort = regexp.MustCompile(`(?:^|[^\w.-])([a-zA-Z][\w.-]*):(\d{2,5})\b`)

// inCommands visits the addresses of services in commands.
func (p *project) inCommands(visit func(s, target compose.Service, host string, number int32)) {
	for _, s := range p.facts.Services {
		for _, m := range hostAndPort.FindAllStringSubmatch(p.command(s), -1) {
			if target, known := p.facts.ByName(m[1]); known {
				visit(s, target, m[1], port(m[2]))
			}
		}
	}
}
