package main

import (
	"bytes"
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
	root     string
}

// environ is the process's environment; tests give their own.
var environ = os.Environ

func (p *projectFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&p.name, "project-name", "p", "", "name of the project (default: as compose has it)")
	flags.StringSliceVar(&p.profiles, "profile", nil, "profile to enable; * is all")
	flags.StringSliceVar(&p.envFiles, "env-file", nil, "file with values for ${VARIABLES} (default: .env beside the first file)")
	flags.StringVar(&p.root, "root", "", "directory that files are read from which the project names (default: its repository, else the first file's directory)")
}

// composeNames are the files that compose looks for.
var composeNames = []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}

// options for loading files of one project, with what interpolates them and the
// directory that what they name is read from.
func (p *projectFlags) options(first string) (compose.Options, *projectRoot, error) {
	directory, err := filepath.Abs(filepath.Dir(first))
	if err != nil {
		return compose.Options{}, nil, fmt.Errorf("finding the project's directory: %w", err)
	}
	root, err := openRoot(p.root, directory)
	if err != nil {
		return compose.Options{}, nil, err
	}
	environment, err := p.environment(directory, root)
	if err != nil {
		return compose.Options{}, nil, err
	}
	return compose.Options{ProjectName: p.name, Profiles: p.profiles, Environment: environment, Directory: directory, Read: root.read}, root, nil
}

// environment is what the process has, and beside it what env files say.
func (p *projectFlags) environment(directory string, root *projectRoot) (map[string]string, error) {
	own := map[string]string{}
	for _, entry := range environ() {
		if name, value, ok := strings.Cut(entry, "="); ok {
			own[name] = value
		}
	}
	files, reader := p.envFiles, readInput
	if beside := filepath.Join(directory, ".env"); files == nil && isThere(beside) {
		files, reader = []string{beside}, root.read
	}
	out := map[string]string{}
	for _, name := range files {
		content, err := reader(name)
		if err != nil {
			return nil, badInput{fmt.Errorf("reading the env file %s: %w", name, err)}
		}
		lookup := func(name string) (string, bool) {
			if value, set := own[name]; set {
				return value, true
			}
			value, set := out[name]
			return value, set
		}
		values, err := dotenv.ParseWithLookup(bytes.NewReader(content), lookup)
		if err != nil {
			return nil, badInput{fmt.Errorf("reading the env file %s: %w", name, err)}
		}
		maps.Copy(out, values)
	}
	maps.Copy(out, own) // the process wins, as in compose
	return out, nil
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// load a project of compose files.
func (p *projectFlags) load(ctx context.Context, names []string) (*compose.Project, compose.Options, *projectRoot, error) {
	files, err := read(names)
	if err != nil {
		return nil, compose.Options{}, nil, err
	}
	o, root, err := p.options(names[0])
	if err != nil {
		return nil, o, nil, err
	}
	project, err := compose.Load(ctx, files, o)
	if err == nil && o.ProjectName == "" && o.Environment["COMPOSE_PROJECT_NAME"] == "" {
		if _, named := project.Written("name"); !named { // then it has its directory's
			o.ProjectName = loader.NormalizeProjectName(filepath.Base(o.Directory))
			project, err = compose.Load(ctx, files, o)
		}
	}
	if err != nil {
		if cure := lookBeside(files).cure("init", err.Error()); cure != "" {
			return nil, o, nil, badInput{fmt.Errorf("%w; %s", err, cure)}
		}
		return nil, o, nil, badInput{fmt.Errorf("%w. `kubectl bridge validate %s` tells more", err, strings.Join(names, " "))}
	}
	return project, o, root, nil
}
