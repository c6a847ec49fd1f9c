package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload/lookup"
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
	workloads, err := lookup.List(ctx, t, namespace)
	if err != nil {
		return incidents{}, err
	}
	in := incidents{diagnoses: diagnoses.Items, available: map[string]bool{}}
	for _, w := range workloads {
		n, seen := w.Replicas(), w.ObservedGeneration() >= w.Object().GetGeneration()
		in.available[w.Object().GetName()] = seen && n.Updated >= n.Desired && n.Ready >= n.Desired
	}
	return in, nil
}
