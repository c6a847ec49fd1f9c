package manifests

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bridgestack/operator/internal/compose"
)

// usualPorts of well-known images, by the last part of their repository. In
// compose nobody has to write them down: inside, every port is reached.
var usualPorts = map[string]int32{
	"postgres": 5432, "postgresql": 5432, "postgis": 5432, "pgvector": 5432, "timescaledb": 5432,
	"mysql": 3306, "mariadb": 3306, "percona": 3306, "mongo": 27017, "mongodb": 27017,
	"redis": 6379, "valkey": 6379, "keydb": 6379, "memcached": 11211,
	"rabbitmq": 5672, "nats": 4222, "kafka": 9092, "cp-kafka": 9092, "redpanda": 9092, "zookeeper": 2181, "cp-zookeeper": 2181,
	"elasticsearch": 9200, "opensearch": 9200, "kibana": 5601, "clickhouse-server": 8123, "minio": 9000,
	"nginx": 80, "httpd": 80, "caddy": 80, "traefik": 80, "wordpress": 80, "adminer": 8080, "keycloak": 8080,
	"prometheus": 9090, "alertmanager": 9093, "grafana": 3000, "loki": 3100, "jaeger": 16686,
}

// portsOf are the ports that a service listens on inside: those that it
// publishes or exposes, its listeners and health check, what its image is known
// for, and what other services of the project address it by.
func (b *builder) portsOf(s compose.Service) []corev1.ServicePort {
	var out portList
	for _, p := range s.Ports {
		out.add(p.Target, p.Protocol)
	}
	for _, l := range s.Listeners {
		if l.Inside {
			out.add(l.Port, "tcp")
		}
	}
	if s.Health != nil && s.Health.HTTP != nil {
		out.add(s.Health.HTTP.Port, "tcp")
	}
	out.add(b.ownPort(s, len(out) == 0), "tcp")
	for _, port := range b.addressedPorts(s) {
		if !slices.ContainsFunc(s.Ports, func(p compose.Port) bool { return p.Published == port }) || s.Role.SpeaksKafka() {
			out.add(port, "tcp") // unless it is the host's, taken for one inside
		}
	}
	slices.SortStableFunc(out, func(x, y corev1.ServicePort) int { return cmp.Compare(x.Port, y.Port) })
	return out
}

// portList has each port once.
type portList []corev1.ServicePort

func (l *portList) add(number int32, protocol string) {
	p := corev1.ServicePort{Name: fmt.Sprintf("%s-%d", protocol, number), Port: number, Protocol: corev1.Protocol(strings.ToUpper(protocol))}
	if number > 0 && number < 1<<16 && !slices.ContainsFunc(*l, func(o corev1.ServicePort) bool { return o.Name == p.Name }) {
		*l = append(*l, p)
	}
}

// addressedPorts are those at which the project's variables and commands, its own
// among them, address a service; and those that a broker's settings have it
// listen on.
func (b *builder) addressedPorts(s compose.Service) []int32 {
	var out []int32
	for _, other := range b.Facts.Services {
		for _, text := range b.texts(other) {
			out = append(out, portsAfter(text, s.Names)...)
		}
	}
	if s.Role.SpeaksKafka() {
		for _, variable := range []string{"KAFKA_LISTENERS", "KAFKA_CFG_LISTENERS"} {
			for _, m := range listener.FindAllStringSubmatch(b.value(s, variable), -1) {
				out = append(out, atoi32(m[1]))
			}
		}
	}
	return out
}

// listener is one of a broker's, such as CONTROLLER://:9093.
var listener = regexp.MustCompile(`://[^,:/]*:(\d{2,5})`)

// texts of a service in which addresses may be.
func (b *builder) texts(s compose.Service) []string {
	config := b.Project.Model.Services[s.Name]
	out := slices.Concat(config.Entrypoint, config.Command)
	for _, name := range sortedKeys(config.Environment) {
		out = append(out, b.value(s, name))
	}
	return out
}

// portsAfter a host's names in a text.
func portsAfter(text string, names []string) []int32 {
	var out []int32
	for _, name := range names {
		if !strings.Contains(text, name+":") {
			continue
		}
		host := regexp.MustCompile(`(?:^|[^\w.-])` + regexp.QuoteMeta(name) + `:(\d{2,5})\b`)
		for _, m := range host.FindAllStringSubmatch(text, -1) {
			out = append(out, atoi32(m[1]))
		}
	}
	return out
}

// ownPort is the port that the image is known for. Of what is no database or
// broker it counts only where nothing else is known.
func (b *builder) ownPort(s compose.Service, unknown bool) int32 {
	switch {
	case s.Role == compose.RolePostgres:
		return cmp.Or(atoi32(b.value(s, "PGPORT")), 5432)
	case s.Role.SpeaksKafka() && len(s.Listeners) == 0:
		return 9092
	case keepsData(s.Image) || unknown:
		return usualPorts[repository(s.Image)]
	}
	return 0
}

// mainPort is the one that others ask first, 0 where none is known.
func (b *builder) mainPort(s compose.Service, ports []corev1.ServicePort) int32 {
	for _, l := range s.Listeners {
		if l.Inside {
			return l.Port
		}
	}
	if p := b.ownPort(s, false); p > 0 {
		return p
	}
	if s.Health != nil && s.Health.HTTP != nil {
		return s.Health.HTTP.Port
	}
	for _, p := range s.Ports {
		if p.Protocol == "tcp" {
			return p.Target
		}
	}
	for _, p := range ports {
		if p.Protocol == corev1.ProtocolTCP {
			return p.Port
		}
	}
	return 0
}

// services are the names under which the pods are reached. One without any known
// port leads to them all the same, by their own addresses.
func (u *unit) services() []Document {
	if u.oneShot() || len(u.ports) == 0 && !u.isAddressed() {
		return nil
	}
	var out []Document
	for _, name := range append([]string{u.name}, u.aliases()...) {
		s := &corev1.Service{ObjectMeta: u.meta(name)}
		s.Kind, s.APIVersion = "Service", "v1"
		s.Labels = u.labels()
		s.Spec.Selector = u.selector()
		for _, p := range u.ports {
			p.TargetPort = intstr.FromInt32(p.Port)
			if p.Protocol == corev1.ProtocolTCP {
				p.Protocol = "" // the default
			}
			s.Spec.Ports = append(s.Spec.Ports, p)
		}
		d := Document{Object: s}
		s.Spec.PublishNotReadyAddresses = u.reachesItself()
		switch {
		case len(u.ports) == 0:
			s.Spec.ClusterIP = corev1.ClusterIPNone
			d.Comment = "No port of it is known: the name leads to the pods, whatever they listen on."
		case name != u.name:
			d.Comment = "Another name of " + u.Name + "."
		}
		out = append(out, d)
	}
	return out
}

// reachesItself says that a service goes by its own name, as a broker does and the
// members of a cluster: in compose it is reached there before it is healthy, and
// might never become so otherwise.
func (u *unit) reachesItself() bool {
	return u.Role.SpeaksKafka() || slices.ContainsFunc(u.texts(u.Service), func(text string) bool { return len(portsAfter(text, u.Names)) > 0 })
}

// isAddressed says that another service depends on this one or names it.
func (u *unit) isAddressed() bool {
	for _, other := range u.Facts.Services {
		if slices.ContainsFunc(other.DependsOn, func(d compose.Dependency) bool { return d.Service == u.Name }) {
			return true
		}
		for _, v := range other.Env {
			if slices.ContainsFunc(v.References, func(r compose.Reference) bool { return r.Service == u.Name && !r.Outside }) {
				return true
			}
		}
	}
	return false
}

// repository is an image's name without registry, tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndexByte(image, '/')+1:]
	image, _, _ = strings.Cut(image, ":")
	return image
}
