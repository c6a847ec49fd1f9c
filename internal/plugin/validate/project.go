package validate

import (
	"fmt"
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
	// told are findings on variables of env_files, by what they say: several services
	// have them from one file.
	told map[string]bool
	// elsewhere are services of compose files beside these.
	elsewhere []string
	// look says what is at a path, nil where nobody may.
	look func(path string) (exists, isDirectory bool)
}

// at is where an attribute is written, with a finding's message and cure.
func (p *project) at(message, cure string, path ...string) Finding {
	place := p.At(path...)
	return Finding{File: place.File, Line: place.Line, Column: column(p.files, place.File, place.Line, path...), Message: message, Cure: cure}
}

// variable is where a variable of a service is written: in its environment, else
// where its env_file is named.
func (p *project) variable(service, name, message, cure string) Finding {
	if _, written := p.Written("services", service, "environment", name); !written {
		if len(p.Model.Services[service].EnvFiles) > 0 {
			f := p.at(message, cure, "services", service, "env_file")
			f.variable = name
			return f
		}
	}
	f := p.at(message, cure, "services", service, "environment", name)
	f.variable = name
	return f
}

// subject is what a finding calls a variable: that of its service or, where several
// have it from an env_file, whose it is nobody knows, that of the file.
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
	return fmt.Sprintf("%s in the env_file of %s", name, list)
}

// sharing are the services that have a variable of one value from an env_file.
func (p *project) sharing(s compose.Service, name string) []string {
	if _, written := p.Written("services", s.Name, "environment", name); written {
		return nil
	}
	var out []string
	for _, other := range p.facts.Services {
		_, written := p.Written("services", other.Name, "environment", name)
		config := p.Model.Services[other.Name]
		if !written && len(config.EnvFiles) > 0 && config.Environment[name] != nil && p.value(other, name) == p.value(s, name) {
			out = append(out, other.Name)
		}
	}
	return out
}

// isTold says that a variable which several services have from an env_file was told
// of already.
func (p *project) isTold(s compose.Service, what, name string) bool {
	if _, written := p.Written("services", s.Name, "environment", name); written {
		return false
	}
	key := what + " " + name + " " + p.value(s, name)
	if p.told[key] {
		return true
	}
	if p.told == nil {
		p.told = map[string]bool{}
	}
	p.told[key] = true
	return false
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

// graver is Error in production, else Warning.
func (p *project) graver(s compose.Service) Severity {
	if p.inProduction(s) || keepsData(s) && p.hasProduction() {
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
