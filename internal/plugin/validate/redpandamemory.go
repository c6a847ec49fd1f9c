package validate

import (
	"fmt"
	"regexp"
)

// redpandaMemory: Redpanda takes what --memory gives it at once.
var redpandaMemory = rule{
	Rule: Rule{"redpanda-memory", "Redpanda is given more memory than the limit"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			for _, memory := range p.settings(s, seastarMemory, func(string) bool { return false }) {
				if s.Limits.Memory > 0 && memory.bytes >= s.Limits.Memory {
					report(p.where(s, memory, fmt.Sprintf("%s takes %s by --memory and has a limit of %s", s.Name, mebibytes(memory.bytes), mebibytes(s.Limits.Memory)),
						fmt.Sprintf("write --memory %dM or less", s.Limits.Memory>>20*90/100)))
				}
			}
		}
	},
}

var seastarMemory = regexp.MustCompile(`--memory[=\s]+(\d+[kKmMgG]?)\b`)
