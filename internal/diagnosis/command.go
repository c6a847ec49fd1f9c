package diagnosis

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
)

// objectName is what Kubernetes lets objects be called. A name that was read out of a
// message and is none gets into no command.
var objectName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$`)

func isObjectName(name string) bool { return objectName.MatchString(name) }

// kubectl is a command in the namespace of the case.
func kubectl(c evidence.Case, format string, args ...any) string {
	in := "kubectl "
	if isObjectName(c.Pod.Namespace) {
		in += "-n " + c.Pod.Namespace + " "
	}
	return in + fmt.Sprintf(format, args...)
}

// workloadArgument is the workload as kubectl takes it, empty where it is not known.
func workloadArgument(c evidence.Case) string {
	if !c.Rollout.Known || !isObjectName(c.Rollout.Name) {
		return ""
	}
	return strings.ToLower(string(c.Rollout.Kind)) + "/" + c.Rollout.Name
}

// changeable is the workload as kubectl takes it where its template can be changed, empty
// elsewhere.
func changeable(c evidence.Case) string {
	if c.Rollout.Lock != "" {
		return ""
	}
	return workloadArgument(c)
}

// describe is the command that shows what the case is about.
func describe(c evidence.Case) string {
	if c.Pod.Name != "" {
		return kubectl(c, "describe pod %s", c.Pod.Name)
	}
	if w := workloadArgument(c); w != "" {
		return kubectl(c, "describe %s", w)
	}
	return ""
}

// scaleUp is the command that gives the root of a finding a pod again, where someone
// scaled it to zero; empty elsewhere.
func scaleUp(c evidence.Case, f Finding) string {
	for _, d := range c.Dependencies {
		kind, name, _ := strings.Cut(d.Workload.Object, "/")
		if d.Service == f.Root && d.Workload.ScaledToZero && isObjectName(name) {
			return kubectl(c, "scale %s/%s --replicas=1", strings.ToLower(kind), name)
		}
	}
	return ""
}
