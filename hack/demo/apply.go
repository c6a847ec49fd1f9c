package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/bridgestack/operator/internal/workload"
)

const (
	poll = 500 * time.Millisecond
	// startTimeout of the operator and of the stack's databases.
	startTimeout = 3 * time.Minute
	// goneTimeout of a namespace.
	goneTimeout = 2 * time.Minute
)

// render builds a kustomization, those first that others need.
func render(conf, name string) ([]*unstructured.Unstructured, error) {
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy
	path := filepath.Join(conf, name)
	built, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), path)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", path, err)
	}
	var objects []*unstructured.Unstructured
	for _, r := range built.Resources() {
		object := &unstructured.Unstructured{}
		encoded, err := r.MarshalJSON()
		if err == nil {
			err = object.UnmarshalJSON(encoded)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", r.CurId(), path, err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// apply applies the objects, in the namespace where they name none.
func (t target) apply(ctx context.Context, namespace string, objects []*unstructured.Unstructured) error {
	for _, object := range objects {
		if err := t.place(object, namespace); err != nil {
			return err
		}
		err := t.Apply(ctx, client.ApplyConfigurationFromUnstructured(object.DeepCopy()), client.FieldOwner(fieldManager), client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("apply %s: %w", describe(object), err)
		}
	}
	return nil
}

func (t target) place(object *unstructured.Unstructured, namespace string) error {
	namespaced, err := t.IsObjectNamespaced(object)
	if err != nil {
		return fmt.Errorf("look up the kind of %s: %w", describe(object), err)
	}
	if namespaced && object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}
	return nil
}

// remove deletes the objects, those last that others need.
func (t target) remove(ctx context.Context, objects []*unstructured.Unstructured) error {
	for _, object := range slices.Backward(objects) {
		err := t.Delete(ctx, object, client.PropagationPolicy("Background"))
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete %s: %w", describe(object), err)
		}
	}
	return nil
}

func (t target) removeNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{}
	namespace.Name = name
	if err := client.IgnoreNotFound(t.Delete(ctx, namespace)); err != nil {
		return fmt.Errorf("delete namespace %s: %w", name, err)
	}
	err := wait.PollUntilContextTimeout(ctx, poll, goneTimeout, true, func(ctx context.Context) (bool, error) {
		err := t.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("wait for namespace %s to be gone: %w", name, err)
	}
	return nil
}

// awaitReady waits until the workloads among the objects have all their replicas.
func (t target) awaitReady(ctx context.Context, objects []*unstructured.Unstructured) error {
	for _, object := range objects {
		if _, runsPods := workload.KindOf(object.GetAPIVersion(), object.GetKind()); !runsPods {
			continue
		}
		err := wait.PollUntilContextTimeout(ctx, poll, startTimeout, true, func(ctx context.Context) (bool, error) {
			return t.ready(ctx, object)
		})
		if err != nil {
			return fmt.Errorf("%s is not ready after %s: %s%w", describe(object), startTimeout, t.troubles(ctx, object.GetNamespace()), err)
		}
	}
	return nil
}

func (t target) ready(ctx context.Context, workload *unstructured.Unstructured) (bool, error) {
	current := &unstructured.Unstructured{}
	current.SetGroupVersionKind(workload.GroupVersionKind())
	if err := t.Get(ctx, client.ObjectKeyFromObject(workload), current); err != nil {
		return false, err
	}
	number := func(path ...string) int64 {
		n, _, _ := unstructured.NestedInt64(current.Object, path...)
		return n
	}
	return number("status", "observedGeneration") >= current.GetGeneration() &&
		number("status", "updatedReplicas") >= number("spec", "replicas") &&
		number("status", "readyReplicas") >= number("spec", "replicas"), nil
}

// troubles says what the namespace's containers wait for.
func (t target) troubles(ctx context.Context, namespace string) string {
	var pods corev1.PodList
	if err := t.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
		return fmt.Sprintf("(its pods cannot be listed: %v) ", err)
	}
	var out strings.Builder
	for _, pod := range pods.Items {
		for _, c := range pod.Status.ContainerStatuses {
			if w := c.State.Waiting; w != nil {
				fmt.Fprintf(&out, "pod %s: %s %s; ", pod.Name, w.Reason, w.Message)
			}
		}
	}
	return out.String()
}

func describe(object client.Object) string {
	return object.GetObjectKind().GroupVersionKind().Kind + "/" + object.GetName()
}
