package validate

import (
	"fmt"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plugin/images"
)

// startedOnly: a database takes connections some time after its container started.
// Members of its own cluster need not wait for that.
var startedOnly = rule{
	Rule: Rule{"started-only", "A service depends on a database or broker that need only be started"},
	project: func(p *project, report report) {
		for _, d := range p.dependencies() {
			if d.on.Condition != v1alpha1.ServiceStarted || !isDatabase(d.target) || images.Repository(d.Image) == images.Repository(d.target.Image) {
				continue
			}
			cure := "write condition: service_healthy"
			if d.target.Health == nil && !p.hasOwnCheck(d.target.Name) {
				cure = "give " + d.target.Name + " a healthcheck, and write condition: service_healthy"
			}
			f := p.at(fmt.Sprintf("%s starts as soon as %s has started, which is before it takes connections", d.Name, d.target.Name), cure, "services", d.Name, "depends_on", d.target.Name)
			f.Severity = Warning
			report(f)
		}
	},
}

// hasOwnCheck says that a service's file leaves the check to the image, and does not
// switch it off.
func (p *project) hasOwnCheck(service string) bool {
	check := p.Model.Services[service].HealthCheck
	return check != nil && !check.Disable && (len(check.Test) == 0 || check.Test[0] != "NONE")
}
