package remedy

import (
	"fmt"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
)

// noLimit says why there is no limit in the pod template to be raised, and whose
// limit it is that ran out, unless the finding has told that already.
func noLimit(resource string, l evidence.Limit, told bool, amount func(int64) string) string {
	switch l.Source {
	case evidence.LimitOfPod:
		return fmt.Sprintf("the container has no %s limit of its own: the limit of %s is its whole pod's", resource, amount(l.Value))
	case evidence.LimitOfNode:
		return fmt.Sprintf("the container has no %s limit, and nor has its pod: the node holds it back", resource)
	case evidence.LimitUnknown, evidence.LimitOfTemplate, evidence.LimitOfLimitRange, evidence.LimitOfAdmission:
	}
	because := fmt.Sprintf("the pod template sets no %s limit", resource)
	if origin := l.Origin(); origin != "" && !told {
		because += fmt.Sprintf("; in force is %s, %s", amount(l.Value), origin)
	}
	return because + "; set resources.limits." + strings.ToLower(resource) + " in the template"
}

func millicores(n int64) string { return fmt.Sprintf("%dm", n) }
