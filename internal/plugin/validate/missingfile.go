package validate

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// missingFile: Docker makes a directory in the place of a file that is not there,
// and the container finds that.
var missingFile = rule{
	Rule: Rule{"missing-file", "A file that is mounted is not there"},
	project: func(p *project, report report) {
		if p.look == nil {
			return
		}
		for _, s := range p.facts.Services {
			for _, v := range p.Model.Services[s.Name].Volumes {
				if v.Type != types.VolumeTypeBind || !strings.HasPrefix(v.Source, p.Model.WorkingDir+"/") || !looksLikeFile(v.Source, v.Target) {
					continue
				}
				if exists, _ := p.look(v.Source); !exists {
					relative := "./" + strings.TrimPrefix(v.Source, p.Model.WorkingDir+"/")
					f := p.at(fmt.Sprintf("%s mounts %s, which is not there: Docker would make a directory of it", s.Name, relative), "add the file, or make it before the project is brought up", "services", s.Name, "volumes")
					f.Severity = Warning
					report(f)
				}
			}
		}
		for name, c := range p.Model.Configs {
			p.missing(report, "configs", name, c.File)
		}
		for name, c := range p.Model.Secrets {
			p.missing(report, "secrets", name, c.File)
		}
	},
}

func (p *project) missing(report report, kind, name, file string) {
	if file == "" || !strings.HasPrefix(file, p.Model.WorkingDir+"/") {
		return
	}
	if exists, _ := p.look(file); !exists {
		f := p.at(fmt.Sprintf("the file %s of %s is not there", strings.TrimPrefix(file, p.Model.WorkingDir+"/"), name), "add the file, or make it before the project is brought up", kind, name, "file")
		f.Severity = Warning
		report(f)
	}
}

var (
	extension     = regexp.MustCompile(`(?i)[^/.]\.[a-z][a-z0-9]{0,9}$`)
	directoryName = regexp.MustCompile(`\.(?:d|git)$`)
)

// looksLikeFile says that both ends of a mount are called like files.
func looksLikeFile(source, target string) bool {
	if directoryName.MatchString(target) {
		return false
	}
	return extension.MatchString(path.Base(source)) && extension.MatchString(path.Base(target))
}
