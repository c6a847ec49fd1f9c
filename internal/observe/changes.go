package observe

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// changesOf are the changes of a workload that its pod may feel. A template is compared
// only where it is as young as the pod, so that one that has rested for days costs no call.
func (r *Reader) changesOf(ctx context.Context, w workload.Workload, history workload.History, pods []corev1.Pod, pod *corev1.Pod, container string) ([]evidence.Change, error) {
	if workload.SeenByPods(w.Kind()) {
		return nil, nil // nobody tells what its pods are made of
	}
	var out []evidence.Change
	if c, ok := imageChange(w, history, pods, pod, container); ok {
		out = append(out, c)
	}
	if w.ObservedGeneration() < w.Object().GetGeneration() || len(history) < 2 || !history.IsNewest(pod) {
		return out, nil
	}
	made := madeNewest(history, pods)
	if r.Now().Sub(made) > oldTemplate {
		return out, nil
	}
	older, err := lookup.RecordedTemplate(ctx, r.Live, w, history[1])
	if err != nil {
		return out, err
	}
	change := evidence.Change{Kind: evidence.ChangeTemplate, At: made, Object: workload.RefOf(w).String(), Revision: history[0].String()}
	change.Fields = templateChanges(older, w.Template())
	if n := len(change.Fields); n > maxFields {
		change.Fields, change.MoreFields = change.Fields[:maxFields], n-maxFields
	}
	live, ok := w.Object().DeepCopyObject().(client.Object)
	if !ok {
		return append(out, change), nil
	}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil {
		return append(out, change), fmt.Errorf("get %s, to see who changed it: %w", workload.RefOf(w), err)
	}
	change.By = managerOf(live.GetManagedFields(), change.At)
	return append(out, change), nil
}

const (
	// oldTemplate is from when on nobody asks any more what changed in a template.
	oldTemplate = 24 * time.Hour
	// maxFields bounds what is told of one change.
	maxFields = 8
)

// managerOf is the manager of fields who wrote a pod template at a time, empty where
// no entry is of that time: its last change was another then.
func managerOf(entries []metav1.ManagedFieldsEntry, at time.Time) string {
	const apart = 5 * time.Second // whole seconds, and a controller that makes the revision
	best, newest := "", time.Time{}
	for _, e := range entries {
		if e.Time == nil || e.FieldsV1 == nil || e.Subresource != "" || at.Sub(e.Time.Time).Abs() > apart {
			continue
		}
		if !e.Time.Time.Before(newest) && strings.Contains(e.FieldsV1.GetRawString(), `"f:template"`) {
			best, newest = e.Manager, e.Time.Time
		}
	}
	return best
}

// imageChange tells of an image that is another one in the pod than in others of the
// same revision: its tag was moved, and the pod pulled it anew.
func imageChange(w workload.Workload, history workload.History, pods []corev1.Pod, pod *corev1.Pod, container string) (evidence.Change, bool) {
	own := imageIDOf(pod, container)
	if own == "" || !history.IsNewest(pod) {
		return evidence.Change{}, false
	}
	for i := range pods {
		other := imageIDOf(&pods[i], container)
		if other == "" || other == own || !history.IsNewest(&pods[i]) || !pods[i].CreationTimestamp.Before(&pod.CreationTimestamp) {
			continue
		}
		return evidence.Change{
			Kind: evidence.ChangeImage, At: pod.CreationTimestamp.Time, Object: workload.RefOf(w).String(),
			Fields: []evidence.FieldChange{{Path: "containers[" + container + "].image", From: digestOf(other), To: digestOf(own)}},
		}, true
	}
	return evidence.Change{}, false
}

func imageIDOf(pod *corev1.Pod, container string) string {
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if s.Name == container {
			return s.ImageID
		}
	}
	return ""
}

// digestOf is an image's digest as people compare it.
func digestOf(id string) string {
	_, digest, ok := strings.Cut(id, "sha256:")
	if !ok {
		return id
	}
	return "sha256:" + digest[:min(len(digest), 12)]
}

// templateChanges are the fields that differ between two templates.
func templateChanges(from, to *corev1.PodTemplateSpec) []evidence.FieldChange {
	var out []evidence.FieldChange
	for _, kind := range []struct {
		name     string
		from, to []corev1.Container
	}{{"initContainers", from.Spec.InitContainers, to.Spec.InitContainers}, {"containers", from.Spec.Containers, to.Spec.Containers}} {
		for i := range kind.to {
			path := kind.name + "[" + kind.to[i].Name + "]"
			j := slices.IndexFunc(kind.from, func(c corev1.Container) bool { return c.Name == kind.to[i].Name })
			if j < 0 {
				out = append(out, evidence.FieldChange{Path: path, To: "added"})
				continue
			}
			out = append(out, containerChanges(path, &kind.from[j], &kind.to[i])...)
		}
		for i := range kind.from {
			if !slices.ContainsFunc(kind.to, func(c corev1.Container) bool { return c.Name == kind.from[i].Name }) {
				out = append(out, evidence.FieldChange{Path: kind.name + "[" + kind.from[i].Name + "]", From: "there", To: "removed"})
			}
		}
	}
	return append(out, otherChanges(from, to)...)
}

// containerChanges are those that make a container behave otherwise, the telling first.
func containerChanges(path string, from, to *corev1.Container) []evidence.FieldChange {
	var out []evidence.FieldChange
	differs := func(field string, a, b any) {
		if !equality.Semantic.DeepEqual(a, b) {
			out = append(out, evidence.FieldChange{Path: path + "." + field})
		}
	}
	if from.Image != to.Image {
		out = append(out, evidence.FieldChange{Path: path + ".image", From: from.Image, To: to.Image})
	}
	differs("command", from.Command, to.Command)
	differs("args", from.Args, to.Args)
	out = append(out, envChanges(path, from.Env, to.Env)...)
	differs("envFrom", from.EnvFrom, to.EnvFrom)
	out = append(out, resourceChanges(path, from.Resources, to.Resources)...)
	differs("livenessProbe", from.LivenessProbe, to.LivenessProbe)
	differs("startupProbe", from.StartupProbe, to.StartupProbe)
	differs("readinessProbe", from.ReadinessProbe, to.ReadinessProbe)
	differs("volumeMounts", from.VolumeMounts, to.VolumeMounts)
	differs("securityContext", from.SecurityContext, to.SecurityContext)
	differs("ports", from.Ports, to.Ports)
	differs("lifecycle", from.Lifecycle, to.Lifecycle)
	return out
}

// envChanges name the variables that differ, never what they hold.
func envChanges(path string, from, to []corev1.EnvVar) []evidence.FieldChange {
	var out []evidence.FieldChange
	before, after := byName(from), byName(to)
	for _, v := range to { // in the order of the template
		was, known := before[v.Name]
		switch {
		case !known:
			out = append(out, evidence.FieldChange{Path: path + ".env[" + v.Name + "]", To: "added"})
		case !equality.Semantic.DeepEqual(was, after[v.Name]):
			out = append(out, evidence.FieldChange{Path: path + ".env[" + v.Name + "]"})
		}
	}
	for _, v := range from {
		if _, kept := after[v.Name]; !kept {
			out = append(out, evidence.FieldChange{Path: path + ".env[" + v.Name + "]", From: "there", To: "removed"})
		}
	}
	return out
}

// byName is an environment as the kubelet reads it: of a name the last.
func byName(env []corev1.EnvVar) map[string]corev1.EnvVar {
	out := map[string]corev1.EnvVar{}
	for _, v := range env {
		out[v.Name] = v
	}
	return out
}

func resourceChanges(path string, from, to corev1.ResourceRequirements) []evidence.FieldChange {
	var out []evidence.FieldChange
	for _, kind := range []struct {
		name     string
		from, to corev1.ResourceList
	}{{"limits", from.Limits, to.Limits}, {"requests", from.Requests, to.Requests}} {
		var names []corev1.ResourceName
		for name := range kind.from {
			names = append(names, name)
		}
		for name := range kind.to {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			a, b := quantityIn(kind.from, name), quantityIn(kind.to, name)
			if a != b {
				out = append(out, evidence.FieldChange{Path: path + ".resources." + kind.name + "." + string(name), From: a, To: b})
			}
		}
	}
	return out
}

func quantityIn(list corev1.ResourceList, name corev1.ResourceName) string {
	q, ok := list[name]
	if !ok {
		return ""
	}
	return q.String()
}

// otherChanges are those of a template outside of its containers.
func otherChanges(from, to *corev1.PodTemplateSpec) []evidence.FieldChange {
	var out []evidence.FieldChange
	without := func(t *corev1.PodTemplateSpec) map[string]any {
		spec := t.Spec.DeepCopy()
		spec.Containers, spec.InitContainers = nil, nil
		fields := map[string]any{}
		if text, err := json.Marshal(spec); err != nil || json.Unmarshal(text, &fields) != nil {
			return nil
		}
		return fields
	}
	a, b := without(from), without(to)
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !equality.Semantic.DeepEqual(a[name], b[name]) {
			out = append(out, evidence.FieldChange{Path: name})
		}
	}
	for key := range to.Annotations {
		if from.Annotations[key] != to.Annotations[key] {
			out = append(out, evidence.FieldChange{Path: "annotations[" + key + "]"})
		}
	}
	for key := range from.Annotations {
		if _, kept := to.Annotations[key]; !kept {
			out = append(out, evidence.FieldChange{Path: "annotations[" + key + "]", From: "there", To: "removed"})
		}
	}
	slices.SortStableFunc(out, func(a, b evidence.FieldChange) int { return cmp.Compare(a.Path, b.Path) })
	return out
}
