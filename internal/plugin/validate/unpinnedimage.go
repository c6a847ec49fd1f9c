package validate

import (
	"fmt"
	"strings"
)

// unpinnedImage: what runs tomorrow is not what was tried today.
var unpinnedImage = rule{
	Rule: Rule{"unpinned-image", "An image has no tag, or latest"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			if s.Image == "" || p.Model.Services[s.Name].Build != nil || strings.Contains(s.Image, "@") {
				continue
			}
			name := s.Image[strings.LastIndexByte(s.Image, '/')+1:]
			_, tag, tagged := strings.Cut(name, ":")
			if tagged && tag != "latest" && tag != "" {
				continue
			}
			f := p.at(fmt.Sprintf("the image of %s is whatever %s is at the time", s.Name, strings.TrimSuffix(s.Image, ":")), "name a version, or a digest", "services", s.Name, "image")
			f.Severity = Warning
			report(f)
		}
	},
}
