package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// writers at once: as many as the API server is best used with.
const writers = 16

// load is in the place of the controllers of workloads and of the kubelet.
type load struct {
	client.WithWatch
	typed kubernetes.Interface
	// services that there are, in their order, each with one pod.
	services []*service
}

// service of a stack.
type service struct {
	namespace, name string
	pod             *corev1.Pod
}

func newLoad(config *rest.Config) (*load, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	watching, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	small := rest.CopyConfig(config)
	small.ContentType = runtime.ContentTypeProtobuf
	typed, err := kubernetes.NewForConfig(small)
	return &load{WithWatch: watching, typed: typed}, err
}

// grow makes stacks until there are so many pods, in two steps: between them,
// measured is called with what was made, "workloads" or "pods".
func (l *load) grow(ctx context.Context, pods int, measured func(what string, made int) error) error {
	first := len(l.services)
	for len(l.services) < pods {
		l.services = append(l.services, &service{
			namespace: fmt.Sprintf("stack-%04d", len(l.services)/servicesPerStack),
			name:      fmt.Sprintf("service-%d", len(l.services)%servicesPerStack),
		})
	}
	added := l.services[first:]
	if err := l.each(ctx, added, func(ctx context.Context, i int, s *service) error {
		if (first+i)%servicesPerStack == 0 {
			return l.makeStack(ctx, s.namespace)
		}
		return nil
	}); err != nil {
		return err
	}
	if err := l.each(ctx, added, func(ctx context.Context, _ int, s *service) error { return l.makeWorkload(ctx, s) }); err != nil {
		return err
	}
	if err := measured("workloads", len(added)); err != nil {
		return err
	}
	if err := l.each(ctx, added, func(ctx context.Context, i int, s *service) error { return l.makePod(ctx, s, first+i) }); err != nil {
		return err
	}
	return measured("pods", len(added))
}

// each does something for services, many at once.
func (l *load) each(ctx context.Context, services []*service, do func(context.Context, int, *service) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for i, s := range services {
		group.Go(func() error { return do(ctx, i, s) })
	}
	return group.Wait()
}

func (l *load) makeStack(ctx context.Context, namespace string) error {
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, secretOf(namespace), stackOf(namespace),
	} {
		if err := l.Create(ctx, o); err != nil {
			return fmt.Errorf("create %T in %s: %w", o, namespace, err)
		}
	}
	return nil
}

// makeWorkload is the Deployment controller: the Deployment says that its pod is up
// before there is one, so that the operator has no reason to look at it twice.
func (l *load) makeWorkload(ctx context.Context, s *service) error {
	d, err := l.typed.AppsV1().Deployments(s.namespace).Create(ctx, deploymentOf(s.namespace, s.name), metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create a Deployment: %w", err)
	}
	d.Status.ObservedGeneration, d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = d.Generation, 1, 1, 1, 1
	if _, err := l.typed.AppsV1().Deployments(s.namespace).UpdateStatus(ctx, d, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("write a Deployment's status: %w", err)
	}
	rs, err := l.typed.AppsV1().ReplicaSets(s.namespace).Create(ctx, replicaSetOf(d), metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create a ReplicaSet: %w", err)
	}
	s.pod = podOf(rs)
	return nil
}

func (l *load) makePod(ctx context.Context, s *service, number int) error {
	pod, err := l.typed.CoreV1().Pods(s.namespace).Create(ctx, s.pod, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create a pod: %w", err)
	}
	running(pod, fmt.Sprintf("10.%d.%d.%d", 128+number>>16, number>>8&255, number&255))
	if s.pod, err = l.typed.CoreV1().Pods(s.namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("write a pod's status: %w", err)
	}
	return nil
}

// crash lets a service's container loop.
func (l *load) crash(ctx context.Context, s *service) error {
	faultOf(s.pod.Name).loop(s.pod, time.Now())
	pod, err := l.typed.CoreV1().Pods(s.namespace).UpdateStatus(ctx, s.pod, metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("let a container of %s/%s loop: %w", s.namespace, s.pod.Name, err)
	}
	s.pod = pod
	return nil
}
