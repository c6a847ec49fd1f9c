package manifests

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// mapped are attributes that mean something here though the operator passes them
// over, or that have a note of their own.
var mapped = []string{
	"build", "network_mode", "deploy.placement", "gpus", "platform", "post_start", "pre_stop", "env_file", "sysctls", "security_opt",
	"hostname", "dns", "dns_search", "dns_opt", "label_file",
}

// noteIgnored tells of what has no counterpart here: nothing is dropped in silence.
func (b *builder) noteIgnored() {
	for _, i := range b.Project.Ignored {
		path := strings.Split(i.Path, ".")
		if path[0] == "services" && slices.ContainsFunc(mapped, func(m string) bool { return strings.HasSuffix(i.Path, "."+m) }) {
			continue
		}
		if path[0] == "services" && (path[len(path)-1] == "pid" || path[len(path)-1] == "ipc") && b.isHost(i.Path) {
			continue
		}
		if path[0] == "networks" || strings.HasSuffix(i.Path, ".networks") {
			continue // noteNetworks tells what is lost
		}
		n := Note{Position: i.Position, Path: i.Path, Text: "it has no counterpart: " + i.Because}
		if !slices.Contains(b.out.Notes, n) {
			b.out.Notes = append(b.out.Notes, n)
		}
	}
}

// notePublished tells once that nobody outside of the cluster reaches what the host
// publishes in compose.
func (b *builder) notePublished() {
	toOthers := func(p types.ServicePortConfig) bool {
		ip, err := netip.ParseAddr(p.HostIP)
		return p.Published != "" && (err != nil || !ip.IsLoopback())
	}
	var names []string
	for _, s := range b.Facts.Services {
		if slices.ContainsFunc(b.Project.Model.Services[s.Name].Ports, toOthers) {
			names = append(names, s.Name)
		}
	}
	if len(names) > 0 {
		b.note(names[0], "ports", "what the host publishes is reached inside of the cluster only, until an Ingress or a Service of type LoadBalancer leads there: "+strings.Join(names, ", "))
	}
}

// noteNetworks tells of what networks keep apart in compose, where names are known all
// over a namespace: once, and of those from which nobody gets out.
func (b *builder) noteNetworks() {
	apart := false
	for _, one := range b.Project.Model.Services {
		for _, other := range b.Project.Model.Services {
			shared := slices.ContainsFunc(sortedKeys(one.Networks), func(name string) bool { _, has := other.Networks[name]; return has })
			apart = apart || len(one.Networks) > 0 && len(other.Networks) > 0 && !shared
		}
	}
	for _, name := range sortedKeys(b.Project.Model.Networks) {
		if apart && name != "default" {
			b.noteAt([]string{"networks", name}, "all services reach each other here, those of no common network as well: NetworkPolicies keep them apart")
			apart = false
		}
		if b.Project.Model.Networks[name].Internal {
			b.noteAt([]string{"networks", name, "internal"}, "its services reach the outside here: a NetworkPolicy for egress takes that away")
		}
	}
}

// isHost says that pid or ipc of a service is the host's.
func (b *builder) isHost(path string) bool {
	for _, s := range b.Project.Model.Services {
		if path == "services."+s.Name+".pid" && s.Pid == "host" || path == "services."+s.Name+".ipc" && s.Ipc == "host" {
			return true
		}
	}
	return false
}
