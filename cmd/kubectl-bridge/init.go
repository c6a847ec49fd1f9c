package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/plugin/manifests"
)

// defaultImage is the operator's as config/manager names it.
const defaultImage = "bridgestack.dev/operator:dev"

// initialize writes a BridgeStack, and manifests where asked.
type initialize struct {
	project     projectFlags
	access      *access
	manifests   bool
	withSecrets bool
	ephemeral   bool
	explain     bool
	template    bool
	directory   string
	image       string
}

func initCommand() *cobra.Command {
	var i initialize
	command := &cobra.Command{
		Use:   "init [COMPOSE_FILE...]",
		Short: "Write a BridgeStack for a compose project, or for what runs in a namespace",
		Long: `Writes a BridgeStack, ready to be read and committed: the services of a compose project with their dependencies and
endpoints or, without a file, the Deployments, StatefulSets and DaemonSets of the namespace, with what their images,
ports and environment tell of them. Several files are merged as compose does; include, extends and env_file are followed.

With --manifests it writes Deployments, StatefulSets, Jobs, Services, ConfigMaps, claims and a Secret as well. What
converters lose is put right: depends_on becomes init containers that wait (the operator's image, without credentials),
health checks become readiness probes (and liveness probes where x-bridge: {liveness: true} asks for them),
every name and port under which services reach each other inside is there, one-shot services become Jobs, and pods that
depend on their completion wait for it.

Secrets: a variable that may hold a secret, by its name or by a password in its value, goes into the project's Secret.
Its value is written only where the compose file spells it out, as a literal or a default. What comes from your
environment, .env, an env_file or a secret's file is left out and listed, as the result is meant to be committed.
--with-secrets fills it in: into secrets.yaml with mode 0600, which a .gitignore beside it keeps out of commits.

What could not be turned as it is is said on standard error; --explain lists each decision with file and line, for review.

Files that the project names are read from its repository, or else from the first file's directory, and from nowhere
else, wherever links lead; --root names another directory.`,
		Example: `  kubectl bridge init docker-compose.yml > bridgestack.yaml
  kubectl bridge init docker-compose.yml --manifests --with-secrets -d k8s && kubectl apply -f k8s
  kubectl bridge init docker-compose.yml --env-template > .env
  kubectl bridge init docker-compose.yml --explain
  kubectl bridge init -n shop`,
		RunE: func(command *cobra.Command, files []string) error {
			return i.run(command, files)
		},
	}
	flags := command.Flags()
	i.project.add(flags)
	flags.BoolVar(&i.manifests, "manifests", false, "write the services' own manifests as well")
	flags.BoolVar(&i.withSecrets, "with-secrets", false, "fill in secrets from your environment and files")
	flags.BoolVar(&i.ephemeral, "ephemeral", false, "keep the data of named volumes no longer than a pod, for a try")
	flags.BoolVar(&i.explain, "explain", false, "list what was decided and why, with file and line, in place of the manifests")
	flags.BoolVar(&i.template, "env-template", false, "write a .env with the variables that the project needs, in place of anything else")
	flags.StringVarP(&i.directory, "output-directory", "d", "", "write files into this directory (default: everything to standard output)")
	flags.StringVar(&i.image, "operator-image", defaultImage, "image of the operator, for the init containers that wait")
	i.access = newAccess(flags)
	return command
}

func (i *initialize) run(command *cobra.Command, files []string) error {
	if err := i.check(files); err != nil {
		return badInput{err}
	}
	if i.template {
		return i.envTemplate(command.OutOrStdout(), files)
	}
	var out manifests.Output
	var err error
	if len(files) > 0 {
		out, err = i.ofProject(command, files)
	} else {
		out, err = i.ofNamespace(command)
	}
	if err != nil {
		return err
	}
	if i.explain {
		return explainDecisions(command.OutOrStdout(), out)
	}
	for _, n := range out.Notes {
		fmt.Fprintln(command.ErrOrStderr(), "note:", n.Describe())
	}
	if i.directory == "" {
		return writeAll(command.OutOrStdout(), out)
	}
	return i.save(command.ErrOrStderr(), out)
}

func (i *initialize) check(files []string) error {
	switch {
	case i.manifests && len(files) == 0:
		return errors.New("--manifests is for a compose project: name its file, such as docker-compose.yml")
	case (i.explain || i.template) && len(files) == 0:
		return errors.New("--explain and --env-template are for a compose project: name its file, such as docker-compose.yml")
	case !i.manifests && (i.withSecrets || i.ephemeral):
		return errors.New("--with-secrets and --ephemeral are for --manifests: add it")
	}
	return nil
}

func (i *initialize) ofProject(command *cobra.Command, files []string) (manifests.Output, error) {
	project, o, root, err := i.project.load(command.Context(), files)
	if err != nil {
		return manifests.Output{}, err
	}
	defer func() { _ = root.Close() }()
	lookBeside(named(files)).tell(command.ErrOrStderr())
	facts, err := project.Facts()
	if err != nil {
		return manifests.Output{}, badInput{err}
	}
	in := manifests.Input{
		Project: project, Facts: facts, Files: root.files(), Root: root.path, Environment: o.Environment,
		Image: i.image, Secrets: i.withSecrets, Ephemeral: i.ephemeral,
	}
	if i.manifests || i.explain {
		return manifests.Of(in), nil
	}
	return manifests.Stack(in), nil
}

// explainDecisions lists what was chosen, and beside it what a person should know,
// in the order of the files.
func explainDecisions(to io.Writer, out manifests.Output) error {
	all := slices.Concat(out.Decisions, out.Notes)
	slices.SortStableFunc(all, func(a, b manifests.Note) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
	for _, n := range all {
		if _, err := fmt.Fprintln(to, n.Describe()); err != nil {
			return fmt.Errorf("writing what was decided: %w", err)
		}
	}
	return nil
}

func named(files []string) []compose.File {
	var out []compose.File
	for _, f := range files {
		out = append(out, compose.File{Name: f})
	}
	return out
}

func writeAll(to io.Writer, out manifests.Output) error {
	text, err := out.YAML()
	if err != nil {
		return err
	}
	if _, err := to.Write(text); err != nil {
		return fmt.Errorf("writing the manifests: %w", err)
	}
	return nil
}

// save writes a file for each service, and keeps those with secrets to their
// owner.
func (i *initialize) save(notes io.Writer, out manifests.Output) error {
	if err := os.MkdirAll(i.directory, 0o755); err != nil {
		return fmt.Errorf("making the directory: %w", err)
	}
	var private []string
	for _, f := range out.Files {
		text, err := f.YAML()
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if f.Private {
			private, mode = append(private, f.Name), 0o600
		}
		if err := replaceFile(filepath.Join(i.directory, f.Name), text, mode); err != nil {
			return err
		}
	}
	if len(private) > 0 {
		ignored := "# They hold secrets.\n/" + strings.Join(private, "\n/") + "\n"
		if err := replaceFile(filepath.Join(i.directory, ".gitignore"), []byte(ignored), 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintf(notes, "wrote %d files to %s; kubectl apply -f %s\n", len(out.Files), i.directory, i.directory)
	return nil
}

// replaceFile puts a file in the place of what is there under its name. Nobody whom the
// mode keeps out sees its content, not even while it is written, and where a link stands
// under the name, what it leads to stays as it is.
func replaceFile(path string, content []byte, mode os.FileMode) error {
	err := func() error {
		f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
		if err != nil {
			return err
		}
		defer func() { _ = os.Remove(f.Name()) }() // nothing is left of it once it has its name
		_, err = f.Write(content)
		if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
			return err
		}
		return os.Rename(f.Name(), path)
	}()
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
