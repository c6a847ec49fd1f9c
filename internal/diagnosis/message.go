package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/internal/text"
)

// settled is how long a container must run to count as healthy again: the time
// after which the kubelet forgets its back-off.
const settled = 10 * time.Minute

var (
	// benignError are errors of one request, not of the process.
	benignError = regexp.MustCompile(`(?i)^request |\bGET /|\bPOST /|rejected:|ignored|skipped|returned [45]\d\d|mismatch, |retry(?:ing)? in|slow request|feature disabled|continuing|degraded|^order \d+ `)
	// raisedByRuntime are the words of runtimes that abort on what nobody caught.
	raisedByRuntime = regexp.MustCompile(`^Unhandled exception\.|\bHosting failed to start$|terminate called|panicked at|fatal runtime error|Process terminated\.|^Out of memory\.$|^Stack overflow\.$|^panic: |goroutine \d+|SIGABRT: abort|has terminated .*exception`)
)

// message says in one sentence what a clue means.
func message(k clue) string {
	said := text.Clip(strings.TrimSpace(printable(k.text)), 300)
	where := ""
	switch {
	case k.subject.Host != "" && k.subject.Port != 0:
		where = evidence.HostPort{Host: k.subject.Host, Port: k.subject.Port}.String()
	case k.subject.Host != "":
		where = k.subject.Host
	}
	if lead := leadOf(k.cause); lead != "" {
		if name := serverOf(k); name != "" {
			lead = strings.ReplaceAll(strings.ReplaceAll(lead, "Another server", name), "another server", name)
		}
		if where != "" && k.fault != faultNone {
			lead += " (" + where + ")"
		}
		return fmt.Sprintf("%s: %s", lead, said)
	}
	return said
}

// serverAt are servers of no known kind by the ports that they listen on by default.
var serverAt = map[int32]string{
	27017: "MongoDB", 9200: "Elasticsearch", 8500: "Consul", 8200: "Vault",
	2379: "etcd", 4222: "NATS", 9042: "Cassandra", 389: "LDAP", 25: "SMTP", 587: "SMTP", 2181: "ZooKeeper", 1433: "SQL Server",
}

// serverOf is the kind of server that a clue is about, where it is one of no
// family of its own: by whose words it is, or by its port.
func serverOf(k clue) string {
	if k.family != familyUpstream {
		return ""
	}
	if kind, known := server.OfPort(k.subject.Port); k.server == "" && known {
		return string(kind.Protocol)
	}
	return firstOf(k.server, serverAt[k.subject.Port])
}

// variable is the env variable that a clue is about: the one that it names, as
// the env spells it, or the one that holds the address that failed.
func (r *reading) variable(c evidence.Case, k clue) string {
	name := k.subject.Variable
	switch {
	case name != "":
		return spelled(c.Env, name)
	case k.target != nil && !k.target.declared && (isUnreachable(k.cause) || k.fault != faultNone):
		return k.target.variable
	}
	return ""
}

// spelled is a setting's name as a variable: pydantic says database_url, Spring
// spring.datasource.url. The env's own spelling wins where it has one.
func spelled(env evidence.Env, name string) string {
	upper := strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == ':' {
			return '_'
		}
		return r
	}, name))
	var match []string
	for known := range env.Variables {
		if strings.EqualFold(known, name) || strings.EqualFold(known, upper) {
			match = append(match, known)
		}
	}
	if len(match) > 0 {
		slices.Sort(match)
		return match[0]
	}
	return upper
}
