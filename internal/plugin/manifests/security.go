package manifests

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
)

// security is the container's security context. A service that names a user
// other than root gets what the Pod Security level restricted demands: a
// process of such a user has no capability to lose.
func (u *unit) security(config types.ServiceConfig) {
	c := &corev1.SecurityContext{Capabilities: capabilities(config)}
	c.RunAsUser, c.RunAsGroup = u.user(config.User)
	if config.ReadOnly {
		c.ReadOnlyRootFilesystem = new(true)
	}
	if config.Privileged {
		c.Privileged = new(true)
		u.note(u.Name, "privileged", "it is privileged here as well, which few clusters allow")
	}
	u.securityOptions(config, c)
	if c.RunAsUser != nil && *c.RunAsUser > 0 && !config.Privileged && len(config.CapAdd) == 0 {
		restrict(c)
	}
	if *c != (corev1.SecurityContext{}) {
		u.container.SecurityContext = c
	}
}

// securityOptions are those of security_opt.
func (u *unit) securityOptions(config types.ServiceConfig, c *corev1.SecurityContext) {
	for _, option := range config.SecurityOpt {
		name, value, _ := strings.Cut(strings.Replace(option, "=", ":", 1), ":")
		switch {
		case name == "no-new-privileges" && value == "false":
		case name == "no-new-privileges":
			c.AllowPrivilegeEscalation = new(false)
		case name == "seccomp" && value == "unconfined":
			c.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
		case name == "apparmor" && value == "unconfined":
			c.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
		default:
			u.note(u.Name, "security_opt", fmt.Sprintf("%s is left out: such profiles are on the nodes here", name))
		}
	}
}

func restrict(c *corev1.SecurityContext) {
	c.AllowPrivilegeEscalation, c.RunAsNonRoot = new(false), new(true)
	c.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	c.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
}

// user and group of a compose user; names are known to the image alone.
func (u *unit) user(text string) (user, group *int64) {
	first, second, _ := strings.Cut(text, ":")
	user, group = known(first), known(second)
	if first != "" && user == nil || second != "" && group == nil {
		u.note(u.Name, "user", fmt.Sprintf("%q is not a number, as Kubernetes wants it: the image's own user is used", text))
		return nil, nil
	}
	return user, group
}

// known is the number of a user or group: its own, or that of those whose number
// is the same in every image.
func known(name string) *int64 {
	if n, ok := map[string]int64{"root": 0, "nobody": 65534, "nogroup": 65534}[name]; ok {
		return &n
	}
	return id(name)
}

func id(text string) *int64 {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return nil
	}
	return &n
}

// groups beside the user's own, and the one that volumes are given to: a fresh one
// is root's, and who runs as somebody else cannot write to it.
func (u *unit) groups(config types.ServiceConfig) {
	c := &corev1.PodSecurityContext{Sysctls: u.sysctls(config)}
	user, own := u.user(config.User)
	for _, g := range config.GroupAdd {
		switch n := known(g); {
		case n == nil:
			u.note(u.Name, "group_add", fmt.Sprintf("%q is not a number, as Kubernetes wants it", g))
		case own == nil || *n != *own:
			c.SupplementalGroups = append(c.SupplementalGroups, *n)
		}
	}
	c.FSGroup = u.volumeGroup(config, user, own)
	if c.FSGroup != nil { // once, and not at each start: servers guard the modes of their files
		c.FSGroupChangePolicy = new(corev1.FSGroupChangeOnRootMismatch)
	}
	if len(c.SupplementalGroups) > 0 || c.FSGroup != nil || len(c.Sysctls) > 0 {
		u.pod.SecurityContext = c
	}
}

// volumeGroup is the group that volumes are given to, nil where nobody needs it.
func (u *unit) volumeGroup(config types.ServiceConfig, user, group *int64) *int64 {
	image, _ := u.imageOf(u.Service)
	switch isRoot := user != nil && *user == 0; {
	case isRoot || len(u.templates) == 0 && !u.hasVolumes():
	case group != nil:
		return group
	case user != nil:
		return user
	case config.User == "" && image.Group > 0:
		u.decide("volumes", fmt.Sprintf("its volumes are given to group %d, which its image runs as", image.Group))
		return &image.Group
	case u.hasClaims() && !u.keepsData():
		u.decide("volumes", fmt.Sprintf("its volumes are given to group %d, and its processes are made members of it: whom its image runs as is not known", anyGroup))
		return new(anyGroup)
	}
	return nil
}

// anyGroup is one that volumes are given to where any will do.
const anyGroup = int64(1000)

// hasVolumes says that a pod has volumes that it writes to.
func (u *unit) hasVolumes() bool {
	return slices.ContainsFunc(u.pod.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil || v.EmptyDir != nil || v.NFS != nil || v.Secret != nil || v.Projected != nil
	})
}

// safeSysctls are those that a kubelet allows unless told otherwise
// (https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/).
var safeSysctls = []string{
	"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
}

func (u *unit) sysctls(config types.ServiceConfig) []corev1.Sysctl {
	var out []corev1.Sysctl
	for _, name := range sortedKeys(config.Sysctls) {
		if !slices.Contains(safeSysctls, name) {
			u.note(u.Name, "sysctls", name+" is left out: a kubelet starts no pod with it unless it is told to allow it")
			continue
		}
		out = append(out, corev1.Sysctl{Name: name, Value: config.Sysctls[name]})
	}
	return out
}

func capabilities(config types.ServiceConfig) *corev1.Capabilities {
	if len(config.CapAdd)+len(config.CapDrop) == 0 {
		return nil
	}
	names := func(list []string) []corev1.Capability {
		var out []corev1.Capability
		for _, c := range list {
			out = append(out, corev1.Capability(strings.TrimPrefix(strings.ToUpper(c), "CAP_")))
		}
		return out
	}
	return &corev1.Capabilities{Add: names(config.CapAdd), Drop: names(config.CapDrop)}
}
