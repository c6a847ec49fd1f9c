package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

func pauseCommand() *cobra.Command {
	return pausing(&cobra.Command{
		Use:   "pause STACK [SERVICE]",
		Short: "Stop every remedy of a stack, or on one service, at once",
		Long: `Sets spec.paused of the stack; of a service, the annotation ` + v1alpha1.AnnotationPaused + ` of its workload. Loops are still
diagnosed and people are still called; nothing is touched, and nothing is taken back either.`,
		Example: `  kubectl bridge pause omninode-bridge
  kubectl bridge pause omninode-bridge hook-receiver`,
	}, true)
}

func resumeCommand() *cobra.Command {
	return pausing(&cobra.Command{
		Use:   "resume STACK [SERVICE]",
		Short: "Let remedies of a stack, or on one service, go on",
		Long:  `Takes back what kubectl bridge pause did. What was in force is verified from then on as if nothing had been.`,
		Example: `  kubectl bridge resume omninode-bridge
  kubectl bridge resume omninode-bridge hook-receiver`,
	}, false)
}

func pausing(command *cobra.Command, paused bool) *cobra.Command {
	var s steering
	badArgs(command, cobra.RangeArgs(1, 2))
	s.dryRun.add(command.Flags())
	s.access = newAccess(command.Flags())
	command.ValidArgsFunction = completing(s.access, namedStacks)
	command.RunE = func(command *cobra.Command, args []string) error {
		if err := s.dryRun.check(); err != nil {
			return err
		}
		cluster, err := s.access.connect()
		if err != nil {
			return err
		}
		stack, err := cluster.stack(command.Context(), cluster.namespace, args[0])
		if err != nil {
			return err
		}
		p := pause{cluster, paused, &s.dryRun, command.OutOrStdout()}
		if len(args) == 2 {
			return p.service(command.Context(), stack, args[1])
		}
		return p.stack(command.Context(), &stack)
	}
	return command
}

// pause, or resume.
type pause struct {
	connection
	paused bool
	dryRun *dryRun
	out    io.Writer
}

func (p pause) stack(ctx context.Context, s *v1alpha1.BridgeStack) error {
	var value any
	if p.paused {
		value = true
	}
	what := fmt.Sprintf("stack %s/%s", s.Namespace, s.Name)
	return p.write(ctx, s, what, "spec.paused", s.Spec.Paused, map[string]any{"spec": map[string]any{"paused": value}})
}

func (p pause) service(ctx context.Context, s v1alpha1.BridgeStack, name string) error {
	w, err := p.workloadOf(ctx, s, name)
	if err != nil {
		return err
	}
	var value any
	if p.paused {
		value = "true"
	}
	return p.write(ctx, w.Object(), workload.RefOf(w).String(), "annotation "+v1alpha1.AnnotationPaused, w.Object().GetAnnotations()[v1alpha1.AnnotationPaused] == "true",
		map[string]any{"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AnnotationPaused: value}}})
}

// write says what is changed, changes it, and says what that means.
func (p pause) write(ctx context.Context, o client.Object, what, field string, was bool, fields map[string]any) error {
	if was == p.paused {
		fmt.Fprintf(p.out, "%s: %s is %t already\n", what, field, was)
		return nil
	}
	fmt.Fprintf(p.out, "%s: %s: %t -> %t\n", what, field, was, p.paused)
	if err := p.change(ctx, o, fields, p.dryRun); err != nil {
		return err
	}
	meaning := "resumed: remedies go on"
	if p.paused {
		meaning = "paused: it is diagnosed and not touched"
	}
	fmt.Fprintln(p.out, meaning+p.dryRun.suffix())
	return nil
}

// workloadOf a service of the stack.
func (c connection) workloadOf(ctx context.Context, s v1alpha1.BridgeStack, name string) (workload.Workload, error) {
	all, err := c.workloads(ctx, s.Namespace)
	if len(all) == 0 && err != nil {
		return nil, err
	}
	resolved, _ := c.resolve(ctx, s, all)
	service, known := resolved.ByName(name)
	var names []string
	for _, service := range resolved.Services {
		names = append(names, service.Name)
	}
	switch {
	case !known:
		return nil, fmt.Errorf("stack %s/%s has no service %s%s", s.Namespace, s.Name, name, hint(names, "it has none at all"))
	case service.Workload == nil:
		return nil, fmt.Errorf("no workload runs service %s of stack %s/%s", name, s.Namespace, s.Name)
	}
	for _, w := range all {
		if string(w.Object().GetUID()) == service.Workload.UID {
			return w, nil
		}
	}
	return nil, fmt.Errorf("%s is gone", service.Workload)
}
