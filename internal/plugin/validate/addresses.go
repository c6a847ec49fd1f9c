package validate

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
)

// plain is $NAME, ${NAME} and nothing that gives a default or requires it.
var plain = regexp.MustCompile(`\$\{?([A-Za-z_]\w*)(?:\}|$|[^\w:?+-])`)

func address(host string, port int32) string {
	if port == 0 {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// host is one in a value, and its port where it has one.
type host struct {
	name string
	port int32
	// scheme is that of a URL, empty for a bare host.
	scheme string
}

var (
	// urls are scheme://[user[:password]@]host[:port].
	urls = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*)://(?:[^\s/@"']*@)?([^\s/?#@"'<>]+)`)
	// bare is host or host:port.
	bare = regexp.MustCompile(`^([a-zA-Z0-9][a-zA-Z0-9._-]*?)(?::(\d{1,5}))?$`)
	// notHosts are schemes with something else than a host behind them.
	notHosts = []string{"file", "unix", "sqlite", "s3", "gs", "docker", "npipe", "memory", "ssm", "vault", "secret", "abfs", "abfss", "wasb", "arn", "data", "mock", "local", "azblob"}
)

// hostsIn a value: of its URLs, of a list of host:port, and of a bare host where
// the variable's name says that it is one.
func hostsIn(variable, value string) []host {
	var out []host
	found := urls.FindAllStringSubmatch(value, -1)
	for _, m := range found {
		if slices.Contains(notHosts, strings.ToLower(m[1])) {
			continue
		}
		for item := range strings.SplitSeq(m[2], ",") {
			if b := bare.FindStringSubmatch(item); b != nil {
				out = append(out, host{b[1], port(b[2]), strings.ToLower(m[1])})
			}
		}
	}
	if len(found) > 0 || !saysAddress.MatchString(variable) {
		return out
	}
	for item := range strings.FieldsFuncSeq(value, func(r rune) bool { return strings.ContainsRune(", ;", r) }) {
		if b := bare.FindStringSubmatch(item); b != nil && (b[2] != "" || strings.HasSuffix(strings.ToUpper(variable), "HOST")) {
			out = append(out, host{b[1], port(b[2]), ""})
		}
	}
	return out
}

// saysAddress are names of variables that hold addresses of servers that a
// service is a client of.
var saysAddress = regexp.MustCompile(`(?i)^PGHOST$|(?:^|_)(?:POSTGRES(?:QL)?|PG|DB|DATABASE|MYSQL|MARIADB|REDIS|VALKEY|KAFKA|MONGO(?:DB)?|RABBIT(?:MQ)?|AMQP|NATS|ELASTIC(?:SEARCH)?|CLICKHOUSE|MEMCACHED|MINIO|SMTP|ZOOKEEPER)\w*(?:_HOSTS?|_HOSTNAME|_SERVERS?|_ADDR(?:ESS)?|_BROKERS?|_CONNECT|_NODES?)$|BOOTSTRAP_SERVERS$|^KAFKA_BROKERS?$`)

func port(text string) int32 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return int32(n)
}

// isLocal says that a name means the container itself, or its machine.
func isLocal(name string) bool {
	return name == "localhost" || name == "127.0.0.1" || name == "host.docker.internal"
}

// each reference of each service's variables, that lead somewhere only from the
// host.
func (p *project) outside(visit func(s compose.Service, v compose.Variable, r compose.Reference)) {
	for _, s := range p.facts.Services {
		for _, v := range s.Env {
			for _, r := range v.References {
				if r.Outside {
					visit(s, v, r)
				}
			}
		}
	}
}
