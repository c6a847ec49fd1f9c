// kubectl-bridge is the kubectl plugin: `kubectl bridge VERB`.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/bridgestack/operator/internal/classify"
)

// exitBadInput is the exit code for input that is not what it should be.
const exitBadInput = 2

func main() {
	err := root(os.Stdin, os.Stdout).Execute()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "kubectl bridge:", err)
	if _, broken := errors.AsType[*classify.LineError](err); broken {
		os.Exit(exitBadInput)
	}
	os.Exit(1)
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
