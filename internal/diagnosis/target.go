package diagnosis

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// target is a server that the container is configured to use, or that its
// stack declares.
type target struct {
	family family
	// service is the stack's name of it, empty where the stack has none.
	service  string
	host     string
	port     int32
	variable string
	// declared says that it is where the stack says that it listens, and not
	// what the container's env says.
	declared bool
	tls      evidence.TLSMode
	conn     *evidence.Connection
}

// targets are all servers that the case knows of: the dependencies first, then
// what the env implies, then any other host that the env names.
func targets(c evidence.Case) []target {
	var all []target
	for i := range c.Dependencies {
		d := &c.Dependencies[i]
		all = appendConnection(all, d.Configured, d.Service, false)
		all = appendConnection(all, d.Declared, d.Service, true)
	}
	implied := server.Implied(c.Env)
	for i := range implied {
		all = appendConnection(all, &implied[i], serviceFor(all, implied[i]), false)
	}
	return appendEnv(all, c.Env)
}

func appendConnection(all []target, conn *evidence.Connection, service string, declared bool) []target {
	if conn == nil {
		return all
	}
	variables := conn.Variables
	variable := firstOf(variables.Host, variables.URL, variables.BootstrapServers)
	for _, server := range conn.Servers {
		all = append(all, target{
			family: familyOfProtocol(conn.Protocol), service: service, host: strings.ToLower(server.Host), port: server.Port,
			variable: variable, declared: declared, tls: conn.TLS, conn: conn,
		})
	}
	if len(conn.Servers) == 0 {
		all = append(all, target{family: familyOfProtocol(conn.Protocol), service: service, declared: declared, tls: conn.TLS, conn: conn})
	}
	return all
}

// serviceFor is the dependency that an implied connection leads to, if there is
// exactly one of its protocol or one with its host.
func serviceFor(all []target, conn evidence.Connection) string {
	var services []string
	for _, t := range all {
		if t.service != "" && t.conn != nil && t.conn.Protocol == conn.Protocol && !slices.Contains(services, t.service) {
			services = append(services, t.service)
		}
	}
	if len(services) == 1 {
		return services[0]
	}
	return ""
}

func familyOfProtocol(p evidence.Protocol) family { return familyOfKind(server.Of(p)) }

// familyOfKind is its protocol for a kind with causes of its own.
func familyOfKind(k *server.Kind) family {
	if k.Causes == nil {
		return familyUpstream
	}
	return family(k.Protocol)
}

// appendEnv adds the hosts that variables name: URLs, host:port lists, and
// pairs of X_HOST and X_PORT.
func appendEnv(all []target, env evidence.Env) []target {
	names := make([]string, 0, len(env.Variables))
	for name := range env.Variables {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := env.Get(name)
		if env.Variables[name].Origin.Kind == evidence.OriginService {
			continue // The kubelet's own: a name that the program hardly reads.
		}
		if value == "" || len(value) > 4096 {
			continue
		}
		for _, t := range parseTargets(name, value, env) {
			if !slices.ContainsFunc(all, func(o target) bool { return o.host == t.host && o.port == t.port && !o.declared }) {
				all = append(all, t)
			}
		}
	}
	return all
}

func parseTargets(name, value string, env evidence.Env) []target {
	value = strings.TrimPrefix(value, "jdbc:")
	if i := strings.Index(value, "://"); i > 0 {
		return parseURL(name, value)
	}
	upper := strings.ToUpper(name)
	if stem, ok := hostStem(upper); ok {
		if !isHost(value) {
			return parseHostPorts(name, value)
		}
		port, _ := strconv.ParseInt(env.Get(stem+"PORT"), 10, 32)
		return []target{{family: familyOfName(name, "", int32(port)), host: strings.ToLower(value), port: int32(port), variable: name}}
	}
	return parseHostPorts(name, value)
}

// hostStem is what stands before HOST in a variable's name.
func hostStem(upper string) (string, bool) {
	for _, suffix := range []string{"HOSTNAME", "HOST", "SERVER"} {
		if stem, ok := strings.CutSuffix(upper, suffix); ok {
			return stem, true
		}
	}
	return "", false
}

func parseURL(name, value string) []target {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		return nil
	}
	var all []target
	for address := range strings.SplitSeq(u.Host, ",") {
		host, port := splitHostPort(address)
		if port == 0 {
			port = server.PortOf(u.Scheme)
		}
		all = append(all, target{family: familyOfName(name, u.Scheme, port), host: strings.ToLower(host), port: port, variable: name, tls: evidence.TLSMode(u.Query().Get("sslmode"))})
	}
	return all
}

func parseHostPorts(name, value string) []target {
	var all []target
	for server := range strings.SplitSeq(value, ",") {
		host, port := splitHostPort(strings.TrimSpace(server))
		if port == 0 || !isHost(host) {
			return nil
		}
		all = append(all, target{family: familyOfName(name, "", port), host: strings.ToLower(host), port: port, variable: name})
	}
	return all
}

func splitHostPort(s string) (string, int32) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return strings.Trim(s, "[]"), 0
	}
	port, err := strconv.ParseInt(s[i+1:], 10, 32)
	if err != nil || port <= 0 || port > 65535 {
		return s, 0
	}
	return strings.Trim(s[:i], "[]"), int32(port)
}

func isHost(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

var databaseName = regexp.MustCompile(`^(?:db|database)_`)

// familyOfName guesses whose server a variable names. A database of no other scheme
// is PostgreSQL's, unless its port is another one's.
func familyOfName(name, scheme string, port int32) family {
	lower := strings.ToLower(name)
	if k, known := server.OfScheme(scheme); known {
		return familyOfKind(k)
	}
	if k, known := server.OfVariable(name); known {
		return familyOfKind(k)
	}
	if scheme == "" && databaseName.MatchString(lower) && (port == 0 || familyOfPort(port) == familyPostgres) {
		return familyPostgres
	}
	return familyUpstream
}

// familyOfPort is whose servers are found at a port by default, empty where that is
// not known.
func familyOfPort(port int32) family {
	if k, known := server.OfPort(port); known {
		return familyOfKind(k)
	}
	if server.IsUpstreamPort(port) {
		return familyUpstream
	}
	return familyAny
}

// find is the target that a host and port belong to. A host that matches
// decides; an address, which the env hardly names, is matched by its port.
func find(all []target, host string, port int32) (target, bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	i := slices.IndexFunc(all, func(t target) bool {
		return host != "" && t.host != "" && sameHost(t.host, host) && (port == 0 || t.port == 0 || t.port == port)
	})
	if i >= 0 {
		return all[i], true
	}
	if port == 0 || host != "" && !isAddress(host) {
		return target{}, false
	}
	return onlyAt(all, port)
}

// onlyAt is the target with a port, if no other family has one with it.
func onlyAt(all []target, port int32) (target, bool) {
	var found *target
	for i, t := range all {
		if t.port != port || t.declared {
			continue
		}
		if found != nil && found.family != t.family {
			return target{}, false
		}
		if found == nil {
			found = &all[i]
		}
	}
	if found == nil {
		return target{}, false
	}
	return *found, true
}

// sameHost compares names as a pod's search list makes them the same.
func sameHost(a, b string) bool {
	if a == b {
		return true
	}
	if isLoopback(a) && isLoopback(b) {
		return true
	}
	if isAddress(a) || isAddress(b) {
		return false
	}
	return strings.HasPrefix(a, b+".") && strings.Contains(a, ".svc") || strings.HasPrefix(b, a+".") && strings.Contains(b, ".svc")
}

func isAddress(host string) bool {
	return strings.Contains(host, ":") || host != "" && strings.Trim(host, "0123456789.") == "" && strings.Count(host, ".") == 3
}

func isLoopback(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.") || strings.HasSuffix(host, ".localhost") || host == "ip6-localhost"
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
