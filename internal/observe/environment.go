package observe

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
)

// Environment is a container's effective environment with where it comes from.
type Environment struct {
	Env evidence.Env
	// Config are the Secrets and ConfigMaps that the container refers to, by
	// env, envFrom or volume.
	Config []evidence.ConfigObject
	// Secrets are the values to be redacted, of all of the pod's containers.
	Secrets []evidence.Secret
	// unreadSecrets are the names of those whose values are not known, and failedSecrets
	// those among them that the operator may read.
	unreadSecrets, failedSecrets []string
}

// Env is the container's effective environment as the kubelet makes it:
// service links, envFrom, env, with $(VAR) expanded. What cannot be read leaves
// it incomplete; the error says what that was.
func (r *Reader) Env(ctx context.Context, pod *corev1.Pod, container string) (Environment, error) {
	pod, err := r.whole(ctx, pod)
	if err != nil {
		return Environment{}, err
	}
	if containerSpec(pod, container) == nil {
		return Environment{}, fmt.Errorf("pod %s/%s has no container %q", pod.Namespace, pod.Name, container)
	}
	return r.environment(ctx, pod, container)
}

func (r *Reader) environment(ctx context.Context, pod *corev1.Pod, container string) (Environment, error) {
	var refs []reference
	for _, c := range specsOf(pod) {
		refs = append(refs, references(pod, c)...)
	}
	found, errObjects := r.read(ctx, pod.Namespace, refs)
	services, errServices := r.services(ctx, pod)
	var out Environment
	values := namedValues{}
	values.addObjects(found)
	for _, c := range specsOf(pod) {
		env := effectiveEnv(pod, c, found, serviceLinks(pod, services, lastStart(pod, c.Name)))
		values.addEnv(env)
		values.addContainer(c)
		if c.Name == container {
			out.Env = env
			out.Config = configObjects(references(pod, c), found)
		}
	}
	out.Secrets = values.secrets()
	out.unreadSecrets, out.failedSecrets = found.unread(kindSecret)
	if errServices != nil {
		out.Env.Complete = false
	}
	return out, errors.Join(errObjects, errServices)
}

func (r *Reader) services(ctx context.Context, pod *corev1.Pod) ([]corev1.Service, error) {
	var list corev1.ServiceList
	if err := r.Cached.List(ctx, &list, client.InNamespace(pod.Namespace)); err != nil {
		return nil, fmt.Errorf("list Services of %s: %w", pod.Namespace, err)
	}
	return list.Items, nil
}

// lastStart is when the container's newest run began, zero if it has not run.
func lastStart(pod *corev1.Pod, name string) time.Time {
	c, _ := ContainerOf(pod, name)
	if !c.RunningSince.IsZero() {
		return c.RunningSince
	}
	if end := c.Ended(); end != nil {
		return end.StartedAt
	}
	return time.Time{}
}

// specsOf are the containers of all roles, in the order in which they start.
func specsOf(pod *corev1.Pod) []*corev1.Container {
	var out []*corev1.Container
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			out = append(out, &containers[i])
		}
	}
	return out
}
