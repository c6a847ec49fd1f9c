package validate

import (
	"fmt"
	"net/netip"
)

// openPort: a port that is published without an address is open on all of the
// host's, past its firewall: Docker writes rules of its own.
var openPort = rule{
	Rule: Rule{"open-port", "A database or broker is published on all of the host's addresses"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			if !isDatabase(s) {
				continue
			}
			for _, port := range p.Model.Services[s.Name].Ports {
				if ip, err := netip.ParseAddr(port.HostIP); port.Published == "" || err == nil && !ip.IsUnspecified() {
					continue
				}
				f := p.at(fmt.Sprintf("%s is open to whoever reaches the host, at port %s", s.Name, port.Published), fmt.Sprintf("write 127.0.0.1:%s:%d, or publish no port: services inside need none", port.Published, port.Target), "services", s.Name, "ports")
				f.Severity = Warning
				report(f)
				break
			}
		}
	},
}
