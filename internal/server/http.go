package server

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// HealthPath is the API's default path of an HTTP endpoint.
const HealthPath = "/health"

// A health endpoint over HTTP. The host stays empty where none is declared: it is
// the service's pods.
var _ = register(Kind{
	Protocol: evidence.HTTP,
	Rank:     3,
	declared: func(_ string, e v1alpha1.Endpoint) (evidence.Connection, bool) {
		if e.HTTP == nil {
			return evidence.Connection{}, false
		}
		return evidence.Connection{Protocol: evidence.HTTP, Path: or(e.HTTP.Path, HealthPath), Servers: []evidence.HostPort{{Host: e.HTTP.Host, Port: e.HTTP.Port}}}, true
	},
	CauseOfCode: func(last evidence.Stage, _ evidence.Dependency) (v1alpha1.Cause, bool) {
		_, network := UpstreamCauses.ofNetwork(last.Code)
		return v1alpha1.CauseDependencyUnhealthy, last.Name == evidence.StageHTTP && !network
	},
	MakeEndpoint: func(o Offer) v1alpha1.Endpoint {
		if o.Path == HealthPath {
			o.Path = ""
		}
		return v1alpha1.Endpoint{HTTP: &v1alpha1.HTTPEndpoint{Port: o.Port, Path: o.Path}}
	},
})
