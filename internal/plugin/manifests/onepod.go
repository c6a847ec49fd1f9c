package manifests

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
)

// joins is the service whose network another one has, by network_mode: service:NAME,
// and in whose pod it can be: containers of one pod have one network, too. Empty where
// there is none. What runs to its end, or in other numbers, needs a pod of its own.
func (b *builder) joins(name string) string {
	kind, other, shares := strings.Cut(b.Project.Model.Services[name].NetworkMode, ":")
	s, known := b.Facts.ByName(name)
	target, there := b.Facts.ByName(other)
	if !shares || kind != "service" && kind != "container" || !known || !there || target.Name == name {
		return ""
	}
	if s.OneShot || target.OneShot || s.Replicas != target.Replicas || b.onEveryNode(s) != b.onEveryNode(target) {
		return ""
	}
	return target.Name
}

// home is the service in whose pod a service runs: its own, unless it joins another's.
func (b *builder) home(name string) string {
	for range b.Facts.Services { // compose refuses circles
		other := b.joins(name)
		if other == "" {
			break
		}
		name = other
	}
	return name
}

// guests of a service are those that run in its pod beside it.
func (b *builder) guests(name string) []compose.Service {
	var out []compose.Service
	for _, s := range b.Facts.Services {
		if s.Name != name && b.home(s.Name) == name {
			out = append(out, s)
		}
	}
	return out
}

// isNeededBy says that another service needs one that is in this one's pod: it would
// start no sooner than this pod, which must not wait for it.
func (u *unit) isNeededBy(other compose.Service) bool {
	return slices.ContainsFunc(u.Facts.Services, func(s compose.Service) bool {
		return u.home(s.Name) == u.home(u.Name) && u.needs(other, s.Name, len(u.Facts.Services))
	})
}

func (b *builder) needs(s compose.Service, name string, depth int) bool {
	return depth > 0 && slices.ContainsFunc(s.DependsOn, func(d compose.Dependency) bool {
		next, _ := b.Facts.ByName(d.Service)
		return d.Service == name || b.needs(next, name, depth-1)
	})
}

// take a guest into the pod.
func (u *unit) take(g *unit) {
	u.note(g.Name, "network_mode", "it is a container in the pod of "+u.Name+", whose network it has: both start at once")
	called := u.takeVolumes(g)
	mounts := func(c corev1.Container) corev1.Container {
		for i, m := range c.VolumeMounts {
			if name, renamed := called[m.Name]; renamed {
				c.VolumeMounts[i].Name = name
			}
		}
		return c
	}
	for _, c := range g.pod.InitContainers {
		if c = mounts(c); !slices.ContainsFunc(u.pod.InitContainers, func(o corev1.Container) bool { return equality.Semantic.DeepEqual(o, c) }) {
			c.Name = unusedContainer(u.pod.InitContainers, c.Name)
			u.pod.InitContainers = append(u.pod.InitContainers, c)
		}
	}
	for _, c := range g.pod.Containers {
		u.pod.Containers = append(u.pod.Containers, mounts(c))
	}
	u.takeSettings(&g.pod)
}

// takeVolumes of a guest, and say which have another name here.
func (u *unit) takeVolumes(g *unit) map[string]string {
	called := map[string]string{}
	taken := map[string]bool{}
	for _, v := range u.pod.Volumes {
		taken[v.Name] = true
	}
	for _, t := range u.templates {
		taken[t.Name] = true
	}
	for _, v := range g.pod.Volumes {
		same := slices.IndexFunc(u.pod.Volumes, func(o corev1.Volume) bool {
			return v.EmptyDir == nil && equality.Semantic.DeepEqual(o.VolumeSource, v.VolumeSource)
		})
		if same >= 0 {
			called[v.Name] = u.pod.Volumes[same].Name
			continue
		}
		called[v.Name] = unused(v.Name, taken)
		u.pod.Volumes = append(u.pod.Volumes, corev1.Volume{Name: called[v.Name], VolumeSource: v.VolumeSource})
	}
	for _, t := range g.templates {
		called[t.Name] = unused(t.Name, taken)
		t.Name = called[t.Name]
		u.templates = append(u.templates, t)
	}
	return called
}

// takeSettings of a guest's pod that are those of the whole pod.
func (u *unit) takeSettings(g *corev1.PodSpec) {
	p := &u.pod
	if g.ServiceAccountName != "" {
		p.ServiceAccountName, p.AutomountServiceAccountToken = g.ServiceAccountName, g.AutomountServiceAccountToken
	}
	if g.TerminationGracePeriodSeconds != nil && (p.TerminationGracePeriodSeconds == nil || *p.TerminationGracePeriodSeconds < *g.TerminationGracePeriodSeconds) {
		p.TerminationGracePeriodSeconds = g.TerminationGracePeriodSeconds
	}
	p.HostAliases = append(p.HostAliases, g.HostAliases...)
	p.HostPID = p.HostPID || g.HostPID
	if len(g.NodeSelector) > 0 {
		selector := maps.Clone(g.NodeSelector)
		maps.Copy(selector, p.NodeSelector)
		p.NodeSelector = selector
	}
	if p.Affinity == nil {
		p.Affinity = g.Affinity
	}
	switch of, c := g.SecurityContext, p.SecurityContext; {
	case of == nil:
	case c == nil:
		p.SecurityContext = of
	default:
		if c.FSGroup == nil {
			c.FSGroup, c.FSGroupChangePolicy = of.FSGroup, of.FSGroupChangePolicy
		}
		c.Sysctls = append(c.Sysctls, of.Sysctls...)
		for _, group := range of.SupplementalGroups {
			if !slices.Contains(c.SupplementalGroups, group) {
				c.SupplementalGroups = append(c.SupplementalGroups, group)
			}
		}
	}
}

// podDependencies are those of a service and of its guests, each by whose pod it is in
// and none in its own.
func (b *builder) podDependencies(s compose.Service) []v1alpha1.Dependency {
	var out []v1alpha1.Dependency
	for _, member := range append([]compose.Service{s}, b.guests(s.Name)...) {
		for _, d := range member.DependsOn {
			target, known := b.Facts.ByName(d.Service)
			d.Service = b.home(d.Service)
			if !known || b.oneShot(target) || d.Service == s.Name || slices.ContainsFunc(out, func(o v1alpha1.Dependency) bool { return o.Service == d.Service }) {
				continue
			}
			out = append(out, dependencyOf(d))
		}
	}
	return out
}
