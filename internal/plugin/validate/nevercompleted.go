package validate

import (
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// neverCompleted: what is started again whenever it ends is never done.
var neverCompleted = rule{
	Rule: Rule{"never-completed", "A dependency must end, and is restarted whenever it does"},
	project: func(p *project, report report) {
		for _, d := range p.dependencies() {
			restart := p.Model.Services[d.target.Name].Restart
			if d.on.Condition != v1alpha1.ServiceCompletedSuccessfully || restart != types.RestartPolicyAlways && restart != types.RestartPolicyUnlessStopped {
				continue
			}
			report(p.at(fmt.Sprintf("%s waits for %s to end, which restart: %s starts again each time", d.Name, d.target.Name, restart),
				`write restart: "no" or on-failure`, "services", d.target.Name, "restart"))
		}
	},
}
