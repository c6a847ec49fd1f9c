package stack

import (
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// cycles finds services that depend on each other in a circle: each circle is
// named once, at the service where it closes.
func cycles(services []declaration) []Problem {
	index := map[string]int{}
	for i, s := range services {
		index[s.Name] = i
	}
	var problems []Problem
	done := map[string]bool{}
	var walk func(name string, path []string)
	walk = func(name string, path []string) {
		for at, seen := range path {
			if seen == name {
				problems = append(problems, circle(services, index, append(path[at:], name)))
				return
			}
		}
		i, known := index[name]
		if !known || done[name] {
			return
		}
		for _, d := range services[i].DependsOn {
			walk(d.Service, append(path, name))
		}
		done[name] = true
	}
	for _, s := range services {
		walk(s.Name, nil)
	}
	return problems
}

func circle(services []declaration, index map[string]int, path []string) Problem {
	return Problem{v1alpha1.ReasonDependencyCycle,
		services[index[path[len(path)-2]]].field + ".dependsOn",
		"services depend on each other in a circle: " + strings.Join(path, " -> ") + "; no order of start-up can satisfy it"}
}
