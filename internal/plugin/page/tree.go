package page

import "slices"

// branch is a service at its place in the tree of dependencies.
type branch struct {
	Service
	// stem is what is drawn before the name.
	stem string
}

// tree has every service once, each below the dependency that holds it up: the
// one it waits for, else the one that comes up last. On top are those that need
// nobody. Services in a circle stand on top as well.
func tree(services []Service) []branch {
	known := map[string]Service{}
	for _, s := range services {
		known[s.Name] = s
	}
	children := map[string][]Service{}
	for _, s := range services {
		parent := parentOf(s, known)
		children[parent] = append(children[parent], s)
	}
	var out []branch
	var grow func(parent, indent string, top bool)
	grow = func(parent, indent string, top bool) {
		for i, s := range children[parent] {
			stem, below := indent+"├─ ", indent+"│  "
			if i == len(children[parent])-1 {
				stem, below = indent+"└─ ", indent+"   "
			}
			if top {
				stem, below = "", ""
			}
			out = append(out, branch{s, stem})
			grow(s.Name, below, false)
		}
	}
	grow("", "", true)
	return out
}

// parentOf a service, empty for those on top.
func parentOf(s Service, known map[string]Service) string {
	if s.WaitsFor != "" && slices.Contains(s.DependsOn, s.WaitsFor) && known[s.WaitsFor].Name != "" && !circular(s.Name, known) {
		return s.WaitsFor
	}
	parent, deepest := "", -1
	for _, name := range s.DependsOn {
		if d, ok := known[name]; ok && !circular(s.Name, known) {
			if depth := depthOf(d, known, nil); depth > deepest {
				parent, deepest = name, depth
			}
		}
	}
	return parent
}

// circular is true of a service that needs itself, by whatever way.
func circular(name string, known map[string]Service) bool {
	seen := map[string]bool{}
	var reaches func(from string) bool
	reaches = func(from string) bool {
		for _, d := range known[from].DependsOn {
			if d == name {
				return true
			}
			if !seen[d] {
				seen[d] = true
				if reaches(d) {
					return true
				}
			}
		}
		return false
	}
	return reaches(name)
}

// depthOf is how many services must be up before this one, one after the other.
func depthOf(s Service, known map[string]Service, path []string) int {
	depth := 0
	for _, name := range s.DependsOn {
		if d, ok := known[name]; ok && !slices.Contains(path, name) {
			depth = max(depth, 1+depthOf(d, known, append(path, s.Name)))
		}
	}
	return depth
}
