// kubectl-bridge is the kubectl plugin: `kubectl bridge VERB`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// verbs of the plugin, in the order in which help lists them. Each has a file of
// its own.
var verbs = []func() *cobra.Command{
	initCommand,
	validateCommand,
	classifyCommand,
	statusCommand,
	explainCommand,
	diffCommand,
	approveCommand,
	rejectCommand,
	rollbackCommand,
	pauseCommand,
	resumeCommand,
	timelineCommand,
	recoverCommand,
	reportCommand,
}

func main() { os.Exit(run()) }

func run() int {
	log.SetLogger(logr.Discard()) // the client's; what matters comes as an error
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := root(os.Stdin, os.Stdout).ExecuteContext(ctx)
	if err != nil && err.Error() != "" {
		fmt.Fprintln(os.Stderr, "kubectl bridge:", err)
	}
	return exitCode(err)
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
	for _, verb := range verbs {
		command.AddCommand(verb())
	}
	return command
}

// Exit codes.
const (
	// exitFailed: it could not be done, or what was looked at is not well.
	exitFailed = 1
	// exitBadInput: the arguments or the input are not what they should be.
	exitBadInput = 2
)

// badInput is an error that ends with exitBadInput.
type badInput struct{ error }

func (e badInput) Unwrap() error { return e.error }

// notWell ends with exitFailed and says nothing: the output has said it.
type notWell struct{}

func (notWell) Error() string { return "" }

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if _, bad := errors.AsType[badInput](err); bad {
		return exitBadInput
	}
	return exitFailed
}
