package observe

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// envBuilder makes a container's environment in the order in which the kubelet does.
type envBuilder struct {
	pod       *corev1.Pod
	container *corev1.Container
	found     objects
	// links are what the kubelet adds for the namespace's Services.
	links []evidence.Variable
	env   evidence.Env
}

// effectiveEnv is the container's environment: service links, overridden by
// envFrom in its order, overridden by env in its order.
func effectiveEnv(pod *corev1.Pod, container *corev1.Container, found objects, links []evidence.Variable) evidence.Env {
	b := envBuilder{pod: pod, container: container, found: found, links: links,
		env: evidence.Env{Variables: map[string]evidence.Variable{}, Complete: true}}
	for _, link := range links {
		b.env.Variables[link.Name] = link
	}
	for i := range container.EnvFrom {
		b.addAll(&container.EnvFrom[i])
	}
	for i := range container.Env {
		b.add(&container.Env[i])
	}
	return b.env
}

func (b *envBuilder) addAll(source *corev1.EnvFromSource) {
	ref, ok := envFromReference(source)
	o := b.found.of(ref)
	if !ok || !o.found && !o.missing {
		b.env.Complete = false
		return
	}
	for key, value := range o.data {
		origin := originOf(ref, key)
		origin.FromAll = true
		b.set(source.Prefix+key, value, origin, ref.kind == kindSecret)
	}
}

func (b *envBuilder) add(v *corev1.EnvVar) {
	ref, isReference := envReference(v.ValueFrom)
	switch {
	case v.Value != "" || v.ValueFrom == nil:
		b.addLiteral(v)
	case isReference:
		b.addKey(v.Name, ref)
	default:
		origin := evidence.Origin{Kind: evidence.OriginField}
		if value, ok := fieldValue(b.pod, b.container, v.ValueFrom); ok {
			b.set(v.Name, value, origin, false)
		} else {
			b.unresolved(v.Name, origin)
		}
	}
}

// addLiteral expands references to variables that come before. What is made of
// a secret is one, and what is made of something unknown is not known.
func (b *envBuilder) addLiteral(v *corev1.EnvVar) {
	var secret, unknown bool
	value := expand(v.Value, func(name string) (string, bool) {
		used, ok := b.env.Variables[name]
		secret = secret || used.Secret.IsSet()
		unknown = unknown || used.Unresolved || !ok && !b.env.Complete
		return used.Text(), ok && !used.Missing
	})
	origin := evidence.Origin{Kind: evidence.OriginLiteral}
	if unknown {
		b.unresolved(v.Name, origin)
		return
	}
	b.set(v.Name, value, origin, secret)
}

func (b *envBuilder) addKey(name string, ref reference) {
	origin := originOf(ref, ref.keys[0])
	o := b.found.of(ref)
	value, ok := o.data[ref.keys[0]]
	switch {
	case ok:
		b.set(name, value, origin, ref.kind == kindSecret)
	case o.found, o.missing:
		// What envFrom or a link gave stays where the reference is optional.
		if _, given := b.env.Lookup(name); !given || !ref.optional {
			b.env.Variables[name] = evidence.Variable{Name: name, Origin: origin, Missing: true}
		}
	default:
		b.unresolved(name, origin)
	}
}

func (b *envBuilder) set(name, value string, origin evidence.Origin, secret bool) {
	v := evidence.Variable{Name: name, Origin: origin}
	if value != "" && (secret || redact.Sensitive(name, value)) {
		v.Secret = evidence.NewSecret(value)
	} else {
		v.Value = value
	}
	b.env.Variables[name] = v
}

func (b *envBuilder) unresolved(name string, origin evidence.Origin) {
	b.env.Complete = false
	b.env.Variables[name] = evidence.Variable{Name: name, Origin: origin, Unresolved: true}
}

func originOf(ref reference, key string) evidence.Origin {
	kind := evidence.OriginConfigMap
	if ref.kind == kindSecret {
		kind = evidence.OriginSecret
	}
	return evidence.Origin{Kind: kind, Object: ref.name, Key: key}
}
