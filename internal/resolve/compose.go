package resolve

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// ComposeFresh is how old what was read of ConfigMaps may be where a pod or an
// incident is looked at: nothing announces their changes, as they are never
// watched, and pods change often.
const ComposeFresh = 5 * time.Second

// ComposeProject is what was made of a stack's compose project; nil where it has
// none.
type ComposeProject struct {
	// sum of all that it was made from, at the time of reading.
	sum        [sha256.Size]byte
	generation int64
	read       time.Time
	// facts are nil where it could not be read.
	facts    *compose.Facts
	ignored  []compose.Ignored
	problems []stack.Problem
	// addresses of the namespace's Services, as they are now.
	addresses []stack.Address
}

// Known is what is known of the project, nil where it could not be read.
func (p *ComposeProject) Known() *stack.Project {
	if p == nil || p.facts == nil {
		return nil
	}
	return &stack.Project{Facts: *p.facts, Addresses: p.addresses}
}

// Problems are what a person must put right in it.
func (p *ComposeProject) Problems() []stack.Problem {
	if p == nil {
		return nil
	}
	return p.problems
}

// DeclaredEnv are the variables that x-bridge declares.
func (p *ComposeProject) DeclaredEnv() []NamedEnv {
	if p == nil || p.facts == nil {
		return nil
	}
	var out []NamedEnv
	for _, s := range p.facts.Services {
		for _, e := range s.Bridge.Env {
			out = append(out, NamedEnv{e, s.Name, fmt.Sprintf("spec.compose: services.%s.x-bridge.env.%s", s.Name, e.Name)})
		}
	}
	return out
}

// projects remembers them, as parsing costs more than reading. It is
// safe for concurrent use; the zero value is empty.
type projects struct {
	mu    sync.Mutex
	known map[types.NamespacedName]*ComposeProject
	// loading lets one be parsed at a time, which bounds the memory for it.
	loading sync.Mutex
}

func (c *projects) get(name types.NamespacedName) *ComposeProject {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[name]
}

func (c *projects) put(name types.NamespacedName, p *ComposeProject) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[types.NamespacedName]*ComposeProject{}
	}
	c.known[name] = p
}

func (c *projects) forget(name types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, name)
}

// Stack is the stack as its policy and its compose project tell of it.
func (r *Resolver) Stack(ctx context.Context, s *v1alpha1.BridgeStack, workloads []stack.Workload) (stack.Stack, error) {
	project, err := r.Project(ctx, s, ComposeFresh)
	if err != nil {
		return stack.Stack{}, err
	}
	return stack.ResolveProject(s.Spec, project.Known(), workloads), nil
}

// Project is a stack's compose project, read no longer ago than fresh.
func (r *Resolver) Project(ctx context.Context, s *v1alpha1.BridgeStack, fresh time.Duration) (*ComposeProject, error) {
	if s.Spec.Compose == nil {
		r.projects.forget(client.ObjectKeyFromObject(s))
		return nil, nil
	}
	read, err := r.composeOf(ctx, s, fresh)
	if err != nil {
		return nil, err
	}
	var services corev1.ServiceList
	if err := r.Client.List(ctx, &services, client.InNamespace(s.Namespace)); err != nil {
		return nil, fmt.Errorf("listing the Services that a compose project's addresses are compared with: %w", err)
	}
	project := *read
	project.addresses = addressesOfServices(services.Items)
	return &project, nil
}

// composeOf reads the files, and parses them where they are others than before.
func (r *Resolver) composeOf(ctx context.Context, s *v1alpha1.BridgeStack, fresh time.Duration) (*ComposeProject, error) {
	name, now := client.ObjectKeyFromObject(s), r.Clock.Now()
	known := r.projects.get(name)
	if known != nil && known.generation == s.Generation && now.Sub(known.read) < fresh {
		return known, nil
	}
	files, problems, err := r.composeFiles(ctx, s)
	if err != nil {
		return nil, err
	}
	options := compose.Options{ProjectName: s.Spec.Compose.ProjectName, Profiles: s.Spec.Compose.Profiles, Environment: s.Spec.Compose.Env, WithoutSecrets: true}
	made := &ComposeProject{generation: s.Generation, read: now, problems: problems}
	if made.sum, err = sumOf(files, s.Spec.Compose.Trusted, options.ProjectName, options.Profiles, options.Environment, problems); err != nil {
		return nil, err
	}
	switch {
	case known != nil && known.sum == made.sum:
		made.facts, made.ignored, made.problems = known.facts, known.ignored, known.problems
	case len(problems) == 0:
		r.projects.loading.Lock()
		made.load(ctx, files, options)
		r.projects.loading.Unlock()
		if made.facts != nil && s.Spec.Compose.Inline == nil && !s.Spec.Compose.Trusted {
			made.ignored = append(made.facts.Distrust(), made.ignored...)
		}
	}
	r.projects.put(name, made)
	return made, nil
}

func sumOf(parts ...any) ([sha256.Size]byte, error) {
	text, err := json.Marshal(parts)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("comparing a compose project with the one before: %w", err)
	}
	return sha256.Sum256(text), nil
}

// load parses; what is wrong becomes the policy's problems.
func (p *ComposeProject) load(ctx context.Context, files []compose.File, o compose.Options) {
	project, err := compose.Load(ctx, files, o)
	if err != nil {
		p.problems = composeProblems(err)
		return
	}
	facts, err := project.Facts()
	p.facts, p.ignored, p.problems = &facts, project.Ignored, composeProblems(err)
}

// What a status shows of a project at most.
const (
	maxComposeProblems = 8
	maxComposeListed   = 32
	maxComposeText     = 512
)

// composeProblems are errors about the files, each with its place.
func composeProblems(err error) []stack.Problem {
	if err == nil {
		return nil
	}
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		var out []stack.Problem
		for _, e := range several.Unwrap() {
			out = append(out, composeProblems(e)...)
		}
		return out[:min(len(out), maxComposeProblems)]
	}
	return []stack.Problem{{Reason: v1alpha1.ReasonComposeInvalid, Field: "spec.compose", Message: composeText(err.Error())}}
}

// composeText is a text about the files as a status may show it.
func composeText(text string) string {
	return redact.New().Text(redact.Clean(text, maxComposeText))
}

// composeFiles reads the files that the policy names. Their names are the
// places in messages.
func (r *Resolver) composeFiles(ctx context.Context, s *v1alpha1.BridgeStack) ([]compose.File, []stack.Problem, error) {
	if inline := s.Spec.Compose.Inline; inline != nil {
		return []compose.File{{Name: "inline", Content: []byte(*inline)}}, nil, nil
	}
	var files []compose.File
	var problems []stack.Problem
	for i, ref := range s.Spec.Compose.ConfigMaps {
		var object corev1.ConfigMap
		err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: ref.Name}, &object)
		content, there := object.Data[ref.Key]
		missing := ""
		switch {
		case apierrors.IsNotFound(err):
			missing = fmt.Sprintf("ConfigMap %q does not exist in this namespace", ref.Name)
		case apierrors.IsForbidden(err): // for good, which must not hold up the namespace's other stacks
			missing = fmt.Sprintf("the operator may not read ConfigMap %q", ref.Name)
		case err != nil:
			return nil, nil, fmt.Errorf("reading ConfigMap %s/%s, which holds a compose file: %w", s.Namespace, ref.Name, err)
		case !there:
			missing = fmt.Sprintf("key %q is not in ConfigMap %q", ref.Key, ref.Name)
		}
		if missing != "" {
			problems = append(problems, stack.Problem{Reason: v1alpha1.ReasonReferenceNotFound,
				Field: fmt.Sprintf("spec.compose.configMaps[%d]", i), Message: missing + "; the compose project is not read"})
		}
		files = append(files, compose.File{Name: ref.Name + "/" + ref.Key, Content: []byte(content)})
	}
	return files, problems, nil
}

// addressesOfServices are the namespace's Services in the words of stack.
func addressesOfServices(services []corev1.Service) []stack.Address {
	var out []stack.Address
	for _, s := range services {
		a := stack.Address{Name: s.Name, Selector: s.Spec.Selector}
		for _, p := range s.Spec.Ports {
			port := stack.AddressPort{Port: p.Port, Target: p.TargetPort.IntVal}
			if s.Spec.ClusterIP == corev1.ClusterIPNone && port.Target != 0 {
				port.Port = port.Target // there is no address of its own that would translate
			}
			a.Ports = append(a.Ports, port)
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b stack.Address) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// ComposeStatus says what was made of the project, and where it differs from
// the cluster.
func (r *Resolver) ComposeStatus(ctx context.Context, namespace string, p *ComposeProject, resolved stack.Stack) (*v1alpha1.ComposeStatus, error) {
	project := p.Known()
	if project == nil {
		return nil, nil
	}
	drift, err := r.drift(ctx, namespace, project, resolved)
	if err != nil {
		return nil, err
	}
	status := &v1alpha1.ComposeStatus{Project: project.Project, Services: int32(len(project.Services)), DriftTotal: int32(len(drift))}
	for _, i := range p.ignored[:min(len(p.ignored), maxComposeListed)] {
		status.Ignored = append(status.Ignored, composeText(fmt.Sprintf("%s: %s: %s", i.Position, i.Path, i.Because)))
	}
	for _, d := range drift[:min(len(drift), maxComposeListed)] {
		d.Compose, d.Cluster = composeText(d.Compose), composeText(d.Cluster)
		status.Drift = append(status.Drift, d)
	}
	return status, nil
}

// drift is where project and cluster differ, what nothing runs first.
func (r *Resolver) drift(ctx context.Context, namespace string, project *stack.Project, resolved stack.Stack) ([]v1alpha1.ComposeDrift, error) {
	var out []v1alpha1.ComposeDrift
	for _, missing := range project.Missing(resolved) {
		out = append(out, v1alpha1.ComposeDrift{Service: missing.Name, Cluster: "no workload runs it"})
	}
	for _, c := range project.Services {
		service, known := resolved.ByName(c.Name)
		if !known || service.Workload == nil {
			continue
		}
		containers, err := r.containersOf(ctx, namespace, service.Workload)
		if err != nil {
			return nil, err
		}
		out = append(out, stack.Drift(c, containers)...)
	}
	return out, nil
}

// containersOf are a workload's containers as its template has them.
func (r *Resolver) containersOf(ctx context.Context, namespace string, w *stack.Workload) ([]stack.Container, error) {
	live, err := lookup.Get(ctx, r.Client, w.Ref(namespace))
	if apierrors.IsNotFound(err) || errors.Is(err, lookup.ErrReplaced) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s to compare it with the compose project: %w", w, err)
	}
	var out []stack.Container
	for _, c := range live.Template().Spec.Containers {
		k := stack.Container{Name: c.Name, Image: c.Image, Env: map[string]string{}, Referenced: map[string]bool{}, EnvFrom: len(c.EnvFrom) > 0}
		if q, set := c.Resources.Limits[corev1.ResourceMemory]; set {
			k.Memory = &q
		}
		if q, set := c.Resources.Limits[corev1.ResourceCPU]; set {
			k.CPU = &q
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil || strings.Contains(e.Value, "$(") {
				k.Referenced[e.Name] = true
			} else {
				k.Env[e.Name] = e.Value
			}
		}
		out = append(out, k)
	}
	return out, nil
}
