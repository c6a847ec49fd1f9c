package stack

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
)

// Container is a workload's container as far as a compose project speaks of it.
type Container struct {
	Name, Image string
	// Memory and CPU limits, nil where unset.
	Memory, CPU *resource.Quantity
	// Env are the variables with a value in the template; Referenced come from
	// elsewhere.
	Env        map[string]string
	Referenced map[string]bool
	// EnvFrom says that there may be variables that the template does not name.
	EnvFrom bool
}

// Drift is where a service of the project and its workload differ, in the order
// of image, limits, environment. It shows no values of variables.
func Drift(c compose.Service, containers []Container) []v1alpha1.ComposeDrift {
	if len(containers) == 0 {
		return nil
	}
	main := containers[max(0, slices.IndexFunc(containers, func(k Container) bool {
		return slices.ContainsFunc(c.Names, func(name string) bool { return compose.KubernetesName(name) == k.Name })
	}))]
	var out []v1alpha1.ComposeDrift
	add := func(field, project, cluster string) {
		out = append(out, v1alpha1.ComposeDrift{Service: c.Name, Field: field, Compose: project, Cluster: cluster})
	}
	if c.Image != "" && !sameImage(c.Image, main.Image) {
		add("image", c.Image, main.Image)
	}
	addLimit := func(field string, project, cluster *resource.Quantity) {
		if !project.IsZero() && (cluster == nil || cluster.Cmp(*project) != 0) {
			add("deploy.resources.limits."+field, project.String(), orNone(cluster))
		}
	}
	addLimit("memory", resource.NewQuantity(c.Limits.Memory, resource.BinarySI), main.Memory)
	addLimit("cpus", resource.NewMilliQuantity(c.Limits.CPU, resource.DecimalSI), main.CPU)
	for _, v := range c.Env {
		if difference := main.difference(v); difference != "" {
			add("environment."+v.Name, "", difference)
		}
	}
	return out
}

func orNone(q *resource.Quantity) string {
	if q == nil {
		return "none"
	}
	return q.String()
}

// difference says how a variable differs, empty where it does not, where nobody
// knows, and where the project's value cannot be right in a cluster.
func (k Container) difference(v compose.Variable) string {
	value, set := k.Env[v.Name]
	switch {
	case k.Referenced[v.Name] || v.Partial || v.Outside():
	case !set && !k.EnvFrom:
		return "not set"
	case set && !v.Secret && value != v.Value:
		return "another value"
	}
	return ""
}

// sameImage compares the last parts of two images' names, and the tags where
// the project names one: registries differ from place to place.
func sameImage(project, cluster string) bool {
	name, tag := imageParts(project)
	otherName, otherTag := imageParts(cluster)
	return name == otherName && (tag == "" || tag == otherTag)
}

func imageParts(image string) (name, tag string) {
	image, digest, _ := strings.Cut(image, "@")
	name, tag, _ = strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
	return name, cmp.Or(tag, digest)
}
