package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
)

// capture writes the evidence on a live container as one document.
type capture struct {
	access    *access
	target    string
	container string
	// logs are read through the API server unless this is set.
	logs observe.LogStreamer
}

// write the document to out, and to notes what could not be read of it.
func (c capture) write(ctx context.Context, out, notes io.Writer) error {
	cluster, err := c.access.connect()
	if err != nil {
		return err
	}
	namespace, name, given := strings.Cut(c.target, "/")
	if !given {
		namespace, name = cluster.namespace, c.target
	}
	document, missing, err := c.take(ctx, cluster, namespace, name)
	if err != nil {
		return err
	}
	if missing != nil {
		fmt.Fprintf(notes, "This could not be read, and is missing in the document:\n%v\n", explained(missing))
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return fmt.Errorf("writing the document: %w", err)
	}
	return nil
}

// take reads the container, again where it ended a moment ago or its log was
// gone: events come late, and one that loops may be started anew between two answers.
func (c capture) take(ctx context.Context, cluster connection, namespace, name string) (d observe.Document, missing, err error) {
	reader, err := cluster.observer(c.logs)
	if err != nil {
		return d, nil, err
	}
	for try := 1; ; try++ {
		pod, err := cluster.pod(ctx, namespace, name)
		if err != nil {
			return d, nil, err
		}
		container := c.container
		if container == "" {
			container = looping(pod, time.Now())
		}
		d, missing, err = reader.Capture(ctx, pod, container)
		if err != nil {
			return d, nil, explained(err)
		}
		if try == tries || apierrors.IsForbidden(missing) || isWhole(pod, d, container, time.Now()) {
			return d, missing, nil
		}
		select {
		case <-ctx.Done():
			return d, nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

const (
	// tries to find everything.
	tries = 4
	// eventsLate is how long after the end of a run its events may come.
	eventsLate = 2 * time.Second
)

// isWhole says that no more is to be expected of the container's last run.
func isWhole(pod *corev1.Pod, d observe.Document, container string, now time.Time) bool {
	c, _ := observe.ContainerOf(pod, container)
	end := c.Ended()
	return end == nil || d.Log != "" && now.Sub(end.Finished) >= eventsLate
}

func (c connection) pod(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	var pod corev1.Pod
	err := c.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &pod)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no pod %s in namespace %s of %s; `kubectl get pods --namespace %s` lists those that there are", name, namespace, c.config.Host, namespace)
	}
	if err != nil {
		return nil, explained(fmt.Errorf("reading pod %s/%s: %w", namespace, name, err))
	}
	return &pod, nil
}

// looping is the first container in trouble, in the order in which they start;
// the first main one where none is.
func looping(pod *corev1.Pod, now time.Time) string {
	for _, c := range observe.Containers(pod) {
		if diagnosis.Looping(evidence.Case{Now: now, Container: c}) {
			return c.Name
		}
	}
	return pod.Spec.Containers[0].Name
}
