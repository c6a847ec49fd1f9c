package validate

import "fmt"

// reservation: more cannot be reserved than may be used; Kubernetes refuses it.
var reservation = rule{
	Rule: Rule{"reservation-above-limit", "More is reserved than the limit allows"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			limit, reserved := s.Limits, s.Reservations
			if limit.Memory > 0 && reserved.Memory > limit.Memory {
				report(p.at(fmt.Sprintf("%s reserves %s of memory and may use %s", s.Name, mebibytes(reserved.Memory), mebibytes(limit.Memory)),
					"raise the limit, or lower the reservation", "services", s.Name, "deploy", "resources", "reservations", "memory"))
			}
			if limit.CPU > 0 && reserved.CPU > limit.CPU {
				report(p.at(fmt.Sprintf("%s reserves %d millicores and may use %d", s.Name, reserved.CPU, limit.CPU),
					"raise the limit, or lower the reservation", "services", s.Name, "deploy", "resources", "reservations", "cpus"))
			}
		}
	},
}
