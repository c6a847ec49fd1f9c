package validate

import (
	"fmt"
	"regexp"
)

// javaHeap: a JVM needs memory beside its heap, for threads, classes and buffers.
var javaHeap = rule{
	Rule: Rule{"java-heap", "A Java heap leaves no room within the memory limit"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			limit := s.Limits.Memory
			for _, heap := range p.settings(s, maxHeap, named("JAVA_OPTS", "JAVA_TOOL_OPTIONS", "HEAP_OPTS", "JVM_OPTS", "JAVA_OPTIONS", "JAVA_ARGS", "CATALINA_OPTS")) {
				if limit == 0 || heap.bytes <= limit/100*80 {
					continue
				}
				f := p.where(s, heap, fmt.Sprintf("%s may have a heap of %s and a limit of %s: it is killed before the heap is full", s.Name, mebibytes(heap.bytes), mebibytes(limit)),
					fmt.Sprintf("lower -Xmx to %s or less, raise the limit, or leave the heap to -XX:MaxRAMPercentage=75", mebibytes(limit/100*75)))
				if heap.bytes < limit {
					f.Severity = Warning
					f.Message = fmt.Sprintf("%s may have a heap of %s of its limit of %s, which leaves little for what is no heap", s.Name, mebibytes(heap.bytes), mebibytes(limit))
				}
				report(f)
			}
		}
	},
}

var maxHeap = regexp.MustCompile(`-Xmx(\d+[kKmMgGtT]?)\b`)
