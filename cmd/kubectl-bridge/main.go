// kubectl-bridge is the kubectl plugin: `kubectl bridge VERB`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/bridgestack/operator/internal/classify"
)

// exitBadInput is the exit code for input that is not what it should be.
const exitBadInput = 2

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := root(os.Stdin, os.Stdout).ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "kubectl bridge:", err)
	if _, broken := errors.AsType[*classify.LineError](err); broken {
		return exitBadInput
	}
	return 1
}

func root(in io.Reader, out io.Writer) *cobra.Command {
	command := &cobra.Command{
		Use:           "kubectl-bridge",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl bridge"},
		Short:         "See and steer what the BridgeStack operator does",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	command.SetIn(in)
	command.SetOut(out)
	command.AddCommand(classifyCommand())
	return command
}
