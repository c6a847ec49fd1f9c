package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/spf13/pflag"

	"github.com/bridgestack/operator/internal/compose"
)

// projectFlags say which compose project is meant, as compose's own flags do.
type projectFlags struct {
	name     string
	profiles []string
	envFiles []string
}

// environ is the process's environment; tests give their own.
var environ = os.Environ

func (p *projectFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&p.name, "project-name", "p", "", "name of the project (default: as compose has it)")
	flags.StringSliceVar(&p.profiles, "profile", nil, "profile to enable; * is all")
	flags.StringSliceVar(&p.envFiles, "env-file", nil, "file with values for ${VARIABLES} (default: .env beside the first file)")
}

// composeNames are the files that compose looks for.
var composeNames = []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}

// options for loading files of one project, with what interpolates them.
func (p *projectFlags) options(first string) (compose.Options, error) {
	directory, err := filepath.Abs(filepath.Dir(first))
	if err != nil {
		return compose.Options{}, fmt.Errorf("finding the project's directory: %w", err)
	}
	environment, err := p.environment(directory)
	if err != nil {
		return compose.Options{}, err
	}
	return compose.Options{ProjectName: p.name, Profiles: p.profiles, Environment: environment, Directory: directory}, nil
}

// environment is what the process has, and beside it what env files say.
func (p *projectFlags) environment(directory string) (map[string]string, error) {
	own := map[string]string{}
	for _, entry := range environ() {
		if name, value, ok := strings.Cut(entry, "="); ok {
			own[name] = value
		}
	}
	files := p.envFiles
	if beside := filepath.Join(directory, ".env"); files == nil && isThere(beside) {
		files = []string{beside}
	}
	out, err := dotenv.GetEnvFromFile(own, files)
	if err != nil {
		return nil, badInput{fmt.Errorf("reading env files: %w", err)}
	}
	maps.Copy(out, own) // the process wins, as in compose
	return out, nil
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// load a project of compose files.
func (p *projectFlags) load(ctx context.Context, names []string) (*compose.Project, compose.Options, error) {
	var files []compose.File
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, compose.Options{}, badInput{fmt.Errorf("reading the compose file: %w", err)}
		}
		files = append(files, compose.File{Name: name, Content: content})
	}
	o, err := p.options(names[0])
	if err != nil {
		return nil, o, err
	}
	project, err := compose.Load(ctx, files, o)
	if err == nil && o.ProjectName == "" && o.Environment["COMPOSE_PROJECT_NAME"] == "" {
		if _, named := project.Written("name"); !named { // then it has its directory's
			o.ProjectName = loader.NormalizeProjectName(filepath.Base(o.Directory))
			project, err = compose.Load(ctx, files, o)
		}
	}
	if err != nil {
		return nil, o, badInput{fmt.Errorf("%w. `kubectl bridge validate %s` tells more", err, strings.Join(names, " "))}
	}
	return project, o, nil
}
