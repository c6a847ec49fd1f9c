package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// watch shows the diagnoses until what is expected has come, or says what is missing.
func watch(ctx context.Context, t target, o options, namespace string, expected []expectation) (incidents, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	shown := &table{out: os.Stdout, terminal: term.IsTerminal(int(os.Stdout.Fd())), start: time.Now()}
	last := incidents{expected: expected}
	var readErr error
	for {
		current, err := t.incidents(ctx, namespace)
		if ctx.Err() == nil {
			readErr = err
		}
		if err == nil {
			last = current
			last.expected = expected
			shown.show(last.rows(time.Now()), time.Now())
			if err := last.wrong(); err != nil {
				return last, err
			}
			if len(last.missing()) == 0 {
				return last, nil
			}
		}
		select {
		case <-ctx.Done():
			return last, errors.Join(fmt.Errorf("after %s:\n  %s", time.Since(shown.start).Round(time.Second), strings.Join(last.missing(), "\n  ")), readErr)
		case <-ticker.C:
		}
	}
}

func (t target) incidents(ctx context.Context, namespace string) (incidents, error) {
	var diagnoses v1alpha1.BridgeDiagnosisList
	if err := t.List(ctx, &diagnoses, client.InNamespace(namespace)); err != nil {
		return incidents{}, fmt.Errorf("list the diagnoses: %w", err)
	}
	var deployments appsv1.DeploymentList
	if err := t.List(ctx, &deployments, client.InNamespace(namespace)); err != nil {
		return incidents{}, fmt.Errorf("list the deployments: %w", err)
	}
	in := incidents{diagnoses: diagnoses.Items, available: map[string]bool{}}
	var sets appsv1.StatefulSetList
	if err := t.List(ctx, &sets, client.InNamespace(namespace)); err != nil {
		return incidents{}, fmt.Errorf("list the stateful sets: %w", err)
	}
	for _, s := range sets.Items {
		in.available[s.Name] = s.Spec.Replicas != nil && s.Status.ReadyReplicas >= *s.Spec.Replicas
	}
	for _, d := range deployments.Items {
		in.available[d.Name] = d.Spec.Replicas != nil && d.Status.ObservedGeneration >= d.Generation &&
			d.Status.UpdatedReplicas >= *d.Spec.Replicas && d.Status.ReadyReplicas >= *d.Spec.Replicas
	}
	return in, nil
}
