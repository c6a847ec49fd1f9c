package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plugin/page"
)

// status shows stacks, a page each.
type status struct {
	access *access
	output output
	all    bool
	watch  bool
	// every is how often it is looked again.
	every time.Duration
}

func statusCommand() *cobra.Command {
	s := status{every: 2 * time.Second}
	command := &cobra.Command{
		Use:   "status [STACK]",
		Short: "Show a stack on one page: services, causes, remedies, who waits for whom",
		Long: `Shows each stack of the namespace, or one: its services as a tree of dependencies, with state, restarts, cause and
remedy, what is the matter with each and what to do next, which incidents were over of late, and what the policy's budget
still allows. The exit code is 0 whatever the stack's state: -o json tells it to programs.`,
		Example: `  kubectl bridge status
  kubectl bridge status omninode-bridge -n shop -w
  kubectl bridge status -A
  kubectl bridge status -o json | jq '.stacks[].services[] | select(.state != "Healthy")'`,
		RunE: func(command *cobra.Command, args []string) error { return s.run(command, args) },
	}
	badArgs(command, cobra.MaximumNArgs(1))
	flags := command.Flags()
	flags.BoolVarP(&s.all, "all-namespaces", "A", false, "the stacks of all namespaces")
	flags.BoolVarP(&s.watch, "watch", "w", false, "draw the page anew as things change, until interrupted")
	s.output.add(flags, "wide")
	s.access = newAccess(flags)
	command.ValidArgsFunction = completing(s.access, namedStacks)
	return command
}

func (s *status) run(command *cobra.Command, args []string) error {
	if err := s.output.check(); err != nil {
		return err
	}
	if s.all && len(args) > 0 {
		return badInput{fmt.Errorf("-A shows all stacks: leave out %s, or name its namespace with -n", args[0])}
	}
	cluster, err := s.access.connect()
	if err != nil {
		return err
	}
	if s.watch {
		return s.follow(command.Context(), cluster, args, command.OutOrStdout())
	}
	stacks, err := s.pages(command.Context(), cluster, args)
	if err != nil {
		return err
	}
	return s.show(command.OutOrStdout(), stacks)
}

func (s *status) show(out io.Writer, stacks []page.Stack) error {
	if done, err := s.output.data(out, map[string]any{"stacks": stacks}); done {
		return err
	}
	_, err := io.WriteString(out, s.text(out, stacks))
	return err
}

func (s *status) text(out io.Writer, stacks []page.Stack) string {
	texts := make([]string, len(stacks))
	for i, p := range stacks {
		texts[i] = p.Text(time.Now(), styleOf(out, s.output.format == "wide"))
	}
	return strings.Join(texts, "\n")
}

// follow draws the pages whenever they changed: in place on a terminal, else one
// after the other.
func (s *status) follow(ctx context.Context, cluster connection, args []string, out io.Writer) error {
	last := ""
	for {
		stacks, err := s.pages(ctx, cluster, args)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		var next strings.Builder
		if done, err := s.output.data(&next, map[string]any{"stacks": stacks}); err != nil {
			return err
		} else if !done {
			next.WriteString(s.text(out, stacks))
		}
		if text := next.String(); text != last {
			last = text
			if isTerminal(out) {
				text = "\x1b[H\x1b[2J" + text
			}
			if _, err := io.WriteString(out, text); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.every):
		}
	}
}

// pages of the stacks that are asked for.
func (s *status) pages(ctx context.Context, cluster connection, args []string) ([]page.Stack, error) {
	var stacks []v1alpha1.BridgeStack
	var err error
	switch {
	case len(args) > 0:
		var one v1alpha1.BridgeStack
		one, err = cluster.stack(ctx, cluster.namespace, args[0])
		stacks = []v1alpha1.BridgeStack{one}
	case s.all:
		stacks, err = cluster.stacks(ctx, "")
	default:
		stacks, err = cluster.stacks(ctx, cluster.namespace)
	}
	if err != nil {
		return nil, err
	}
	var out []page.Stack
	known := map[string]contents{}
	for _, stack := range stacks {
		in, read := known[stack.Namespace]
		if !read {
			if in, err = cluster.contentsOf(ctx, stack.Namespace); err != nil {
				return nil, err
			}
			known[stack.Namespace] = in
		}
		out = append(out, cluster.page(ctx, stack, in))
	}
	return out, nil
}

// page of one stack.
func (c connection) page(ctx context.Context, stack v1alpha1.BridgeStack, in contents) page.Stack {
	resolved, missing := c.resolve(ctx, stack, in.workloads)
	return page.Of(page.Input{
		Now: time.Now(), Stack: stack, Resolved: resolved, Diagnoses: in.of(stack.Name),
		Restarts: in.restarts(), Missing: append(missing, in.missing...),
	})
}
