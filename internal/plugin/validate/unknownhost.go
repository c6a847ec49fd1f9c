package validate

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
)

// unknownHost: a host without a dot that no service of the project has for a
// name. DNS has no other ones inside.
var unknownHost = rule{
	Rule: Rule{"unknown-host", "A host is no service of the project"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, v := range s.Env {
				if s.Role != "" && strings.Contains(v.Name, "LISTENER") || !p.connects(s, v.Name) || isOwn(s, v.Name) || p.reachesOthers(s) {
					continue // a broker's own have names of listeners for schemes
				}
				for _, h := range hostsIn(v.Name, p.value(s, v.Name)) {
					if p.knows(s, h.name) || h.scheme != "" && !slices.Contains(serverSchemes, strings.TrimPrefix(h.scheme, "jdbc:")) {
						continue
					}
					cure := "name a service of the project, or the full name of a host outside of it"
					if near := p.nearest(s, h); near != "" {
						cure = "did you mean " + near + "?"
					}
					report(p.variable(s.Name, v.Name, fmt.Sprintf("%s of %s: %s is no service of the project", v.Name, s.Name, h.name), cure))
				}
			}
		}
	},
}

// serverSchemes are those of URLs that have a server's name in them.
var serverSchemes = []string{
	"http", "https", "ws", "wss", "postgres", "postgresql", "mysql", "mariadb", "sqlserver", "redis", "rediss", "valkey", "amqp", "amqps", "mongodb", "nats", "kafka",
	"tcp", "udp", "tls", "ssl", "grpc", "grpcs", "memcached", "memcache", "elasticsearch", "clickhouse", "mqtt", "mqtts", "smtp", "smtps", "ldap", "ldaps", "bolt", "neo4j",
	"cassandra", "zookeeper", "etcd", "ftp", "sftp", "ssh", "pulsar", "postgresql+asyncpg", "postgresql+psycopg2", "postgresql+psycopg", "postgres+asyncpg", "mysql+pymysql", "mysql2", "ecto", "pgsql",
}

// reachesOthers says that a service is in a network that is not the project's own,
// where there are hosts that it does not know.
func (p *project) reachesOthers(s compose.Service) bool {
	config := p.Model.Services[s.Name]
	for name := range config.Networks {
		if bool(p.Model.Networks[name].External) {
			return true
		}
	}
	return config.NetworkMode == "host" || strings.HasPrefix(config.NetworkMode, "container:")
}

// placeholder is a host that stands for one that is still to be named.
var placeholder = regexp.MustCompile(`(?i)^(?:\d+|host(?:name)?|server|your[-_].*|my[-_](?:host|server)|mock|none|null|changeme|x+|user|example|test)$`)

// knows a name by which something can be reached.
func (p *project) knows(s compose.Service, name string) bool {
	if strings.Contains(name, ".") || isLocal(name) || strings.ContainsAny(name, "$%{<") || placeholder.MatchString(name) || slices.Contains(p.elsewhere, name) {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	_, known := p.facts.ByName(name)
	_, left := p.Model.Services[name] // one that x-bridge leaves out
	return known || left || p.isDisabled(name) || p.isAdded(s, name)
}

// isAdded says that the service alone is given a host of that name.
func (p *project) isAdded(s compose.Service, name string) bool {
	config := p.Model.Services[s.Name]
	_, extra := config.ExtraHosts[name]
	return extra || slices.ContainsFunc(slices.Concat(config.ExternalLinks, config.Links), func(link string) bool {
		_, alias, aliased := strings.Cut(link, ":")
		return link == name || aliased && alias == name
	})
}

// isDisabled says that a service of that name is in a profile that is not active.
func (p *project) isDisabled(name string) bool {
	_, found := p.Model.DisabledServices[name]
	return found
}

// nearest service to a host that is none: the only one that speaks what is asked
// for, or one of nearly that name.
func (p *project) nearest(s compose.Service, h host) string {
	best, distance := "", 3
	for _, other := range p.facts.Services {
		for _, name := range other.Names {
			d := edits(name, h.name)
			if strings.HasPrefix(h.name, name) || strings.HasPrefix(name, h.name) {
				d = min(d, 2)
			}
			if other.Name != s.Name && d < distance {
				best, distance = name, d
			}
		}
	}
	if best == "" && strings.HasPrefix(h.scheme, "postgres") {
		best = p.only(func(o compose.Service) bool { return o.Role == compose.RolePostgres })
	}
	return best
}

// only is the name of the one service for which something holds, empty where
// there are none or several.
func (p *project) only(holds func(compose.Service) bool) string {
	found := ""
	for _, s := range p.facts.Services {
		if holds(s) {
			if found != "" {
				return ""
			}
			found = s.Name
		}
	}
	return found
}

// edits between two short names: insertions, deletions and replacements.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(row[j]+1, before+1, cost)
		}
	}
	return row[len(b)]
}
