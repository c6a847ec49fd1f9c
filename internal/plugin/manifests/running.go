package manifests

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
)

// Running is a workload of a namespace.
type Running struct {
	Kind     v1alpha1.WorkloadKind
	Name     string
	Labels   map[string]string
	Template corev1.PodTemplateSpec
	// Env of its first container, as far as it could be read. It is looked
	// through for addresses, and never written down.
	Env map[string]string
	// Services that lead to it, each with its ports.
	Services []corev1.Service
}

// OfRunning is a BridgeStack for what runs in a namespace, as if it were a compose
// project: what a service is told by its image and ports, whom it depends on by
// the addresses in its environment.
func OfRunning(namespace string, running []Running) (Output, error) {
	b := newBuilder(Input{Project: &compose.Project{Model: &types.Project{}}})
	project := &types.Project{Name: namespace, Services: types.Services{}}
	workloads := map[string]Running{}
	for _, r := range running {
		name := r.Name
		if _, taken := workloads[name]; taken {
			name += "-" + strings.ToLower(string(r.Kind))
		}
		workloads[name] = r
		project.Services[name] = r.config(name, namespace)
		b.names[name] = name
		if len(r.Services) > 0 && !slices.ContainsFunc(r.Services, func(s corev1.Service) bool { return s.Name == name }) {
			b.names[name] = r.Services[0].Name
		}
	}
	b.Project = &compose.Project{Model: project}
	facts, err := b.Project.Facts()
	if err != nil {
		return Output{}, fmt.Errorf("reading what runs: %w", err)
	}
	guessDependencies(project, facts)
	if b.Facts, err = b.Project.Facts(); err != nil {
		return Output{}, fmt.Errorf("reading what runs: %w", err)
	}
	b.project = dnsName(namespace, 63)
	b.out.Files = []File{{Name: "bridgestack.yaml", Documents: []Document{b.runningDocument(workloads)}}}
	return b.out, nil
}

// config is the workload as a compose service.
func (r Running) config(name, namespace string) types.ServiceConfig {
	c := r.Template.Spec.Containers[0]
	s := types.ServiceConfig{Name: name}
	s.Image, s.Entrypoint, s.Command = c.Image, c.Command, c.Args
	s.Environment = types.MappingWithEquals{}
	for name, value := range r.Env {
		s.Environment[name] = &value
	}
	for _, p := range c.Ports {
		s.Expose = append(s.Expose, fmt.Sprintf("%d/%s", p.ContainerPort, strings.ToLower(cmp.Or(string(p.Protocol), "tcp"))))
	}
	network := &types.ServiceNetworkConfig{}
	for _, service := range r.Services {
		for _, suffix := range []string{"", "." + namespace, "." + namespace + ".svc", "." + namespace + ".svc.cluster.local"} {
			network.Aliases = append(network.Aliases, service.Name+suffix)
		}
		for _, p := range service.Spec.Ports {
			s.Expose = append(s.Expose, fmt.Sprintf("%d/%s", p.Port, strings.ToLower(cmp.Or(string(p.Protocol), "tcp"))))
		}
	}
	s.Networks = map[string]*types.ServiceNetworkConfig{"default": network}
	s.HealthCheck = checkOf(c)
	return s
}

// checkOf a readiness probe, as a compose file would have it.
func checkOf(c corev1.Container) *types.HealthCheckConfig {
	p := c.ReadinessProbe
	switch {
	case p == nil:
		return nil
	case p.HTTPGet != nil:
		port := p.HTTPGet.Port
		if port.Type == intstr.String {
			for _, named := range c.Ports {
				if named.Name == port.StrVal {
					port = intstr.FromInt32(named.ContainerPort)
				}
			}
		}
		scheme := strings.ToLower(cmp.Or(string(p.HTTPGet.Scheme), "http"))
		url := scheme + "://localhost:" + strconv.Itoa(port.IntValue()) + cmp.Or(p.HTTPGet.Path, "/")
		return &types.HealthCheckConfig{Test: types.HealthCheckTest{"CMD", "curl", "-f", url}}
	case p.Exec != nil:
		return &types.HealthCheckConfig{Test: append(types.HealthCheckTest{"CMD"}, p.Exec.Command...)}
	}
	return &types.HealthCheckConfig{Test: types.HealthCheckTest{"CMD", "true"}}
}

// guessDependencies takes each service that another one addresses for its
// dependency, unless that made a circle.
func guessDependencies(project *types.Project, facts compose.Facts) {
	for _, s := range facts.Services {
		if s.Role != "" {
			continue // databases and brokers address themselves
		}
		config := project.Services[s.Name]
		config.DependsOn = types.DependsOnConfig{}
		for _, v := range s.Env {
			for _, r := range v.References {
				if r.Service == "" || r.Service == s.Name || reaches(project, r.Service, s.Name) {
					continue
				}
				condition := types.ServiceConditionStarted
				if project.Services[r.Service].HealthCheck != nil {
					condition = types.ServiceConditionHealthy
				}
				config.DependsOn[r.Service] = types.ServiceDependency{Condition: condition, Required: true}
			}
		}
		project.Services[s.Name] = config
	}
}

// reaches follows dependencies, of which there is no circle.
func reaches(project *types.Project, from, to string) bool {
	if from == to {
		return true
	}
	return slices.ContainsFunc(slices.Collect(maps.Keys(project.Services[from].DependsOn)), func(d string) bool { return reaches(project, d, to) })
}

func (b *builder) runningDocument(workloads map[string]Running) Document {
	d := b.stackDocument(false)
	o := d.Object.(*v1alpha1.BridgeStack)
	if value, shared := sharedPartOf(workloads); shared {
		o.Name = dnsName(value, 63)
		o.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{labelPartOf: value}}
	}
	for i := range o.Spec.Services {
		s := &o.Spec.Services[i]
		r := workloads[s.Name]
		if r.Kind != v1alpha1.DefaultWorkloadKind || r.Name != s.Name {
			s.Workload = &v1alpha1.WorkloadReference{Kind: r.Kind, Name: r.Name}
			if r.Kind == v1alpha1.DefaultWorkloadKind {
				s.Workload.Kind = ""
			}
		}
		fact, _ := b.Facts.ByName(s.Name)
		s.Endpoint = b.endpoint(fact, true)
		if s.Endpoint != nil && s.Endpoint.TCP != nil && len(r.Services) == 0 {
			s.Endpoint = nil // no name leads there
		}
	}
	d.Comment = "What runs in namespace " + b.Project.Model.Name + ": databases and brokers by their images, dependencies by the\n" +
		"addresses in the environment of who needs them. Read it before you apply it: what the\n" +
		"cluster does not show, such as topics and what depends_on says, is not here."
	return d
}

// sharedPartOf is the label that all workloads have with one value.
func sharedPartOf(workloads map[string]Running) (string, bool) {
	values := map[string]bool{}
	for _, r := range workloads {
		values[r.Labels[labelPartOf]] = true
	}
	for v := range values {
		return v, len(values) == 1 && v != ""
	}
	return "", false
}
