package validate

import "fmt"

// kafkaBuffer: a producer fills its buffer whenever the broker is slow.
var kafkaBuffer = rule{
	Rule: Rule{"kafka-buffer-memory", "A Kafka producer's buffer does not fit within the memory limit"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			limit := s.Limits.Memory
			for _, buffer := range p.settings(s, anything, named("BUFFER_MEMORY")) {
				if limit == 0 || buffer.variable == "" || buffer.bytes <= limit/2 {
					continue
				}
				f := p.where(s, buffer, fmt.Sprintf("%s may buffer %s for Kafka and has a limit of %s", s.Name, mebibytes(buffer.bytes), mebibytes(limit)),
					fmt.Sprintf("lower %s, such as to 16777216, or raise the limit above %s", buffer.variable, mebibytes(2*buffer.bytes)))
				if buffer.bytes < limit {
					f.Severity = Warning
				}
				report(f)
			}
		}
	},
}
