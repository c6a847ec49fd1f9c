package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bridgestack/operator/internal/evidence"
)

// The kinds that a pod takes its configuration from.
const (
	kindSecret    = "Secret"
	kindConfigMap = "ConfigMap"
)

// reference is one place of a pod's template that refers to a Secret or a ConfigMap.
type reference struct {
	kind, name string
	optional   bool
	// keys that must be in it; none means whatever is in it.
	keys []string
}

// object is a Secret or a ConfigMap as it was found. An object that could not
// be read is neither found nor missing; forbidden says that it may not be read.
type object struct {
	found, missing, forbidden bool
	data                      map[string]string
	changed                   time.Time
}

type objectKey struct{ kind, name string }

// objects are what a pod refers to.
type objects map[objectKey]object

func (o objects) of(r reference) object { return o[objectKey{r.kind, r.name}] }

// unread are the names of the objects of a kind of which nothing is known, and failed
// those among them that might be known the next time.
func (o objects) unread(kind string) (unread, failed []string) {
	for key, object := range o {
		if key.kind != kind || object.found || object.missing {
			continue
		}
		unread = append(unread, key.name)
		if !object.forbidden {
			failed = append(failed, key.name)
		}
	}
	slices.Sort(unread)
	slices.Sort(failed)
	return unread, failed
}

// references are those of one container: env, envFrom and the volumes that it mounts.
func references(pod *corev1.Pod, c *corev1.Container) []reference {
	var out []reference
	for i := range c.EnvFrom {
		if r, ok := envFromReference(&c.EnvFrom[i]); ok {
			out = append(out, r)
		}
	}
	for i := range c.Env {
		if r, ok := envReference(c.Env[i].ValueFrom); ok {
			out = append(out, r)
		}
	}
	for _, mount := range c.VolumeMounts {
		i := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		if i >= 0 {
			out = append(out, volumeReferences(&pod.Spec.Volumes[i])...)
		}
	}
	return out
}

func envFromReference(source *corev1.EnvFromSource) (reference, bool) {
	switch {
	case source.SecretRef != nil:
		return reference{kindSecret, source.SecretRef.Name, isTrue(source.SecretRef.Optional), nil}, true
	case source.ConfigMapRef != nil:
		return reference{kindConfigMap, source.ConfigMapRef.Name, isTrue(source.ConfigMapRef.Optional), nil}, true
	default:
		return reference{}, false
	}
}

func envReference(source *corev1.EnvVarSource) (reference, bool) {
	switch {
	case source == nil:
		return reference{}, false
	case source.SecretKeyRef != nil:
		ref := source.SecretKeyRef
		return reference{kindSecret, ref.Name, isTrue(ref.Optional), []string{ref.Key}}, true
	case source.ConfigMapKeyRef != nil:
		ref := source.ConfigMapKeyRef
		return reference{kindConfigMap, ref.Name, isTrue(ref.Optional), []string{ref.Key}}, true
	default:
		return reference{}, false
	}
}

// configObjects say what there is of each object that is referred to, in the
// order of the first reference. One that could not be read is left out: nothing
// is known of it.
func configObjects(refs []reference, found objects) []evidence.ConfigObject {
	var out []evidence.ConfigObject
	index := map[objectKey]int{}
	for _, ref := range refs {
		o := found.of(ref)
		if !o.found && !o.missing {
			continue
		}
		key := objectKey{ref.kind, ref.name}
		i, seen := index[key]
		if !seen {
			i = len(out)
			index[key] = i
			out = append(out, evidence.ConfigObject{Kind: ref.kind, Name: ref.name, Optional: true, Missing: o.missing, Changed: o.changed})
		}
		if ref.optional {
			continue
		}
		out[i].Optional = false
		for _, k := range ref.keys {
			if _, ok := o.data[k]; !ok && !o.missing && !slices.Contains(out[i].MissingKeys, k) {
				out[i].MissingKeys = append(out[i].MissingKeys, k)
			}
		}
	}
	return out
}

// read gets the objects, each once. Those that cannot be read are in the error.
func (r *Reader) read(ctx context.Context, namespace string, refs []reference) (objects, error) {
	found := objects{}
	var failed []error
	for _, ref := range refs {
		key := objectKey{ref.kind, ref.name}
		if _, done := found[key]; done {
			continue
		}
		o, err := r.readOne(ctx, types.NamespacedName{Namespace: namespace, Name: ref.name}, ref.kind)
		if err != nil {
			failed = append(failed, fmt.Errorf("read %s %s/%s: %w", ref.kind, namespace, ref.name, err))
			o.forbidden = apierrors.IsForbidden(err)
		}
		found[key] = o
	}
	return found, errors.Join(failed...)
}

func (r *Reader) readOne(ctx context.Context, name types.NamespacedName, kind string) (object, error) {
	var o object
	var err error
	if kind == kindSecret {
		secret := &corev1.Secret{}
		err = r.Live.Get(ctx, name, secret)
		o = object{data: textsOf(secret.Data), changed: changed(&secret.ObjectMeta)}
	} else {
		config := &corev1.ConfigMap{}
		err = r.Live.Get(ctx, name, config)
		o = object{data: config.Data, changed: changed(&config.ObjectMeta)}
	}
	switch {
	case apierrors.IsNotFound(err):
		return object{missing: true}, nil
	case err != nil:
		return object{}, err
	}
	o.found = true
	return o, nil
}

func textsOf(data map[string][]byte) map[string]string {
	out := make(map[string]string, len(data))
	for k, v := range data {
		out[k] = string(v)
	}
	return out
}

// changed is when the object was last written, as far as its managedFields tell.
func changed(meta *metav1.ObjectMeta) time.Time {
	newest := meta.CreationTimestamp.Time
	for i := range meta.ManagedFields {
		if t := meta.ManagedFields[i].Time; t != nil && t.After(newest) {
			newest = t.Time
		}
	}
	return newest
}
