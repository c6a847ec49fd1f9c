package validate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/plugin/images"
)

// project is one that could be loaded.
type project struct {
	*compose.Project
	facts      compose.Facts
	files      []compose.File
	scalars    []scalar
	given      map[string]string
	production bool
	// words of the project's own, once they were looked for.
	words []string
	// told are findings on values that several services have from one place.
	told map[told]bool
	// elsewhere are services of compose files beside these.
	elsewhere []string
	// read a file of the project, nil where nobody may.
	read compose.Reader
	// look says what is at a path, nil where nobody may.
	look func(path string) (exists, isDirectory bool)
}

// at is where an attribute is written, with a finding's message and cure.
func (p *project) at(message, cure string, path ...string) Finding {
	place := p.At(path...)
	return Finding{File: place.File, Line: place.Line, Column: column(p.files, place.File, place.Line, path...), Message: message, Cure: cure}
}

// variable is where a variable of a service is written: in its environment, else in
// its env_file or, where that may not be read, where it is named.
func (p *project) variable(service, name, message, cure string) Finding {
	if _, written := p.Written("services", service, "environment", name); !written && len(p.Model.Services[service].EnvFiles) > 0 {
		f := p.at(message, cure, "services", service, "env_file")
		f.variable = name
		if place, found := p.inEnvFile(service, name); found {
			f.File, f.Line, f.Column = place.File, place.Line, 1
		}
		return f
	}
	f := p.at(message, cure, "services", service, "environment", name)
	f.variable = name
	return f
}

// inEnvFile is where an env_file of a service assigns a variable: the last that does
// so wins.
func (p *project) inEnvFile(service, name string) (compose.Position, bool) {
	if p.read == nil {
		return compose.Position{}, false
	}
	for _, f := range slices.Backward(p.Model.Services[service].EnvFiles) {
		content, err := p.read(f.Path)
		if err != nil {
			continue // one that need not be there
		}
		for i, line := range slices.Backward(strings.Split(string(content), "\n")) {
			if m := assigned.FindStringSubmatch(line); m != nil && m[1] == name {
				return compose.Position{File: p.shown(f.Path), Line: i + 1}, true
			}
		}
	}
	return compose.Position{}, false
}

// shown is how a person calls a file of the project: beside the first compose file.
func (p *project) shown(path string) string {
	if relative, err := filepath.Rel(p.Model.WorkingDir, path); err == nil {
		return filepath.Join(filepath.Dir(p.files[0].Name), relative)
	}
	return path
}

// origin is where a variable has its value from where others may have it from there,
// too: one of the environment, such as a password in .env, or an env_file.
type origin struct {
	// variable of the environment that is put in, empty for one of an env_file.
	variable string
	// name is that of the service's variable, of an env_file.
	name, value string
}

// originOf a service's variable, false where its own place is all that has it.
func (p *project) originOf(s compose.Service, name string) (origin, bool) {
	config, value := p.Model.Services[s.Name], p.value(s, name)
	written, isWritten := p.Written("services", s.Name, "environment", name)
	if !isWritten {
		return origin{name: name, value: value}, len(config.EnvFiles) > 0 && config.Environment[name] != nil
	}
	parts := compose.Parts(written, p.given)
	m := urlPassword.FindStringSubmatch(value)
	for i, part := range parts {
		whole := len(parts) == 1
		inURL := m != nil && part.Text == m[2] && i+1 < len(parts) && strings.HasPrefix(parts[i+1].Text, "@")
		if len(part.Variables) == 1 && (whole || inURL) {
			return origin{variable: part.Variables[0], value: part.Text}, true
		}
	}
	return origin{}, false
}

// subject is what a finding calls a variable: that of its service or, where several
// have its value from one place, that of the place. Whose one in an env_file is nobody
// knows.
func (p *project) subject(s compose.Service, name string) string {
	sharing := p.sharing(s, name)
	if len(sharing) < 2 {
		return name + " of " + s.Name
	}
	const most = 3
	list := strings.Join(sharing[:min(most, len(sharing))], ", ")
	if more := len(sharing) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	if o, _ := p.originOf(s, name); o.variable != "" {
		return fmt.Sprintf("${%s} in %s", o.variable, list)
	}
	return fmt.Sprintf("%s in the env_file of %s", name, list)
}

// sharing are the services that have a value from one place.
func (p *project) sharing(s compose.Service, name string) []string {
	from, shared := p.originOf(s, name)
	if !shared {
		return nil
	}
	var out []string
	for _, other := range p.facts.Services {
		if slices.ContainsFunc(other.Env, func(v compose.Variable) bool {
			o, shared := p.originOf(other, v.Name)
			return shared && o == from
		}) {
			out = append(out, other.Name)
		}
	}
	return out
}

// isTold says that a value which several services have from one place was told of
// already.
func (p *project) isTold(s compose.Service, what, name string) bool {
	from, shared := p.originOf(s, name)
	if !shared {
		return false
	}
	key := told{what, from}
	if p.told[key] {
		return true
	}
	if p.told == nil {
		p.told = map[told]bool{}
	}
	p.told[key] = true
	return false
}

// told is what was found of a value.
type told struct {
	what string
	from origin
}

// isOthers says that a variable came to a database with an env_file that it shares
// with those which the variable is for.
func (p *project) isOthers(s compose.Service, name string) bool {
	_, written := p.Written("services", s.Name, "environment", name)
	return !written && isDatabase(s) && !neededSecret.MatchString(name) && !isOwn(s, name)
}

// value of a service's variable, secret or not.
func (p *project) value(s compose.Service, name string) string {
	if v := p.Model.Services[s.Name].Environment[name]; v != nil {
		return *v
	}
	return ""
}

// command is entrypoint and command in one line.
func (p *project) command(s compose.Service) string {
	config := p.Model.Services[s.Name]
	return strings.Join(config.Entrypoint, " ") + " " + strings.Join(config.Command, " ")
}

// stages are variables by which a service is told where it runs.
var stages = []string{
	"ENVIRONMENT", "ENV", "APP_ENV", "NODE_ENV", "RAILS_ENV", "RACK_ENV", "DJANGO_ENV", "FLASK_ENV", "GO_ENV", "DEPLOY_ENV", "STAGE",
	"SPRING_PROFILES_ACTIVE", "ASPNETCORE_ENVIRONMENT", "MIX_ENV",
}

// inProduction says that a service is meant to be.
func (p *project) inProduction(s compose.Service) bool {
	return p.production || slices.ContainsFunc(stages, func(name string) bool { return isProduction(p.value(s, name)) })
}

// hasProduction says that one of the project's services is meant to be.
func (p *project) hasProduction() bool {
	return p.production || slices.ContainsFunc(p.facts.Services, p.inProduction)
}

func isProduction(stage string) bool {
	return slices.ContainsFunc(strings.Split(strings.ToLower(stage), ","), func(s string) bool { return s == "production" || s == "prod" })
}

// graver is Error in production, else Warning: of a value that several services have,
// where one of them is.
func (p *project) graver(s compose.Service, name string) Severity {
	grave := func(s compose.Service) bool { return p.inProduction(s) || keepsData(s) && p.hasProduction() }
	sharing := p.sharing(s, name)
	if grave(s) || slices.ContainsFunc(p.facts.Services, func(o compose.Service) bool { return slices.Contains(sharing, o.Name) && grave(o) }) {
		return Error
	}
	return Warning
}

// keepsData says that a service is one that the others have in common.
func keepsData(s compose.Service) bool { return s.Role != "" }

// isDatabase says that a service is a database or a broker, which nobody asks from
// a browser.
func isDatabase(s compose.Service) bool {
	known, _ := images.OfService(s.Name, s.Image, func(name string) string {
		for _, v := range s.Env {
			if v.Name == name && (v.Value != "" || v.Secret) {
				return "set"
			}
		}
		return ""
	})
	return s.Role != "" || known.Data && !slices.Contains([]string{"prometheus", "victoria-metrics", "minio"}, images.Repository(s.Image))
}

// insideOf is the address of a service inside, such as db:5432.
func (p *project) insideOf(name string) string {
	s, _ := p.facts.ByName(name)
	for _, l := range s.Listeners {
		if l.Inside {
			return address(l.Host, l.Port)
		}
	}
	if k, known := s.Role.Kind(); known {
		return address(name, k.Port)
	}
	if len(s.Ports) > 0 {
		return address(name, s.Ports[0].Target)
	}
	return name
}
