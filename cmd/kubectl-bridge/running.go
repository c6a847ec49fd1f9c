package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/plugin/manifests"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// ofNamespace describes what runs. References in environments are followed as far
// as the caller may read them: whom a service depends on may stand in a Secret.
func (i *initialize) ofNamespace(command *cobra.Command) (manifests.Output, error) {
	cluster, err := i.access.connect()
	if err != nil {
		return manifests.Output{}, err
	}
	running, notes, err := cluster.running(command.Context())
	if err != nil {
		return manifests.Output{}, explained(fmt.Errorf("reading namespace %s: %w", cluster.namespace, err))
	}
	if len(running) == 0 {
		return manifests.Output{}, badInput{fmt.Errorf("no workload runs in namespace %s; name another one with -n, or a compose file", cluster.namespace)}
	}
	out, err := manifests.OfRunning(cluster.namespace, running)
	out.Notes = append(out.Notes, notes...)
	return out, err
}

// running are the workloads of the namespace, and what could not be read of them.
func (c connection) running(ctx context.Context) ([]manifests.Running, []manifests.Note, error) {
	var services corev1.ServiceList
	if err := c.client.List(ctx, &services, client.InNamespace(c.namespace)); err != nil {
		return nil, nil, err
	}
	all, err := lookup.List(ctx, c.client, c.namespace)
	if len(all) == 0 && err != nil {
		return nil, nil, err
	}
	var out []manifests.Running
	var notes []manifests.Note
	if err != nil {
		notes = append(notes, manifests.Note{Path: "services", Text: "not all workloads may be read: " + err.Error()})
	}
	for _, w := range all {
		if w.Run(time.Now()).Over() {
			continue
		}
		template := *w.Template()
		env, missing := c.environment(ctx, template.Spec.Containers[0])
		if missing != nil {
			notes = append(notes, manifests.Note{Path: workload.RefOf(w).String(), Text: "its environment could not be read in full, so that dependencies may be missing: " + missing.Error()})
		}
		r := manifests.Running{Kind: w.Kind(), Name: w.Object().GetName(), Labels: w.Object().GetLabels(), Template: template, Env: env}
		for _, s := range services.Items {
			if len(s.Spec.Selector) > 0 && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(template.Labels)) {
				r.Services = append(r.Services, s)
			}
		}
		out = append(out, r)
	}
	return out, notes, nil
}

// environment of a container, with the first thing that could not be read.
func (c connection) environment(ctx context.Context, container corev1.Container) (map[string]string, error) {
	out := map[string]string{}
	var missing error
	failed := func(err error) bool {
		if err != nil && missing == nil {
			missing = err
		}
		return err != nil
	}
	for _, source := range container.EnvFrom {
		values, err := c.allOf(ctx, source)
		failed(err)
		for name, value := range values {
			out[source.Prefix+name] = value
		}
	}
	for _, e := range container.Env {
		out[e.Name] = e.Value
		if e.ValueFrom == nil {
			continue
		}
		value, err := c.valueOf(ctx, *e.ValueFrom)
		if failed(err) || value == "" {
			delete(out, e.Name)
			continue
		}
		out[e.Name] = value
	}
	return out, missing
}

func (c connection) allOf(ctx context.Context, source corev1.EnvFromSource) (map[string]string, error) {
	switch {
	case source.ConfigMapRef != nil:
		return c.configMap(ctx, source.ConfigMapRef.Name)
	case source.SecretRef != nil:
		return c.secret(ctx, source.SecretRef.Name)
	}
	return nil, nil
}

func (c connection) valueOf(ctx context.Context, source corev1.EnvVarSource) (string, error) {
	switch {
	case source.ConfigMapKeyRef != nil:
		values, err := c.configMap(ctx, source.ConfigMapKeyRef.Name)
		return values[source.ConfigMapKeyRef.Key], err
	case source.SecretKeyRef != nil:
		values, err := c.secret(ctx, source.SecretKeyRef.Name)
		return values[source.SecretKeyRef.Key], err
	}
	return "", nil
}

func (c connection) configMap(ctx context.Context, name string) (map[string]string, error) {
	var o corev1.ConfigMap
	err := c.client.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &o)
	return o.Data, err
}

func (c connection) secret(ctx context.Context, name string) (map[string]string, error) {
	var o corev1.Secret
	err := c.client.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &o)
	out := map[string]string{}
	for key, value := range o.Data {
		out[key] = string(value)
	}
	return out, err
}
