package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/bridgestack/operator/internal/plugin/classify"
)

func classifyCommand() *cobra.Command {
	options := classify.Options{}
	var live capture
	command := &cobra.Command{
		Use:   "classify [FILE...]",
		Short: "Diagnose evidence documents offline, by the operator's own rules",
		Long: `Reads evidence as JSON Lines from files or standard input and writes one verdict a line, in the same order:

  {"id": "...", "pod": <Pod as kubectl prints it>, "container": "name", "log": "the previous instance's log",
   "events": [<Event>...], "env": {"NAME": "value"}}

Every field but container may be missing. A container that is healthy with only old restarts gets NoLoop.
The exit code is 2 where a line is not JSON.

With --capture it writes such a document of a live container instead of a verdict, redacted: the values of the pod's
Secrets, and whatever looks like a secret, are replaced in it. Read it before you send it on. It takes the rights to get
pods, pods/log, secrets and configmaps, and to list events and services.`,
		Example: `  kubectl bridge classify incident.jsonl
  jq -c . incident.json | kubectl bridge classify
  kubectl bridge classify --capture shop/worker-7d9f8-x2x4q | tee incident.jsonl | kubectl bridge classify`,
		RunE: func(command *cobra.Command, files []string) error {
			if live.target != "" {
				if len(files) > 0 {
					return errors.New("--capture reads a cluster and no files: name one or the other")
				}
				return live.write(command.Context(), command.OutOrStdout(), command.ErrOrStderr())
			}
			out := bufio.NewWriter(command.OutOrStdout())
			if len(files) == 0 {
				return errors.Join(stream(command.InOrStdin(), out, options), out.Flush())
			}
			for _, name := range files {
				if err := classifyFile(name, out, options); err != nil {
					return errors.Join(err, out.Flush())
				}
			}
			return out.Flush()
		},
	}
	command.Flags().BoolVar(&options.KeepGoing, "keep-going", false, "go on with the next line after one that is not JSON")
	command.Flags().StringVar(&live.target, "capture", "", "write a document of this NAMESPACE/POD, or POD, instead of reading some")
	command.Flags().StringVarP(&live.container, "container", "c", "", "container to capture (default: the first that is in trouble)")
	live.access = newAccess(command.Flags())
	return command
}

func classifyFile(name string, out *bufio.Writer, options classify.Options) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("opening the evidence: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	if err := stream(f, out, options); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func stream(in io.Reader, out io.Writer, options classify.Options) error {
	err := classify.Stream(in, out, options)
	if _, broken := errors.AsType[*classify.LineError](err); broken {
		return badInput{err}
	}
	return err
}
