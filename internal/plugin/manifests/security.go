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
	if slices.ContainsFunc(config.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") }) {
		c.AllowPrivilegeEscalation = new(false)
	}
	if c.RunAsUser != nil && *c.RunAsUser > 0 && !config.Privileged && len(config.CapAdd) == 0 {
		restrict(c)
	}
	if *c != (corev1.SecurityContext{}) {
		u.container.SecurityContext = c
	}
	u.groups(config, c.RunAsGroup)
}

func restrict(c *corev1.SecurityContext) {
	c.AllowPrivilegeEscalation, c.RunAsNonRoot = new(false), new(true)
	c.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	c.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
}

// user and group of a compose user; names are known to the image alone.
func (u *unit) user(text string) (user, group *int64) {
	first, second, _ := strings.Cut(text, ":")
	user, group = id(first), id(second)
	if first != "" && user == nil || second != "" && group == nil {
		u.note(u.Name, "user", fmt.Sprintf("%q is not a number, as Kubernetes wants it: the image's own user is used", text))
		return nil, nil
	}
	return user, group
}

func id(text string) *int64 {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return nil
	}
	return &n
}

// groups beside the user's own, which is that of the files in volumes.
func (u *unit) groups(config types.ServiceConfig, own *int64) {
	c := &corev1.PodSecurityContext{}
	for _, g := range config.GroupAdd {
		switch n := id(g); {
		case n == nil:
			u.note(u.Name, "group_add", fmt.Sprintf("%q is not a number, as Kubernetes wants it", g))
		case own == nil || *n != *own:
			c.SupplementalGroups = append(c.SupplementalGroups, *n)
		}
	}
	if len(config.Volumes) > 0 {
		c.FSGroup = own
	}
	if len(c.SupplementalGroups) > 0 || c.FSGroup != nil {
		u.pod.SecurityContext = c
	}
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
