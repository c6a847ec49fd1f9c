package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bridgestack/operator/internal/plugin/classify"
)

func classifyCommand() *cobra.Command {
	options := classify.Options{}
	var live capture
	var format string
	exitCode := int32(-1)
	command := &cobra.Command{
		Use:   "classify [FILE|DIRECTORY...]",
		Short: "Diagnose evidence offline, by the operator's own rules",
		Long: `Reads what you have of an incident from files, directories or standard input, and writes a verdict for each container
that is in trouble. It recognises what it is given:

  kubectl get pod -o json|yaml, kubectl get events -o json
  kubectl describe pod, with the output of kubectl logs --previous behind it or in a file of its own
  a log alone; --exit-code says how its program ended
  docker compose ps, docker compose logs, docker inspect
  a directory: a troubleshoot.sh support bundle, or that of kubectl cluster-info dump --output-directory

and evidence documents as JSON Lines, one a line, which get a verdict each in the same order:

  {"id": "...", "pod": <Pod as kubectl prints it>, "container": "name", "log": "the previous instance's log",
   "events": [<Event>...], "env": {"NAME": "value"}}

Every field but container may be missing. A verdict says what could not be seen. A container that is ready with only old
restarts gets NoLoop. The exit code is 2 where a line of such documents is not JSON.

With --capture it writes such a document of a live container instead of a verdict, redacted: the values of the pod's
Secrets, and whatever looks like a secret, are replaced in it. Read it before you send it on. It takes the rights to get
pods, pods/log, secrets and configmaps, and to list events and services.`,
		Example: `  (kubectl describe pod worker-7d9f8-x2x4q; kubectl logs --previous worker-7d9f8-x2x4q) | kubectl bridge classify -o table
  docker logs worker 2>&1 | kubectl bridge classify --exit-code 1
  kubectl bridge classify support-bundle/ -o markdown
  kubectl bridge classify --capture shop/worker-7d9f8-x2x4q | tee incident.jsonl | kubectl bridge classify`,
		RunE: func(command *cobra.Command, files []string) error {
			if live.target != "" {
				if len(files) > 0 {
					return errors.New("--capture reads a cluster and no files: name one or the other")
				}
				return live.write(command.Context(), command.OutOrStdout(), command.ErrOrStderr())
			}
			if !slices.Contains(classify.Formats, classify.Format(format)) {
				return badInput{fmt.Errorf("-o %s: it is json, yaml, table or markdown", format)}
			}
			r := classifier{options: options, format: classify.Format(format), in: command.InOrStdin()}
			if exitCode >= 0 {
				r.gathered.ExitCode(exitCode)
			}
			out := bufio.NewWriter(command.OutOrStdout())
			return errors.Join(r.run(files, out), out.Flush())
		},
	}
	command.Flags().BoolVar(&options.KeepGoing, "keep-going", false, "go on with the next line after one that is not JSON")
	command.Flags().StringVarP(&format, "output", "o", string(classify.FormatJSON), "json (one verdict a line), yaml, table or markdown")
	command.Flags().Int32Var(&exitCode, "exit-code", exitCode, "how the program ended whose log is all that there is")
	command.Flags().StringVar(&live.target, "capture", "", "write a document of this NAMESPACE/POD, or POD, instead of reading some")
	command.Flags().StringVarP(&live.container, "container", "c", "", "container to capture (default: the first that is in trouble)")
	live.access = newAccess(command.Flags())
	return command
}

// classifier reads whatever it is given, and writes verdicts.
type classifier struct {
	options  classify.Options
	format   classify.Format
	in       io.Reader
	gathered classify.Gathered
}

// maxInput is how much is read of one file that is not a list of documents, in bytes.
const maxInput = 64 << 20

func (r *classifier) run(files []string, out io.Writer) error {
	if len(files) == 0 {
		if err := r.read("standard input", r.in, out); err != nil {
			return err
		}
	}
	for _, name := range files {
		if err := r.open(name, out); err != nil {
			return err
		}
	}
	var verdicts []classify.Verdict
	for _, d := range r.gathered.Documents() {
		verdicts = append(verdicts, classify.Classify(d))
	}
	if len(verdicts) == 0 {
		return nil
	}
	return classify.Write(out, r.format, verdicts)
}

func (r *classifier) open(name string, out io.Writer) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("opening the evidence: %w", err)
	}
	if info.IsDir() {
		if err := r.gathered.AddBundle(os.DirFS(name)); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("opening the evidence: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	return r.read(name, f, out)
}

// read takes in one file. Documents as JSON Lines are answered as they come.
func (r *classifier) read(name string, in io.Reader, out io.Writer) error {
	buffered := bufio.NewReaderSize(in, 1<<20)
	if start, _ := buffered.Peek(1 << 20); r.format == classify.FormatJSON && classify.IsDocuments(start) {
		if err := stream(buffered, out, r.options); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	content, err := io.ReadAll(io.LimitReader(buffered, maxInput))
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if err := r.gathered.Add(content); err != nil {
		return badInput{fmt.Errorf("%s: %w", name, err)}
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
