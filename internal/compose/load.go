// Package compose reads a compose project, from bytes, and says what it tells
// of a stack: who depends on whom, where each service listens inside and what
// is only published, health checks, limits, topics, the environment as intended.
// Nothing of it runs anything: a stack runs on Kubernetes, and the compose file
// is what its owner knows about it.
//
// It reads no file and no environment of the process unless Options.Directory
// says so.
package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

// File is a compose file.
type File struct {
	// Name is what messages call it. Where Options.Directory is set, it is the
	// file's path.
	Name    string
	Content []byte
}

// Options say how a project is read.
type Options struct {
	// ProjectName wins over COMPOSE_PROJECT_NAME and over the files' own name.
	// Default: those, else "stack".
	ProjectName string
	// Profiles that are active; "*" is all.
	Profiles []string
	// Environment is what ${VARIABLE} stands for. Nothing else is: the
	// environment of the process is not looked at.
	Environment map[string]string
	// WithoutSecrets says that the environment has none: a variable with the name
	// of a secret, such as POSTGRES_PASSWORD, that is not set there stands for
	// evidence.Redacted. Default: it is one that is not set.
	WithoutSecrets bool
	// Directory is the absolute path of the project's directory, for whoever
	// runs where the files are: include, extends.file, env_file and label_file
	// are then read as compose does. Default: none, and all four are refused.
	Directory string
	// Read reads those files. Each is read by it before the library reads it, so
	// that none is that it refuses. Default: the library reads whatever is named. It
	// is no part of what a project is made from (JSON knows no functions).
	Read Reader `json:"-"`
}

// Project is a compose project that was understood.
type Project struct {
	// Model is the merged project, interpolated, with the services of the
	// active profiles.
	Model *types.Project
	// Ignored is what has no meaning on Kubernetes, by file and line.
	Ignored []Ignored
	// Unset are the variables that were interpolated as blank, because the
	// environment has none and the file gives no default; sorted.
	Unset []string

	// documents of the files, those that they include first.
	documents documents
	// extended are the documents that services extend, by absolute path.
	extended  map[string]documents
	directory string
	// partial are values that a variable which is not set is missing from.
	partial map[string]bool
}

// Ignored is an attribute that is valid and has no meaning here.
type Ignored struct {
	Position
	// Path of the attribute, such as services.web.build.
	Path string
	// Because says why, or what to do instead.
	Because string
}

// Position is a place in a file. The zero value is not known.
type Position struct {
	File string
	// Line counts from 1.
	Line int
}

func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Error is why a project cannot be read, for the person who wrote it.
type Error struct {
	Position
	Message string
}

func (e *Error) Error() string {
	if e.File == "" {
		return e.Message
	}
	return e.Position.String() + ": " + e.Message
}

// defaultName is the project's where nobody gives it one.
const defaultName = "stack"

// The library logs to logrus' global logger; what it would say is in Project.
func init() { logrus.SetOutput(io.Discard) }

// Load reads a project of one or more files, merged as compose does: later ones
// win. Its errors are *Error, alone or joined.
func Load(ctx context.Context, files []File, o Options) (project *Project, err error) {
	documents, err := parse(files, o)
	if err != nil {
		return nil, err
	}
	elsewhere, err := follow(documents, files, o)
	if err != nil {
		return nil, err
	}
	// The library asserts types before it validates them. What it cannot bear
	// must not take the operator down.
	defer func() {
		if r := recover(); r != nil {
			project, err = nil, &Error{Message: fmt.Sprintf("the compose files are malformed: %v", r)}
		}
	}()
	most := maxPorts
	if o.Directory != "" {
		most = maxOwnPorts
	}
	s := newSubstitution(o.Environment, most)
	details := types.ConfigDetails{WorkingDir: o.Directory, ConfigFiles: configFiles(files, o), Environment: maps.Clone(o.Environment)}
	model, err := loader.LoadWithContext(ctx, details, o.forLoader(s))
	if err != nil {
		return nil, once(documents.explain(documents.named(err, files)))
	}
	p := &Project{
		Model: model, Unset: s.names(), documents: append(elsewhere.included, documents...), extended: elsewhere.extended,
		directory: o.Directory, partial: s.partial,
	}
	if err := p.refuseFiles(o); err != nil {
		return nil, err
	}
	p.nameShortVolumes()
	if err := p.refuse(); err != nil {
		return nil, err
	}
	p.Ignored = p.ignored()
	return p, nil
}

func (o Options) forLoader(s *substitution) func(*loader.Options) {
	return func(l *loader.Options) {
		name := cmp.Or(o.ProjectName, o.Environment[consts.ComposeProjectName])
		l.SetProjectName(cmp.Or(name, defaultName), name != "")
		l.Profiles = o.Profiles
		l.Interpolate.Substitute = s.substitute
		if o.WithoutSecrets {
			l.Interpolate.LookupValue = withoutSecrets(l.Interpolate.LookupValue)
		}
		l.ResourceLoaders = []loader.ResourceLoader{outside{o.Directory}}
		here := o.Directory != ""
		l.ResolvePaths = here
		l.SkipInclude, l.SkipResolveEnvironment, l.SkipResolveLabels = !here, !here, !here
		l.MaxNodeVisits = maxNodes
	}
}

// configFiles are the files for the library. Where none is read it is given
// names that no file has: it remembers every name it ever warned of.
func configFiles(files []File, o Options) []types.ConfigFile {
	out := make([]types.ConfigFile, len(files))
	for i, f := range files {
		out[i] = types.ConfigFile{Filename: f.Name, Content: f.Content}
		if o.Directory == "" {
			out[i].Filename = fmt.Sprintf("compose[%d]", i)
		}
		if len(f.Content) == 0 {
			out[i].Content = []byte{} // nil would have it read from disk
		}
	}
	return out
}

// outside is whatever is in none of the given files.
type outside struct{ directory string }

// Accept takes everything where nothing may be read, else what is not local.
func (o outside) Accept(path string) bool {
	return o.directory == "" || strings.Contains(path, "://") || strings.HasPrefix(path, "git@")
}

// Load refuses.
func (o outside) Load(_ context.Context, path string) (string, error) {
	return "", &refused{path, o.directory != ""}
}

// Dir is never asked: nothing was loaded.
func (o outside) Dir(path string) string { return path }

// refused is a file that is not read.
type refused struct {
	path   string
	remote bool
}

func (r *refused) Error() string {
	if r.remote {
		return r.path + " is remote and is not fetched: download it and name the copy"
	}
	return r.path + " is not read here: " + advice
}

// refuseFiles refuses what services take from other files where none is read.
func (p *Project) refuseFiles(o Options) error {
	if o.Directory != "" {
		return nil
	}
	var out []error
	for _, s := range p.services() {
		refuse := func(attribute string, files []string) {
			if len(files) > 0 {
				out = append(out, &Error{p.At("services", s.Name, attribute), fmt.Sprintf("services.%s.%s: %s", s.Name, attribute, (&refused{path: strings.Join(files, ", ")}).Error())})
			}
		}
		var required []string
		for _, f := range s.EnvFiles {
			if f.Required {
				required = append(required, f.Path)
			}
		}
		refuse("env_file", required)
		refuse("label_file", s.LabelFiles)
	}
	return errors.Join(out...)
}

// driveLetter is how the library reads v:/data: as a path of Windows.
var driveLetter = regexp.MustCompile(`^([A-Za-z]):(/[^:]*)(?::(.*))?$`)

// nameShortVolumes makes volumes of one letter what they are meant as.
func (p *Project) nameShortVolumes() {
	for _, s := range p.Model.Services {
		for i, v := range s.Volumes {
			m := driveLetter.FindStringSubmatch(v.Target)
			if m == nil || v.Source != "" {
				continue
			}
			s.Volumes[i].Source, s.Volumes[i].Target = m[1], m[2]
			s.Volumes[i].ReadOnly = v.ReadOnly || slices.Contains(strings.Split(m[3], ","), "ro")
		}
	}
}

// services of the project by name.
func (p *Project) services() []types.ServiceConfig {
	var out []types.ServiceConfig
	for _, name := range slices.Sorted(maps.Keys(p.Model.Services)) {
		out = append(out, p.Model.Services[name])
	}
	return out
}

// At is the place of an attribute, such as services, web, ports: of the nearest
// one above it where it is not written itself. Where several files have it,
// the last one wins.
func (p *Project) At(path ...string) Position {
	var best Position
	deepest := 0
	p.sources(path, func(d *document, path []string) bool {
		if at, depth := d.at(path); depth > deepest {
			best, deepest = at, depth
		}
		return deepest == len(path)
	})
	return best
}
