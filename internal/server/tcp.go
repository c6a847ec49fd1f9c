package server

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Anything that accepts TCP connections. One that the cluster offers nowhere is no
// endpoint: it would be probed in vain.
var _ = register(Kind{
	Protocol: evidence.TCP,
	Rank:     4,
	declared: func(service string, e v1alpha1.Endpoint) (evidence.Connection, bool) {
		if e.TCP == nil {
			return evidence.Connection{}, false
		}
		return evidence.Connection{Protocol: evidence.TCP, Servers: []evidence.HostPort{{Host: or(e.TCP.Host, service), Port: e.TCP.Port}}}, true
	},
	relocate: func(e *v1alpha1.Endpoint, at Finder) bool {
		found, offered := at(e.TCP.Port)
		e.TCP.Host, e.TCP.Port = found.Host, found.Port
		return offered
	},
	MakeEndpoint: func(o Offer) v1alpha1.Endpoint {
		return v1alpha1.Endpoint{TCP: &v1alpha1.TCPEndpoint{Host: o.Host, Port: o.Port}}
	},
})
