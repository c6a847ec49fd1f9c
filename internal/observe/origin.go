package observe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/workload"
)

// podOrigin is what a pod was made of, as far as evidence has it.
type podOrigin struct {
	rollout evidence.Rollout
	// resources of the container in the template, nil where they are not known.
	resources     *evidence.Resources
	limitDefaults []evidence.LimitDefault
	changes       []evidence.Change
	differences   []evidence.FieldChange
	run           evidence.Run
	owner         evidence.Owner
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
	origin := podOrigin{rollout: rolloutOf(w, history, pods), run: RunOf(w.Run(r.Now()))}
	var errOwner error
	origin.owner, errOwner = r.ownerOf(ctx, w)
	origin.changes, err = r.changesOf(ctx, w, history, pods, pod, request.Container)
	err = errors.Join(err, errOwner)
	// The template of an earlier revision is not at hand, nor is that of what only pods
	// tell of: there each may be made in its own way.
	if workload.SeenByPods(w.Kind()) || !history.IsNewest(pod) || w.ObservedGeneration() < w.Object().GetGeneration() {
		return origin, err
	}
	template, known := resourcesIn(w.Template().Spec, request.Container)
	if !known {
		return origin, err // a webhook put the container into the pod
	}
	origin.resources = &template
	running, _ := resourcesIn(pod.Spec, request.Container)
	if template.MemoryLimit == 0 && running.MemoryLimit > 0 || template.CPULimit == 0 && running.CPULimit > 0 {
		defaults, failed := r.limitDefaults(ctx, pod.Namespace)
		origin.limitDefaults, err = defaults, errors.Join(err, failed)
	}
	origin.differences = differencesOf(w.Template(), pod, request.Container, origin.limitDefaults)
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

// annotationVPA is where the admission controller of the VerticalPodAutoscaler says
// what it set in a pod.
const annotationVPA = "vpaUpdates"

// differencesOf are the fields in which a pod's container is not what the template
// that it was made of says, each with who is known to have set it: what admits a pod
// may change it, and the API server keeps no record of that in the fields' managers.
func differencesOf(template *corev1.PodTemplateSpec, pod *corev1.Pod, name string, defaults []evidence.LimitDefault) []evidence.FieldChange {
	from, to := containerOfSpec(template.Spec, name), containerOfSpec(pod.Spec, name)
	if from == nil || to == nil {
		return nil
	}
	changes := containerChanges("containers["+name+"]", asCached(from), asCached(to))
	for i := range changes {
		f := &changes[i]
		switch {
		case !strings.Contains(f.Path, ".resources."):
			f.By = "by an admission webhook"
		case pod.Annotations[annotationVPA] != "":
			f.By = "by a VerticalPodAutoscaler"
		default:
			f.By = "by a LimitRange, an admission webhook or a resize"
			for _, d := range defaults {
				if f.From == "" && isDefault(*f, d) {
					f.By = "by the LimitRange " + d.LimitRange
				}
			}
		}
	}
	return changes
}

// isDefault says that a limit, or a request that is made of one, is what a LimitRange
// gives to containers that set none.
func isDefault(f evidence.FieldChange, d evidence.LimitDefault) bool {
	q, err := resource.ParseQuantity(f.To)
	switch {
	case err != nil:
		return false
	case strings.HasSuffix(f.Path, ".memory"):
		return d.MemoryLimit > 0 && q.Value() == d.MemoryLimit
	case strings.HasSuffix(f.Path, ".cpu"):
		return d.CPULimit > 0 && q.MilliValue() == d.CPULimit
	default:
		return false
	}
}

func containerOfSpec(spec corev1.PodSpec, name string) *corev1.Container {
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			if containers[i].Name == name {
				return &containers[i]
			}
		}
	}
	return nil
}

// asCached is a container as far as the cache keeps it and every pod has it as its
// template does: not so the mount of the service account's token. A pod, unlike a
// template, is given requests by default where it has limits.
func asCached(c *corev1.Container) *corev1.Container {
	requests := corev1.ResourceList{}
	maps.Copy(requests, c.Resources.Limits)
	maps.Copy(requests, c.Resources.Requests)
	return &corev1.Container{
		Image: c.Image, Command: c.Command, Args: c.Args, Env: c.Env, EnvFrom: c.EnvFrom,
		Resources:     corev1.ResourceRequirements{Limits: c.Resources.Limits, Requests: requests},
		LivenessProbe: c.LivenessProbe, StartupProbe: c.StartupProbe, ReadinessProbe: c.ReadinessProbe,
	}
}
