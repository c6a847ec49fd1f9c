package validate

import (
	"fmt"
	"slices"

	"github.com/bridgestack/operator/internal/compose"
)

// kafkaListener: a broker answers at each of its listeners, and then sends its
// clients to the address that it advertises there.
var kafkaListener = rule{
	Rule: Rule{"kafka-listener", "A Kafka client uses the listener that is advertised for the host"},
	project: func(p *project, report report) {
		p.outside(func(s compose.Service, v compose.Variable, r compose.Reference) {
			target, known := p.facts.ByName(r.Host)
			if !known || !p.sendsOutside(target, r.Port) {
				return
			}
			i := slices.IndexFunc(target.Listeners, func(l compose.Listener) bool { return l.Port == r.Port })
			message := fmt.Sprintf("%s of %s leads to %s, where %s sends its clients on to %s", v.Name, s.Name, address(r.Host, r.Port), target.Name, address(target.Listeners[i].Host, r.Port))
			cure := "use the listener for inside: " + p.insideOf(target.Name)
			if !slices.ContainsFunc(target.Listeners, func(l compose.Listener) bool { return l.Inside }) {
				cure = fmt.Sprintf("have %s advertise %s to clients inside", target.Name, address(target.Name, r.Port))
			}
			report(p.variable(s.Name, v.Name, message, cure))
		})
	},
}

// sendsOutside says that a broker advertises a port for the host alone.
func (p *project) sendsOutside(s compose.Service, port int32) bool {
	at := func(inside bool) bool {
		return slices.ContainsFunc(s.Listeners, func(l compose.Listener) bool { return l.Port == port && l.Inside == inside })
	}
	return at(false) && !at(true)
}
