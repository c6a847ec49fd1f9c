package manifests

import (
	"slices"
	"strings"
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
			continue // names are known all over the namespace
		}
		n := Note{Position: i.Position, Path: i.Path, Text: "it has no counterpart: " + i.Because}
		if !slices.Contains(b.out.Notes, n) {
			b.out.Notes = append(b.out.Notes, n)
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
