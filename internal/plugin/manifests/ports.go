package manifests

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/plugin/images"
)

// mostPorts of a Service. More of them, as of a media server, make it larger than
// kubectl apply takes: the pods are reached by their own addresses then.
const mostPorts = 100

// portsOf are the ports that a service listens on inside: those that it
// publishes or exposes, its listeners and health check, what its image is known
// for, and what other services of the project address it by.
func (b *builder) portsOf(s compose.Service) []corev1.ServicePort {
	if ports, known := b.ports[s.Name]; known {
		return ports
	}
	out := writtenPorts(s)
	for _, port := range b.exposedByBuild(s) {
		out.add(port.Target, port.Protocol)
	}
	for _, port := range b.ownPorts(s, len(out) == 0) {
		out.add(port, "tcp")
	}
	datagrams := b.datagramPorts(s)
	for _, port := range b.addressedPorts(s) {
		switch {
		case slices.ContainsFunc(s.Ports, func(p compose.Port) bool { return p.Published == port }) && !s.Role.SpeaksKafka():
			// the host's, taken for one inside
		case slices.Contains(datagrams, port):
			out.add(port, "udp")
		default:
			out.add(port, "tcp")
		}
	}
	slices.SortStableFunc(out, func(x, y corev1.ServicePort) int { return cmp.Compare(x.Port, y.Port) })
	b.ports[s.Name] = out
	return out
}

// podPorts are those of all containers of a service's pod.
func (b *builder) podPorts(s compose.Service) []corev1.ServicePort {
	out := portList(slices.Clone(b.portsOf(s)))
	for _, guest := range b.guests(s.Name) {
		for _, p := range b.portsOf(guest) {
			out.add(p.Port, strings.ToLower(string(p.Protocol)))
		}
	}
	slices.SortStableFunc(out, func(x, y corev1.ServicePort) int { return cmp.Compare(x.Port, y.Port) })
	return out
}

// writtenPorts are those that the service itself says: that it publishes, exposes,
// advertises and checks.
func writtenPorts(s compose.Service) portList {
	var out portList
	for _, p := range s.Ports {
		if len(out) > mostPorts {
			break
		}
		out.add(p.Target, p.Protocol)
	}
	for _, l := range s.Listeners {
		if l.Inside {
			out.add(l.Port, "tcp")
		}
	}
	if s.Health == nil {
		return out
	}
	if s.Health.HTTP != nil {
		out.add(s.Health.HTTP.Port, "tcp")
	}
	for _, port := range s.Health.Ports {
		out.add(port, "tcp")
	}
	return out
}

// servicePorts are those that a Service lists: none where they are too many.
func (b *builder) servicePorts(ports []corev1.ServicePort) []corev1.ServicePort {
	if len(ports) > mostPorts {
		return nil
	}
	return ports
}

// portList has each port once.
type portList []corev1.ServicePort

func (l *portList) add(number int32, protocol string) {
	p := corev1.ServicePort{Name: fmt.Sprintf("%s-%d", protocol, number), Port: number, Protocol: corev1.Protocol(strings.ToUpper(protocol))}
	if number > 0 && number < 1<<16 && !slices.ContainsFunc(*l, func(o corev1.ServicePort) bool { return o.Name == p.Name }) {
		*l = append(*l, p)
	}
}

// addressedPorts are those at which the project's variables, commands and mounted
// files, its own among them, address a service; and those that a broker's settings
// have it listen on.
func (b *builder) addressedPorts(s compose.Service) []int32 {
	var out []int32
	for _, other := range b.Facts.Services {
		for _, text := range slices.Concat(b.texts(other), b.fileTexts(other)) {
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

// datagramPorts are those at which a service is addressed by UDP.
func (b *builder) datagramPorts(s compose.Service) []int32 {
	names := slices.Concat(s.Names, b.addresses(s.Name))
	udp := regexp.MustCompile(`(?i)\budp:(?://)?(?:` + strings.Join(quoted(names), "|") + `):(\d{2,5})\b`)
	var out []int32
	for _, other := range b.Facts.Services {
		for _, text := range slices.Concat(b.texts(other), b.fileTexts(other)) {
			for _, m := range udp.FindAllStringSubmatch(text, -1) {
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

// fileTexts are the texts of the files that a service mounts.
func (b *builder) fileTexts(s compose.Service) []string {
	if texts, known := b.mounted[s.Name]; known {
		return texts
	}
	sources, out := b.settingsOf(s)
	for _, source := range sources {
		found := b.look(source)
		for _, name := range sortedKeys(found.files) {
			if content := found.files[name].content; utf8.Valid(content) && confFile.MatchString(name) {
				out = append(out, string(content))
			}
		}
	}
	b.mounted[s.Name] = out
	return out
}

// settingsOf a service are the files that it mounts which somebody wrote, and the
// texts of its configs.
func (b *builder) settingsOf(s compose.Service) (sources, texts []string) {
	config := b.Project.Model.Services[s.Name]
	for _, v := range config.Volumes {
		if v.Type == types.VolumeTypeBind && !dataRoot.MatchString(v.Target) && !b.isProject(v.Source) && (config.Build == nil || confPlace.MatchString(v.Target)) {
			sources = append(sources, v.Source)
		}
	}
	for _, c := range config.Configs {
		declared := b.Project.Model.Configs[c.Source]
		sources, texts = append(sources, declared.File), append(texts, declared.Content)
	}
	return sources, texts
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

// exposedByBuild are the ports that the last stage of a Dockerfile, or the one to
// be built, says that its image listens on.
func (b *builder) exposedByBuild(s compose.Service) []compose.Port {
	config := b.Project.Model.Services[s.Name]
	build := config.Build
	if build == nil || s.OneShot || b.isNotWhatWasBuilt(config) {
		return nil
	}
	text := build.DockerfileInline
	if text == "" {
		name := cmp.Or(build.Dockerfile, "Dockerfile")
		if !path.IsAbs(name) {
			name = path.Join(build.Context, name)
		}
		text = string(b.look(name).files[path.Base(name)].content)
	}
	var out []compose.Port
	stage := ""
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case strings.EqualFold(words[0], "FROM"):
			if stage != "" && strings.EqualFold(stage, build.Target) {
				return out
			}
			out, stage = nil, words[len(words)-1]
		case strings.EqualFold(words[0], "EXPOSE"):
			for _, word := range words[1:] {
				number, protocol, _ := strings.Cut(word, "/")
				out = append(out, compose.Port{Target: atoi32(number), Protocol: cmp.Or(strings.ToLower(protocol), "tcp")})
			}
		}
	}
	return out
}

// isNotWhatWasBuilt says that a service runs something else of an image than the server
// that it was built for: a worker, or any other command where another service has the
// image's own.
func (b *builder) isNotWhatWasBuilt(config types.ServiceConfig) bool {
	line := strings.Join(slices.Concat(config.Entrypoint, config.Command), " ")
	if line == "" || len(config.Ports) > 0 {
		return false
	}
	if workerCommand.MatchString(line) {
		return true
	}
	for name, other := range b.Project.Model.Services {
		if name != config.Name && len(other.Command)+len(other.Entrypoint) == 0 && other.Build != nil && equality.Semantic.DeepEqual(other.Build, config.Build) {
			return true
		}
	}
	return false
}

// workerCommand is one that listens nowhere.
var workerCommand = regexp.MustCompile(`(?i)\b(?:celery\b.*\b(?:worker|beat)|sidekiq|rq worker|rqworker|queue:(?:work|listen)|schedule:(?:work|run)|horizon|dramatiq|huey|good_job|delayed_job|resque:work|db:migrate|migrate)\b`)

// ownPorts are those that the image is known for, where it runs what it is known
// for. Of what is no database or broker they count only where nothing else is
// known.
func (b *builder) ownPorts(s compose.Service, unknown bool) []int32 {
	config := b.Project.Model.Services[s.Name]
	known, ok := b.imageOf(s)
	kind, isServer := s.Role.Kind()
	switch {
	case isServer && len(s.Listeners) == 0:
		ports := []int32{cmp.Or(atoi32(b.value(s, kind.PortVariable)), kind.Port)}
		if ok && !s.Role.SpeaksKafka() { // its management, for people
			ports = append(ports, slices.DeleteFunc(slices.Clone(known.Ports), func(port int32) bool { return port == kind.Port })...)
		}
		return ports
	case isServer, !ok, !known.RunsServer(config.Entrypoint, config.Command):
		return nil // a broker's listeners say
	case known.Data || unknown || slices.ContainsFunc(s.Ports, func(p compose.Port) bool { return slices.Contains(known.Ports, p.Target) }):
		return known.Ports
	}
	return nil
}

// imageOf is what is known of a service's image.
func (b *builder) imageOf(s compose.Service) (images.Image, bool) {
	known, ok := images.OfService(s.Name, s.Image, func(name string) string { return b.value(s, name) })
	if ok {
		return known, ok
	}
	var places []string
	for _, v := range b.Project.Model.Services[s.Name].Volumes {
		places = append(places, v.Target)
	}
	return images.ByData(s.Name, s.Image, places)
}

// mainPort is the one that others ask first, 0 where none is known.
func (b *builder) mainPort(s compose.Service, ports []corev1.ServicePort) int32 {
	if i := slices.IndexFunc(s.Listeners, func(l compose.Listener) bool { return l.Inside }); i >= 0 {
		return s.Listeners[i].Port
	}
	known, _ := b.imageOf(s)
	if own := b.ownPorts(s, false); len(own) > 0 && (known.Data || s.Role != "") {
		return own[0]
	}
	if s.Health != nil && s.Health.HTTP != nil {
		return s.Health.HTTP.Port
	}
	for _, p := range s.Ports {
		if p.Protocol == "tcp" {
			return p.Target
		}
	}
	if i := slices.IndexFunc(ports, func(p corev1.ServicePort) bool { return p.Protocol == corev1.ProtocolTCP }); i >= 0 {
		return ports[i].Port
	}
	return 0
}

// services are the names under which the pods are reached. One without any known
// port leads to them all the same, by their own addresses: in compose whatever
// runs has a name.
func (u *unit) services() []Document {
	if u.oneShot() && len(u.Service.Ports) == 0 {
		return nil
	}
	var out []Document
	for _, name := range append([]string{u.name}, u.aliases()...) {
		s := &corev1.Service{ObjectMeta: u.meta(name)}
		s.Kind, s.APIVersion = "Service", "v1"
		s.Labels = u.labels()
		s.Spec.Selector = u.selector()
		for _, p := range u.servicePorts(u.ports) {
			p.TargetPort = intstr.FromInt32(p.Port)
			if p.Protocol == corev1.ProtocolTCP {
				p.Protocol = "" // the default
			}
			s.Spec.Ports = append(s.Spec.Ports, p)
		}
		d := Document{Object: s}
		s.Spec.PublishNotReadyAddresses = u.leadsToUnready(u.Service)
		switch {
		case len(u.ports) == 0:
			s.Spec.ClusterIP = corev1.ClusterIPNone
			d.Comment = "No port of it is known: the name leads to the pods, whatever they listen on."
		case len(s.Spec.Ports) == 0:
			s.Spec.ClusterIP = corev1.ClusterIPNone
			d.Comment = fmt.Sprintf("It has %d ports, more than a Service may list: the name leads to the pods themselves.", len(u.Service.Ports))
			u.note(u.Name, "ports", fmt.Sprintf("its %d ports are reached inside by the pods' own addresses; from outside, use hostNetwork or a load balancer for ranges", len(u.Service.Ports)))
		case name != u.name:
			d.Comment = "Another name of " + u.Name + "."
		}
		out = append(out, d)
	}
	if name := u.readyName(u.Service); name != u.name {
		ready := out[0].Object.(*corev1.Service).DeepCopy()
		ready.Name, ready.Spec.PublishNotReadyAddresses = name, false
		out = append(out, Document{Object: ready, Comment: "For who waits until " + u.Name + " is healthy: it leads to pods that are ready."})
	}
	return out
}

// readyName is the name that leads to a service only when it is ready: its own,
// unless that leads to it before.
func (b *builder) readyName(s compose.Service) string {
	name := b.names[s.Name]
	if s.Health == nil || !b.leadsToUnready(s) || !b.isAwaitedHealthy(s.Name) {
		return name
	}
	return name + "-ready"
}

// leadsToUnready says that a service goes by its own name, as a broker does, or is
// a member of a cluster, which finds the others by theirs: in compose it is reached
// there before it is healthy, and might never become so otherwise.
func (b *builder) leadsToUnready(s compose.Service) bool {
	return s.Role.SpeaksKafka() || b.isInRange(s) || slices.ContainsFunc(b.texts(s), func(text string) bool { return len(portsAfter(text, s.Names)) > 0 }) ||
		slices.ContainsFunc(b.Facts.Services, func(o compose.Service) bool { return o.Name != s.Name && b.isPeer(o, s) && b.isPeer(s, o) })
}

// peerVariable are variables with the other members of a cluster.
var peerVariable = regexp.MustCompile(`(?i)SEED|DISCOVER|MEMBER|PEER|CLUSTER|JOIN|QUORUM|VOTERS|ZOO_SERVERS|REPLICA|NODES`)

// isPeer says that a service is told of another one as a member of its cluster.
func (b *builder) isPeer(of, other compose.Service) bool {
	name := regexp.MustCompile(`(?:^|[^\w.-])(?:` + strings.Join(quoted(other.Names), "|") + `)(?:$|[^\w.-])`)
	for variable := range b.Project.Model.Services[of.Name].Environment {
		if peerVariable.MatchString(variable) && name.MatchString(b.value(of, variable)) {
			return true
		}
	}
	line := strings.Join(b.Project.Model.Services[of.Name].Command, " ")
	return peerVariable.MatchString(line) && name.MatchString(line)
}

// hostRange are several hosts in one word, such as minio{1...4}, or minio-{01...16}.
var hostRange = regexp.MustCompile(`([a-zA-Z0-9][\w.-]*)\{(\d+)\.\.\.(\d+)\}`)

// isInRange says that a service is one of several servers that its own command, or a
// variable, names in one word: it looks for itself among them by its own address.
func (b *builder) isInRange(s compose.Service) bool {
	return slices.ContainsFunc(b.texts(s), func(text string) bool {
		return slices.ContainsFunc(hostRange.FindAllStringSubmatch(text, -1), func(m []string) bool {
			rest, found := strings.CutPrefix(s.Name, m[1])
			n, first, last := atoi32(strings.TrimLeft(rest, "0")), atoi32(strings.TrimLeft(m[2], "0")), atoi32(strings.TrimLeft(m[3], "0"))
			return found && len(rest) >= len(m[2]) && onlyDigits.MatchString(rest) && first <= n && n <= last
		})
	})
}

var onlyDigits = regexp.MustCompile(`^\d+$`)

// bindsItself says that a service listens at its own name: it has to lead to the
// pod itself, and not to a Service in front of it.
func (u *unit) bindsItself() bool {
	config := u.Project.Model.Services[u.Name]
	if u.isInRange(u.Service) {
		return true
	}
	own := regexp.MustCompile(`(?:^|[^\w.-])(?:` + strings.Join(quoted(u.Names), "|") + `)(?:$|[^\w.-])`)
	for _, name := range sortedKeys(config.Environment) {
		if bindVariable.MatchString(name) && !strings.Contains(name, "ADVERTISED") && own.MatchString(u.value(u.Service, name)) {
			return true
		}
	}
	line := strings.Join(slices.Concat(config.Entrypoint, config.Command), " ")
	for _, m := range bindOption.FindAllStringSubmatch(line, -1) {
		if own.MatchString(m[1]) {
			return true
		}
	}
	return false
}

var (
	// bindVariable are variables of what a server listens at.
	bindVariable = regexp.MustCompile(`(?i)(?:^|_)(?:LISTEN\w*|BIND\w*|FS_DEFAULTFS|DEFAULTFS|FS_DEFAULTFS|RPC_ADDRESS|LOCAL_IP|NODE_?NAME|RABBITMQ_NODENAME)$|^CORE_CONF_`)
	// bindOption are options of what a server listens at.
	bindOption = regexp.MustCompile(`(?i)(?:--?(?:[\w-]*-)?(?:listen|bind|kafka-addr|rpc-addr|rpc-server|http-addr|listen-peer-urls|listen-client-urls|bind-address|bind-addr|ip)(?:-\w+)?)[=\s]+["']?([^\s"']+)`)
)

func quoted(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, regexp.QuoteMeta(n))
	}
	return out
}
