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
	c := &corev1.SecurityContext{}
	user, group := u.user(config.User)
	c.RunAsUser, c.RunAsGroup = user, group
	if config.ReadOnly {
		yes := true
		c.ReadOnlyRootFilesystem = &yes
	}
	if config.Privileged {
		yes := true
		c.Privileged = &yes
		u.note(u.Name, "privileged", "it is privileged here as well, which few clusters allow")
	}
	c.Capabilities = capabilities(config)
	restricted := user != nil && *user > 0 && !config.Privileged && len(config.CapAdd) == 0
	if slices.ContainsFunc(config.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") }) || restricted {
		no := false
		c.AllowPrivilegeEscalation = &no
	}
	if restricted {
		yes := true
		c.RunAsNonRoot = &yes
		c.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
		c.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	}
	if *c != (corev1.SecurityContext{}) {
		u.container.SecurityContext = c
	}
	if groups := u.groups(config, group); len(groups) > 0 || group != nil && len(config.Volumes) > 0 {
		u.pod.SecurityContext = &corev1.PodSecurityContext{SupplementalGroups: groups}
		if len(config.Volumes) > 0 {
			u.pod.SecurityContext.FSGroup = group
		}
	}
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

func (u *unit) groups(config types.ServiceConfig, own *int64) []int64 {
	var out []int64
	for _, g := range config.GroupAdd {
		switch n := id(g); {
		case n == nil:
			u.note(u.Name, "group_add", fmt.Sprintf("%q is not a number, as Kubernetes wants it", g))
		case own == nil || *n != *own:
			out = append(out, *n)
		}
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
