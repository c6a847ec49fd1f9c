package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/spf13/cobra"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/plugin/validate"
)

// validation looks at files before they are deployed.
type validation struct {
	project    projectFlags
	production bool
	output     string
}

func validateCommand() *cobra.Command {
	var v validation
	command := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Find in compose files, env files and BridgeStacks what would fail once deployed",
		Long: `Looks at compose files, env files and BridgeStacks, and needs no cluster. Compose files are merged as compose does, in the
order given; env files beside them give values to ${VARIABLES}, as .env does where none is named.

The exit code is 1 where there are errors, and 2 where a file cannot be read or the arguments are wrong.
Warnings become errors in services that are in production, as ENVIRONMENT, NODE_ENV and the like tell, or --production.

Rules:
` + listed(validate.Rules()),
		Example: `  kubectl bridge validate docker-compose.yml
  kubectl bridge validate --production docker-compose.yml production.env bridgestack.yaml
  kubectl bridge validate -o sarif docker-compose.yml > validate.sarif`,
		RunE: func(command *cobra.Command, files []string) error { return v.run(command, files) },
	}
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return badInput{err} })
	flags := command.Flags()
	v.project.add(flags)
	flags.BoolVar(&v.production, "production", false, "take every service for one in production")
	flags.StringVarP(&v.output, "output", "o", "", "json or sarif (default: for people)")
	return command
}

func listed(rules []validate.Rule) string {
	var out strings.Builder
	for _, r := range rules {
		fmt.Fprintf(&out, "  %-24s %s\n", r.ID, r.Summary)
	}
	return out.String()
}

func (v *validation) run(command *cobra.Command, names []string) error {
	show, known := map[string]func(io.Writer, []validate.Finding) error{"": forPeople, "json": asJSON, "sarif": validate.SARIF}[v.output]
	switch {
	case !known:
		return badInput{fmt.Errorf("-o %s: it is json or sarif", v.output)}
	case len(names) == 0:
		return badInput{errors.New("there is no file to look at: name one, such as docker-compose.yml")}
	}
	files, err := read(names)
	if err != nil {
		return err
	}
	found, err := v.findings(command, files)
	if err != nil {
		return err
	}
	if err := show(command.OutOrStdout(), found); err != nil {
		return err
	}
	if validate.HasErrors(found) {
		return notWell{}
	}
	return nil
}

func read(names []string) ([]compose.File, error) {
	var out []compose.File
	for _, name := range names {
		content, err := readInput(name)
		if err != nil {
			return nil, badInput{fmt.Errorf("reading the file: %w", err)}
		}
		out = append(out, compose.File{Name: name, Content: content})
	}
	return out, nil
}

// findings of all files: env files and objects each by itself, compose files as
// the project that they make together, as for init.
func (v *validation) findings(command *cobra.Command, files []compose.File) ([]validate.Finding, error) {
	var out []validate.Finding
	var project []compose.File
	for _, f := range files {
		switch validate.KindOf(f) {
		case validate.KindEnv:
			found := validate.EnvFile(f, v.production)
			if out = append(out, found...); validate.IsReadable(found) {
				v.project.envFiles = append(v.project.envFiles, f.Name)
			}
		case validate.KindObjects:
			out = append(out, validate.Stacks(command.Context(), f)...)
		default:
			project = append(project, f)
		}
	}
	if len(project) == 0 {
		return out, nil
	}
	o, root, err := v.project.options(project[0].Name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	if o.ProjectName == "" && o.Environment["COMPOSE_PROJECT_NAME"] == "" {
		o.Environment = maps.Clone(o.Environment)
		o.Environment["COMPOSE_PROJECT_NAME"] = loader.NormalizeProjectName(filepath.Base(o.Directory))
	}
	beside := lookBeside(project)
	beside.tell(command.ErrOrStderr())
	found := validate.Project(command.Context(), project, validate.Options{
		Options: o, Production: v.production, Elsewhere: beside.services(), Look: root.look,
	})
	for i, f := range found {
		if f.Cure == "" {
			found[i].Cure = beside.cure("validate", f.Message)
		}
	}
	return append(out, found...), nil
}

// forPeople writes a line for each finding and one below it with the cure.
func forPeople(out io.Writer, found []validate.Finding) error {
	errs := 0
	for _, f := range found {
		place := f.File
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", f.File, f.Line, max(1, f.Column))
		}
		fmt.Fprintf(out, "%s: %s: %s [%s]\n", place, f.Severity, f.Message, f.Rule)
		if f.Cure != "" {
			fmt.Fprintf(out, "    %s\n", f.Cure)
		}
		if f.Severity == validate.Error {
			errs++
		}
	}
	_, err := fmt.Fprintf(out, "%d errors, %d warnings\n", errs, len(found)-errs)
	return err
}

func asJSON(out io.Writer, found []validate.Finding) error {
	if found == nil {
		found = []validate.Finding{}
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"findings": found})
}
