package validate

import (
	"fmt"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// healthyWithoutCheck: nothing ever finds a service healthy that has no check. The
// image may have one of its own, unless the file switches it off.
var healthyWithoutCheck = rule{
	Rule: Rule{"healthy-without-check", "A dependency must be healthy and has no health check"},
	project: func(p *project, report report) {
		for _, d := range p.dependencies() {
			if d.on.Condition != v1alpha1.ServiceHealthy || d.target.Health != nil {
				continue
			}
			check := p.Model.Services[d.target.Name].HealthCheck
			off := check != nil && (check.Disable || len(check.Test) > 0 && check.Test[0] == "NONE")
			if !off && !hasNoCheck(d.target.Image) {
				continue
			}
			f := p.at(fmt.Sprintf("%s waits for %s to be healthy, which has no health check", d.Name, d.target.Name),
				"give "+d.target.Name+" a healthcheck, or wait for service_started",
				"services", d.Name, "depends_on", d.target.Name)
			f.Severity = Warning
			if off {
				f.Severity, f.Message = Error, fmt.Sprintf("%s waits for %s to be healthy, whose health check is switched off", d.Name, d.target.Name)
			}
			report(f)
		}
	},
}

// hasNoCheck says that an image is one of Docker's official ones, which have no
// health check of their own. Of others nobody can tell.
func hasNoCheck(image string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(image, "docker.io/"), "library/"), "@")
	return image != "" && !strings.Contains(name, "/")
}
