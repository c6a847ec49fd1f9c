package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
)

// recovery restarts a whole stack in order.
type recovery struct {
	access  *access
	dryRun  dryRun
	yes     bool
	keep    []string
	timeout time.Duration
	// every is how often it is looked whether a service is down or up.
	every time.Duration
}

func recoverCommand() *cobra.Command {
	r := recovery{every: time.Second}
	command := &cobra.Command{
		Use:   "recover STACK",
		Short: "Stop a stack and start it again, in the order of its dependencies",
		Long: `The quick recovery: scales the stack's workloads down, those first that others do not need, waits until their pods are
gone, and brings them up again in order, each once all it needs is ready. It asks first. Meanwhile the stack is paused, so
that the operator does not take it for an incident.

Volumes are never touched: a service that would lose its data with its pods is refused unless --keep leaves it running. The
replicas are remembered in annotations: if it is interrupted, the same command goes on where it was. What is external or a
DaemonSet stays as it is.`,
		Example: `  kubectl bridge recover omninode-bridge
  kubectl bridge recover omninode-bridge --keep postgres,redpanda --yes
  kubectl bridge recover omninode-bridge --dry-run=server`,
	}
	badArgs(command, cobra.ExactArgs(1))
	flags := command.Flags()
	flags.BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	flags.StringSliceVar(&r.keep, "keep", nil, "services that are left running")
	flags.DurationVar(&r.timeout, "timeout", 5*time.Minute, "how long each service may take to go down or to come up")
	r.dryRun.add(flags)
	r.access = newAccess(flags)
	command.RunE = func(command *cobra.Command, args []string) error { return r.run(command, args[0]) }
	command.ValidArgsFunction = completing(r.access, namedStacks)
	return command
}

func (r *recovery) run(command *cobra.Command, name string) error {
	if err := r.dryRun.check(); err != nil {
		return err
	}
	cluster, err := r.access.connect()
	if err != nil {
		return err
	}
	ctx := command.Context()
	owner, err := cluster.stack(ctx, cluster.namespace, name)
	if err != nil {
		return err
	}
	plan, err := r.plan(ctx, cluster, owner)
	if err != nil {
		return err
	}
	out := command.OutOrStdout()
	plan.tell(out)
	if len(plan.waves) == 0 {
		return fmt.Errorf("stack %s/%s has nothing to stop and start", owner.Namespace, owner.Name)
	}
	if !r.yes && r.dryRun == "none" {
		fmt.Fprintf(out, "Stop and start them? [y/N] ")
		answer, _ := bufio.NewReader(command.InOrStdin()).ReadString('\n') // no answer is no
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return fmt.Errorf("nothing was done; --yes does not ask")
		}
	}
	return plan.perform(ctx, out)
}

// restart is what a recovery does to one stack.
type restart struct {
	*recovery
	connection
	owner v1alpha1.BridgeStack
	// waves in the order in which they come up.
	waves [][]stack.Service
	// left as they are, with the reason.
	left []string
}

// plan finds what is to be stopped and started, and refuses what would lose data.
func (r *recovery) plan(ctx context.Context, cluster connection, owner v1alpha1.BridgeStack) (*restart, error) {
	all, err := cluster.workloads(ctx, owner.Namespace)
	if len(all) == 0 && err != nil { // what may not be read is not what is scaled
		return nil, err
	}
	resolved, missing := cluster.resolve(ctx, owner, all)
	if len(missing) > 0 {
		return nil, fmt.Errorf("the order is not known: %s", strings.Join(missing, "; "))
	}
	for _, name := range r.keep {
		if _, known := resolved.ByName(name); !known {
			return nil, badInput{fmt.Errorf("--keep %s: stack %s/%s has no such service", name, owner.Namespace, owner.Name)}
		}
	}
	plan := &restart{recovery: r, connection: cluster, owner: owner}
	for _, wave := range resolved.Waves() {
		var kept []stack.Service
		for _, service := range wave {
			because, err := r.leaves(service, all)
			if err != nil {
				return nil, err
			}
			if because != "" {
				plan.left = append(plan.left, service.Name+" ("+because+")")
				continue
			}
			kept = append(kept, service)
		}
		if len(kept) > 0 {
			plan.waves = append(plan.waves, kept)
		}
	}
	return plan, nil
}

// leaves says why a service is left as it is; an error says why nothing may be done.
func (r *recovery) leaves(service stack.Service, all []workload.Workload) (string, error) {
	w := service.Workload
	switch {
	case slices.Contains(r.keep, service.Name):
		return "--keep", nil
	case w == nil:
		return "it has no workload", nil
	case !workload.TraitsOf(w.Kind).Scalable:
		return fmt.Sprintf("a %s cannot be scaled", w.Kind), nil
	}
	for _, known := range all {
		if string(known.Object().GetUID()) != w.UID {
			continue
		}
		if _, remembered, err := rememberedReplicas(known); err != nil {
			return "", err
		} else if w.Wanted == 0 && !remembered {
			return "it has no replicas", nil
		}
		if lost := loses(known, service); lost != "" {
			return "", fmt.Errorf("%s would lose its data: %s. --keep %s leaves it running", service.Name, lost, service.Name)
		}
	}
	return "", nil
}

// tell what comes.
func (r *restart) tell(out io.Writer) {
	fmt.Fprintf(out, "stack %s/%s:\n", r.owner.Namespace, r.owner.Name)
	fmt.Fprintf(out, "  1. spec.paused: %t -> true, so that the operator touches nothing meanwhile\n", r.owner.Spec.Paused)
	step := 2
	for _, wave := range slices.Backward(r.waves) {
		fmt.Fprintf(out, "  %d. down: %s\n", step, described(wave))
		step++
	}
	for _, wave := range r.waves {
		fmt.Fprintf(out, "  %d. up, and wait until ready: %s\n", step, described(wave))
		step++
	}
	fmt.Fprintf(out, "  %d. spec.paused: back to what it is now\n", step)
	if len(r.left) > 0 {
		fmt.Fprintf(out, "  left as they are: %s\n", strings.Join(r.left, ", "))
	}
	fmt.Fprintln(out, "  volumes are not touched")
}

func described(wave []stack.Service) string {
	var out []string
	for _, s := range wave {
		out = append(out, fmt.Sprintf("%s (%s)", s.Name, s.Workload))
	}
	return strings.Join(out, ", ")
}
