package observe

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
)

// podOrigin is what a pod was made of, as far as evidence has it.
type podOrigin struct {
	rollout evidence.Rollout
	// resources of the container in the template, nil where they are not known.
	resources     *evidence.Resources
	limitDefaults []evidence.LimitDefault
}

// originOf reads the workload of a request. LimitRanges are read only where the
// container has a limit that its template has not.
func (r *Reader) originOf(ctx context.Context, request Request, pod *corev1.Pod) (podOrigin, error) {
	if request.Workload.Name == "" {
		return podOrigin{}, nil
	}
	w, history, pods, err := r.withPods(ctx, request.Workload)
	if err != nil {
		return podOrigin{}, fmt.Errorf("read %s of %s: %w", request.Workload, request.Workload.Namespace, err)
	}
	origin := podOrigin{rollout: rolloutOf(w, history, pods)}
	// The template of an earlier revision is not at hand.
	if !history.IsNewest(pod) || w.ObservedGeneration() < w.Object().GetGeneration() {
		return origin, nil
	}
	template, known := resourcesIn(w.Template().Spec, request.Container)
	if !known {
		return origin, nil // a webhook put the container into the pod
	}
	origin.resources = &template
	running, _ := resourcesIn(pod.Spec, request.Container)
	if template.MemoryLimit == 0 && running.MemoryLimit > 0 || template.CPULimit == 0 && running.CPULimit > 0 {
		origin.limitDefaults, err = r.limitDefaults(ctx, pod.Namespace)
	}
	return origin, err
}

func resourcesIn(spec corev1.PodSpec, name string) (evidence.Resources, bool) {
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		if c.Name == name {
			return resourcesOf(c.Resources), true
		}
	}
	return evidence.Resources{}, false
}

// limitDefaults of a namespace's LimitRanges.
func (r *Reader) limitDefaults(ctx context.Context, namespace string) ([]evidence.LimitDefault, error) {
	var list corev1.LimitRangeList
	if err := r.Live.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list the LimitRanges of %s: %w", namespace, err)
	}
	var out []evidence.LimitDefault
	for i := range list.Items {
		for _, item := range list.Items[i].Spec.Limits {
			if item.Type == corev1.LimitTypeContainer {
				out = append(out, evidence.LimitDefault{LimitRange: list.Items[i].Name, MemoryLimit: item.Default.Memory().Value(), CPULimit: item.Default.Cpu().MilliValue()})
			}
		}
	}
	return out, nil
}
