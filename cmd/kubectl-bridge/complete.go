package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// completionTimeout is how long a shell waits for names.
const completionTimeout = 3 * time.Second

// completing offers names of the cluster for a verb's first argument.
func completing(a *access, names func(context.Context, connection) ([]string, error)) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		cluster, err := a.connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		ctx, cancel := context.WithTimeout(command.Context(), completionTimeout)
		defer cancel()
		found, err := names(ctx, cluster)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// namedStacks are the stacks of the namespace.
func namedStacks(ctx context.Context, c connection) ([]string, error) {
	var list v1alpha1.BridgeStackList
	err := c.client.List(ctx, &list, client.InNamespace(c.namespace))
	return stackNames(list.Items), err
}

// openDiagnoses of the namespace, each with its cause and state.
func openDiagnoses(ctx context.Context, c connection) ([]string, error) {
	var list v1alpha1.BridgeDiagnosisList
	err := c.client.List(ctx, &list, client.InNamespace(c.namespace))
	var out []string
	for _, d := range list.Items {
		if !d.Status.State.Final() {
			out = append(out, cobra.CompletionWithDesc(d.Name, string(d.Status.Cause)+", "+string(d.Status.State)))
		}
	}
	return out, err
}
