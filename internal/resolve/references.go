package resolve

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/remedy"
)

// NamedEnv is a variable that is declared somewhere.
type NamedEnv struct {
	v1alpha1.DeclaredEnv
	// Service that it is for, and the Field that declares it.
	Service, Field string
}

// Reference is the object that a variable is taken from, empty where it is none.
func Reference(e v1alpha1.DeclaredEnv) (kind, name string) {
	switch {
	case e.ValueFrom == nil:
	case e.ValueFrom.SecretKeyRef != nil:
		return "Secret", e.ValueFrom.SecretKeyRef.Name
	case e.ValueFrom.ConfigMapKeyRef != nil:
		return "ConfigMap", e.ValueFrom.ConfigMapKeyRef.Name
	}
	return "", ""
}

// KnownKeys are those of the Secrets and ConfigMaps that a service declares a
// variable to come from. Their values are not kept.
func (r *Resolver) KnownKeys(ctx context.Context, namespace string, declared []v1alpha1.DeclaredEnv, variable string) (map[remedy.ObjectKey]bool, error) {
	known := map[remedy.ObjectKey]bool{}
	for _, e := range declared {
		kind, name := Reference(e)
		if name == "" || e.Name != variable {
			continue
		}
		keys, err := r.keysOf(ctx, kind, client.ObjectKey{Namespace: namespace, Name: name})
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			known[remedy.ObjectKey{Kind: kind, Name: name, Key: key}] = true
		}
	}
	return known, nil
}

func (r *Resolver) keysOf(ctx context.Context, kind string, name client.ObjectKey) ([]string, error) {
	var keys []string
	var secret corev1.Secret
	var configMap corev1.ConfigMap
	var object client.Object = &secret
	if kind == "ConfigMap" {
		object = &configMap
	}
	if err := r.APIReader.Get(ctx, name, object); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("looking up the keys of %s %s: %w", kind, name, err)
	}
	for key := range secret.Data {
		keys = append(keys, key)
	}
	for key := range configMap.Data {
		keys = append(keys, key)
	}
	return keys, nil
}
