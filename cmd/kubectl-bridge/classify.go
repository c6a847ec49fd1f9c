package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bridgestack/operator/internal/classify"
)

func classifyCommand() *cobra.Command {
	options := classify.Options{Now: time.Now()}
	command := &cobra.Command{
		Use:   "classify [FILE...]",
		Short: "Diagnose evidence documents offline, by the operator's own rules",
		Long: `Reads evidence as JSON Lines from files or standard input and writes one verdict a line, in the same order:

  {"id": "...", "pod": <Pod as kubectl prints it>, "container": "name", "log": "the previous instance's log",
   "events": [<Event>...], "env": {"NAME": "value"}}

Every field but container may be missing. A container that is healthy with only old restarts gets NoLoop.
The exit code is 2 where a line is not JSON.`,
		Example: `  kubectl bridge classify incident.jsonl
  jq -c . incident.json | kubectl bridge classify`,
		RunE: func(command *cobra.Command, files []string) error {
			out := bufio.NewWriter(command.OutOrStdout())
			if len(files) == 0 {
				return errors.Join(classify.Stream(command.InOrStdin(), out, options), out.Flush())
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
	return command
}

func classifyFile(name string, out *bufio.Writer, options classify.Options) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("opening the evidence: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	if err := classify.Stream(f, out, options); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
