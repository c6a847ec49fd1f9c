package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// contents are what a stack's namespace holds, as far as the caller may read it.
type contents struct {
	workloads []workload.Workload
	// pods are nil where they could not be read.
	pods []corev1.Pod
	// diagnoses of all stacks of the namespace.
	diagnoses []v1alpha1.BridgeDiagnosis
	// missing is what could not be read, for a person.
	missing []string
}

// contentsOf a namespace. What the caller may not read is missing, and hides
// nothing else; without the diagnoses there is nothing to show.
func (c connection) contentsOf(ctx context.Context, namespace string) (contents, error) {
	var out contents
	var diagnoses v1alpha1.BridgeDiagnosisList
	if err := c.client.List(ctx, &diagnoses, client.InNamespace(namespace)); err != nil {
		return out, explained(fmt.Errorf("listing the diagnoses of namespace %s: %w", namespace, err))
	}
	out.diagnoses = diagnoses.Items
	var err error
	if out.workloads, err = c.workloads(ctx, namespace); out.lacks(err) != nil {
		return out, err
	}
	var pods corev1.PodList
	err = c.client.List(ctx, &pods, client.InNamespace(namespace))
	if out.lacks(err) != nil {
		return out, explained(fmt.Errorf("listing the pods of namespace %s: %w", namespace, err))
	}
	if err == nil {
		out.pods = append([]corev1.Pod{}, pods.Items...)
	}
	return out, nil
}

// lacks notes what may not be read; other errors come back.
func (c *contents) lacks(err error) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	c.missing = append(c.missing, "not shown, as you may not read it: "+err.Error())
	return nil
}

// workloads of a namespace; with an error come those that could be read.
func (c connection) workloads(ctx context.Context, namespace string) ([]workload.Workload, error) {
	all, err := lookup.List(ctx, c.client, namespace)
	if err != nil {
		err = explained(err)
	}
	return all, err
}

// podsOf a workload.
func (c contents) podsOf(w workload.Workload) []corev1.Pod {
	var out []corev1.Pod
	for i := range c.pods {
		if workload.Selects(w, &c.pods[i]) {
			out = append(out, c.pods[i])
		}
	}
	return out
}

// restarts by workload, nil where the pods are not known.
func (c contents) restarts() map[string]int32 {
	if c.pods == nil {
		return nil
	}
	out := map[string]int32{}
	for _, w := range c.workloads {
		for _, p := range c.podsOf(w) {
			for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
				out[workload.RefOf(w).String()] += s.RestartCount
			}
		}
	}
	return out
}

// of are the diagnoses of one stack.
func (c contents) of(stack string) []v1alpha1.BridgeDiagnosis {
	return slices.DeleteFunc(slices.Clone(c.diagnoses), func(d v1alpha1.BridgeDiagnosis) bool { return d.Spec.Stack != stack })
}

// resolve is the stack as its policy and its compose project tell of it, and
// what of the project could not be read.
func (c connection) resolve(ctx context.Context, s v1alpha1.BridgeStack, workloads []workload.Workload) (stack.Stack, []string) {
	all := stack.WorkloadsOf(workloads, time.Now())
	if s.Spec.Compose == nil {
		return stack.Resolve(s.Spec, all), nil
	}
	facts, err := c.composeFacts(ctx, s)
	if err != nil {
		return stack.Resolve(s.Spec, all), []string{"what the compose project tells is missing: " + err.Error()}
	}
	return stack.ResolveProject(s.Spec, &stack.Project{Facts: facts}, all), nil
}

func (c connection) composeFacts(ctx context.Context, s v1alpha1.BridgeStack) (compose.Facts, error) {
	spec := s.Spec.Compose
	var files []compose.File
	if spec.Inline != nil {
		files = append(files, compose.File{Name: "inline", Content: []byte(*spec.Inline)})
	}
	for _, ref := range spec.ConfigMaps {
		var object corev1.ConfigMap
		if err := c.client.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: ref.Name}, &object); err != nil {
			return compose.Facts{}, fmt.Errorf("reading ConfigMap %s, which holds a compose file: %w", ref.Name, err)
		}
		files = append(files, compose.File{Name: ref.Name + "/" + ref.Key, Content: []byte(object.Data[ref.Key])})
	}
	project, err := compose.Load(ctx, files, compose.Options{ProjectName: spec.ProjectName, Profiles: spec.Profiles, Environment: spec.Env, WithoutSecrets: true})
	if err != nil {
		return compose.Facts{}, err
	}
	return project.Facts()
}

// stack by its name.
func (c connection) stack(ctx context.Context, namespace, name string) (v1alpha1.BridgeStack, error) {
	var s v1alpha1.BridgeStack
	err := c.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &s)
	if apierrors.IsNotFound(err) {
		var there v1alpha1.BridgeStackList
		_ = c.client.List(ctx, &there, client.InNamespace(namespace)) // only for the hint
		return s, fmt.Errorf("there is no BridgeStack %s in namespace %s%s", name, namespace, hint(stackNames(there.Items), "`kubectl get bridgestacks -A` lists those that there are"))
	}
	if err != nil {
		return s, explained(fmt.Errorf("reading stack %s/%s: %w", namespace, name, err))
	}
	return s, nil
}

// theStack is the one that is named, else the only one of the namespace.
func (c connection) theStack(ctx context.Context, args []string) (v1alpha1.BridgeStack, error) {
	if len(args) > 0 {
		return c.stack(ctx, c.namespace, args[0])
	}
	all, err := c.stacks(ctx, c.namespace)
	if err != nil {
		return v1alpha1.BridgeStack{}, err
	}
	if len(all) > 1 {
		return v1alpha1.BridgeStack{}, badInput{fmt.Errorf("namespace %s has several stacks: name one of %s", c.namespace, strings.Join(stackNames(all), ", "))}
	}
	return all[0], nil
}

// stacks of a namespace, or of all where it is empty; there is at least one.
func (c connection) stacks(ctx context.Context, namespace string) ([]v1alpha1.BridgeStack, error) {
	var list v1alpha1.BridgeStackList
	if err := c.client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, explained(fmt.Errorf("listing the stacks: %w", err))
	}
	if len(list.Items) == 0 {
		where := "in namespace " + namespace
		if namespace == "" {
			where = "in this cluster"
		}
		return nil, fmt.Errorf("there is no BridgeStack %s: name another with -n, see them all with -A, or write one with `kubectl bridge init`", where)
	}
	return list.Items, nil
}

func stackNames(stacks []v1alpha1.BridgeStack) []string {
	var out []string
	for _, s := range stacks {
		out = append(out, s.Name)
	}
	return out
}

// hint says what there is instead.
func hint(names []string, otherwise string) string {
	if len(names) == 0 {
		return "; " + otherwise
	}
	slices.Sort(names)
	return "; there is " + strings.Join(names[:min(len(names), 8)], ", ")
}

// diagnosis by its name; what there is instead is in the error.
func (c connection) diagnosis(ctx context.Context, name string) (*v1alpha1.BridgeDiagnosis, error) {
	var d v1alpha1.BridgeDiagnosis
	err := c.client.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &d)
	if apierrors.IsNotFound(err) {
		var there v1alpha1.BridgeDiagnosisList
		_ = c.client.List(ctx, &there, client.InNamespace(c.namespace)) // only for the hint
		var names []string
		for _, o := range there.Items {
			if !o.Status.State.Final() {
				names = append(names, o.Name)
			}
		}
		return nil, notFound{fmt.Errorf("there is no diagnosis %s in namespace %s%s", name, c.namespace, hint(names, "`kubectl get bridgediagnoses -A` lists those that there are"))}
	}
	if err != nil {
		return nil, explained(fmt.Errorf("reading diagnosis %s/%s: %w", c.namespace, name, err))
	}
	return &d, nil
}

// notFound is an error of an object that is not there.
type notFound struct{ error }

func isNotFound(err error) bool {
	_, is := errors.AsType[notFound](err)
	return is
}
