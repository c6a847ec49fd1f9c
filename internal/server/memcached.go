package server

import (
	"regexp"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Memcached is the text protocol of memcached.
const Memcached evidence.Protocol = "Memcached"

// What its pods hold is a cache, which may be lost.
var _ = register(Kind{
	Protocol:  Memcached,
	Rank:      7,
	Port:      memcachedPort,
	Schemes:   []string{"memcached", "memcache"},
	Variables: regexp.MustCompile(`memcache`),
	Images:    regexp.MustCompile(`^memcached$`),
	Names:     []string{"memcached", "memcache"},

	AnswersBeforeLogin: func(evidence.Connection) bool { return true }, // version
	MakeEndpoint: func(o Offer) v1alpha1.Endpoint {
		m := &v1alpha1.MemcachedEndpoint{Host: o.Host}
		if o.Port != memcachedPort {
			m.Port = o.Port
		}
		return v1alpha1.Endpoint{Memcached: m}
	},
	declared: func(service string, e v1alpha1.Endpoint) (evidence.Connection, bool) {
		if e.Memcached == nil {
			return evidence.Connection{}, false
		}
		return evidence.Connection{Protocol: Memcached,
			Servers: []evidence.HostPort{{Host: or(e.Memcached.Host, service), Port: orPort(e.Memcached.Port, memcachedPort)}}}, true
	},
	relocate: func(e *v1alpha1.Endpoint, at Finder) bool {
		if found, offered := at(orPort(e.Memcached.Port, memcachedPort)); offered {
			e.Memcached.Host, e.Memcached.Port = found.Host, found.Port
		}
		return true
	},
	configured: memcachedClients.client,
	implied:    func(v variables) []evidence.Connection { return memcachedClients.candidates(v) },
})

const memcachedPort = 11211

// The names that memcached clients are usually configured by.
var memcachedClients = usual{
	protocol: Memcached,
	urls:     []string{"MEMCACHED_URL", "MEMCACHE_URL", "CACHE_URL"},
	prefixes: []string{"MEMCACHED_", "MEMCACHE_"},
}
