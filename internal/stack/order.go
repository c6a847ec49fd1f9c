package stack

import "slices"

// Waves are the services in the order in which they can come up: each wave needs
// only those before it. Dependencies on what is no service of the stack do not
// count. Services in a circle are in the last wave, all at once.
func (s *Stack) Waves() [][]Service {
	var waves [][]Service
	up := map[string]bool{}
	left := slices.Clone(s.Services)
	for len(left) > 0 {
		var wave, rest []Service
		for _, service := range left {
			if s.canStart(service, up) {
				wave = append(wave, service)
			} else {
				rest = append(rest, service)
			}
		}
		if len(wave) == 0 {
			return append(waves, rest)
		}
		for _, service := range wave {
			up[service.Name] = true
		}
		waves, left = append(waves, wave), rest
	}
	return waves
}

func (s *Stack) canStart(service Service, up map[string]bool) bool {
	for _, d := range service.DependsOn {
		if _, known := s.ByName(d.Service); known && !up[d.Service] {
			return false
		}
	}
	return true
}
