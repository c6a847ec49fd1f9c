package stack

import (
	"fmt"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Rival is another stack of the same namespace.
type Rival struct {
	Name string
	// Older is true where it was made before: then it has what both claim.
	Older bool
	Stack Stack
}

// ClaimedTwice are the workloads that a rival claims too, as problems of this stack.
func (s *Stack) ClaimedTwice(rival Rival) []Problem {
	var out []Problem
	for _, service := range s.Services {
		w := service.Workload
		if w == nil {
			continue
		}
		theirs, shared := rival.Stack.ByWorkload(w.Kind, w.Name)
		if !shared {
			continue
		}
		who := fmt.Sprintf("stack %q, which is older, watches it; this stack does not", rival.Name)
		if !rival.Older {
			who = fmt.Sprintf("this stack, which is older, watches it; stack %q does not", rival.Name)
		}
		out = append(out, Problem{v1alpha1.ReasonWorkloadClaimedTwice, "spec",
			fmt.Sprintf("%s is service %q here and service %q of stack %q: %s. Take it out of one of them", w, service.Name, theirs.Name, rival.Name, who)})
	}
	return out
}
