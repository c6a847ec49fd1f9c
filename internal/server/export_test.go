package server

import (
	"regexp"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Memcached is a kind as its one file would register it.
var Memcached = Kind{
	Protocol:  "Memcached",
	Rank:      9,
	Port:      11211,
	Schemes:   []string{"memcached"},
	Variables: regexp.MustCompile(`memcached`),
	Images:    regexp.MustCompile(`^memcached$`),
	Names:     []string{"memcached"},
	declared:  func(string, v1alpha1.Endpoint) (evidence.Connection, bool) { return evidence.Connection{}, false },
	implied: func(v variables) []evidence.Connection {
		s := v.first("MEMCACHED_URL")
		d, ok := parseAnyURL(s.value)
		if !ok {
			return nil
		}
		return []evidence.Connection{{Protocol: "Memcached", Servers: withPort(d.servers, 11211), Variables: evidence.ConnectionVariables{URL: s.variable}}}
	},
}

// RegisterForTest adds a kind for the time of a test.
func RegisterForTest(t *testing.T, k Kind) *Kind {
	t.Helper()
	t.Cleanup(func() { delete(kinds, k.Protocol) })
	return register(k)
}
