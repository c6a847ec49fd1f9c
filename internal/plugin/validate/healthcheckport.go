package validate

import (
	"fmt"
	"slices"

	"github.com/bridgestack/operator/internal/compose"
)

// healthcheckPort: a check that asks its own container at a port which only the
// host has. Images have ports of their own for it that no file names.
var healthcheckPort = rule{
	Rule: Rule{"healthcheck-port", "A health check asks its container at a port that only the host publishes"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			if s.Health == nil {
				continue
			}
			for _, asked := range asks(s.Health) {
				if port, published := publishedAt(s, asked); published && !listensAt(s, asked) {
					report(p.at(fmt.Sprintf("the health check of %s asks port %d, which is published on the host: inside it listens on %d", s.Name, asked, port.Target),
						fmt.Sprintf("ask port %d", port.Target), "services", s.Name, "healthcheck", "test"))
				}
			}
		}
	},
}

func asks(h *compose.HealthCheck) []int32 {
	out := slices.Clone(h.Ports)
	if h.HTTP != nil && !slices.Contains(out, h.HTTP.Port) {
		out = append(out, h.HTTP.Port)
	}
	return out
}

// publishedAt is the port that the host publishes at a number of its own.
func publishedAt(s compose.Service, number int32) (compose.Port, bool) {
	i := slices.IndexFunc(s.Ports, func(p compose.Port) bool { return p.Published == number })
	if i < 0 {
		return compose.Port{}, false
	}
	return s.Ports[i], true
}

func listensAt(s compose.Service, number int32) bool {
	return slices.ContainsFunc(s.Ports, func(p compose.Port) bool { return p.Target == number }) ||
		slices.ContainsFunc(s.Listeners, func(l compose.Listener) bool { return l.Port == number })
}
