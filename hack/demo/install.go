package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/hack/internal/progress"
	"github.com/bridgestack/operator/internal/workload"
)

const (
	// installedByDemo marks what the demo may remove again.
	installedByDemo = "bridgestack.dev/installed-by-demo"
	// startedAt on a pod template makes a new pod: the image may have changed
	// behind its tag.
	startedAt = "bridgestack.dev/demo-started-at"
)

// first are the stack's databases: compose's depends_on would start them first.
var first = labels.SelectorFromSet(labels.Set{"tier": "dependency"})

func installOperator(ctx context.Context, t target, o options, printer *progress.Printer) error {
	objects, err := render(o.conf, "default")
	if err != nil {
		return err
	}
	ours, err := t.operatorIsOurs(ctx)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if object.GetKind() == "Namespace" && ours {
			annotate(object, installedByDemo, "true", "metadata")
		}
		if _, runsPods := workload.KindOf(object.GetAPIVersion(), object.GetKind()); runsPods {
			annotate(object, startedAt, time.Now().Format(time.RFC3339), "spec", "template", "metadata")
		}
	}
	return printer.Step("install the operator", func() error {
		if err := t.apply(ctx, "", objects); err != nil {
			return err
		}
		return t.awaitReady(ctx, objects)
	})
}

// operatorIsOurs is true where there was no operator before the demo.
func (t target) operatorIsOurs(ctx context.Context) (bool, error) {
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	err := t.Get(ctx, client.ObjectKey{Name: "bridgestacks." + v1alpha1.GroupVersion.Group}, crd)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for an installed operator: %w", err)
	}
	var marked corev1.NamespaceList
	if err := t.List(ctx, &marked); err != nil {
		return false, fmt.Errorf("look for an installed operator: %w", err)
	}
	for _, namespace := range marked.Items {
		if namespace.Annotations[installedByDemo] == "true" {
			return true, nil
		}
	}
	return false, nil
}

func annotate(object *unstructured.Unstructured, key, value string, path ...string) {
	// An error would mean that a manifest has something else than a map there,
	// which the API server then says.
	_ = unstructured.SetNestedField(object.Object, value, append(path, "annotations", key)...)
}

// installStack starts from nothing: what an earlier demo left is deleted.
func installStack(ctx context.Context, t target, o options, a act, name string, printer *progress.Printer) error {
	objects, err := stackOf(ctx, o, a, printer)
	if err != nil {
		return err
	}
	namespace := &unstructured.Unstructured{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	namespace.SetName(name)
	namespace.SetLabels(map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
	err = printer.Step("remove what an earlier demo left", func() error { return t.removeNamespace(ctx, name) })
	if err != nil {
		return err
	}
	databases, rest := split(objects)
	return printer.Step("start the stack", func() error {
		if err := t.apply(ctx, name, append([]*unstructured.Unstructured{namespace}, databases...)); err != nil {
			return err
		}
		if !a.notInOrder {
			if err := t.awaitReady(ctx, databases); err != nil {
				return err
			}
		}
		return t.apply(ctx, name, rest)
	})
}

func split(objects []*unstructured.Unstructured) (databases, rest []*unstructured.Unstructured) {
	for _, object := range objects {
		if first.Matches(labels.Set(object.GetLabels())) {
			databases = append(databases, object)
		} else {
			rest = append(rest, object)
		}
	}
	return databases, rest
}

// takeDown removes the local cluster, or from any other what the demo made there.
func takeDown(ctx context.Context, o options, printer *progress.Printer) error {
	if !o.current {
		_, err := cluster(ctx, "down")
		return err
	}
	t, err := openTarget(ctx, true)
	if err != nil {
		return err
	}
	for i := range acts {
		err := printer.Step("remove "+o.namespaceOf(i), func() error { return t.removeNamespace(ctx, o.namespaceOf(i)) })
		if err != nil {
			return err
		}
	}
	return t.removeOperator(ctx, o, printer)
}

// removeOperator leaves one alone that was there before or that others use.
func (t target) removeOperator(ctx context.Context, o options, printer *progress.Printer) error {
	ours, err := t.operatorIsOurs(ctx)
	if err != nil {
		return err
	}
	if !ours {
		printer.Say("the operator was there before the demo and stays")
		return nil
	}
	var stacks v1alpha1.BridgeStackList
	if err := t.List(ctx, &stacks); err == nil && len(stacks.Items) > 0 {
		printer.Say("the operator stays: BridgeStack %s/%s uses it", stacks.Items[0].Namespace, stacks.Items[0].Name)
		return nil
	}
	objects, err := render(o.conf, "default")
	if err != nil {
		return err
	}
	return printer.Step("remove the operator", func() error { return t.remove(ctx, objects) })
}
