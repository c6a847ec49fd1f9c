package validate

import (
	"fmt"
	"regexp"

	"github.com/bridgestack/operator/internal/compose"
)

// postgresMemory: PostgreSQL takes its shared buffers when it starts, and needs
// memory for each connection beside them.
var postgresMemory = rule{
	Rule: Rule{"postgres-memory", "PostgreSQL's shared buffers do not fit within the memory limit"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			if s.Role != compose.RolePostgres || s.Limits.Memory == 0 {
				continue
			}
			for _, buffers := range p.settings(s, sharedBuffers, func(string) bool { return false }) {
				if buffers.bytes > s.Limits.Memory/100*60 {
					f := p.where(s, buffers, fmt.Sprintf("%s has shared_buffers of %s within a limit of %s", s.Name, mebibytes(buffers.bytes), mebibytes(s.Limits.Memory)),
						fmt.Sprintf("lower shared_buffers to a quarter of the limit, %s, or raise the limit", mebibytes(s.Limits.Memory/4)))
					if buffers.bytes < s.Limits.Memory {
						f.Severity = Warning
					}
					report(f)
				}
			}
		}
	},
}

var sharedBuffers = regexp.MustCompile(`shared_buffers=["']?(\d+\s*[kMGT]?B?)\b`)
