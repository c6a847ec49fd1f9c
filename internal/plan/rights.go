package plan

import (
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

// Right is what one write needs, in the words of RBAC.
type Right struct {
	Verb, Group, Resource, Subresource string
	// Name of the object, empty where it is not known before.
	Name string
}

// String is the right in the words of kubectl, such as patch deployments.apps/api.
func (r Right) String() string {
	if r.Name == "" {
		return r.Verb + " " + r.kind()
	}
	return r.Verb + " " + r.kind() + " " + r.Name
}

// kind as kubectl create role takes it.
func (r Right) kind() string {
	kind := r.Resource
	if r.Group != "" {
		kind += "." + r.Group
	}
	if r.Subresource != "" {
		kind += "/" + r.Subresource
	}
	return kind
}

// Grant is the command that gives the right to a ServiceAccount.
func (r Right) Grant(namespace, account string) string {
	role := strings.NewReplacer(".", "-", "/", "-").Replace("bridgestack-" + r.Verb + "-" + r.kind())
	named := ""
	if r.Name != "" && r.Subresource == "" { // pods come and go
		role, named = role+"-"+r.Name, " --resource-name="+r.Name
	}
	return "kubectl -n " + namespace + " create role " + role + " --verb=" + r.Verb + " --resource=" + r.kind() + named +
		" && kubectl -n " + namespace + " create rolebinding " + role + "-" + account + " --role=" + role + " --serviceaccount=" + namespace + ":" + account
}

// TemplateRights are those to change a workload's pod template, and to evict its
// pods where it may not reach them otherwise.
func TemplateRights(w v1alpha1.DiagnosedWorkload) []Right {
	kind := workload.TraitsOf(w.Kind)
	rights := []Right{{Verb: "patch", Group: kind.Group, Resource: kind.Resource, Name: w.Name}}
	if kind.LeavesPods {
		rights = append(rights, Right{Verb: "create", Resource: "pods", Subresource: "eviction"})
	}
	return rights
}

// SecretsRight is the one to read any Secret of the namespace.
func SecretsRight() Right { return Right{Verb: "get", Resource: "secrets"} }

// SecretRight is the one to read this Secret.
func SecretRight(name string) Right { return Right{Verb: "get", Resource: "secrets", Name: name} }

// EvictionRights are those to evict pods.
func EvictionRights(pods []v1alpha1.PodIdentity) []Right {
	var rights []Right
	for _, p := range pods {
		rights = append(rights, Right{Verb: "create", Resource: "pods", Subresource: "eviction", Name: p.Name})
	}
	return rights
}

// JobRights are those to run a Job.
func JobRights() []Right { return []Right{{Verb: "create", Group: "batch", Resource: "jobs"}} }

// ProbeRights are those to probe from inside a pod.
func ProbeRights(pod string) []Right {
	return []Right{{Verb: "patch", Resource: "pods", Subresource: "ephemeralcontainers", Name: pod}}
}

// RightsOf an action: those to make it and to take it back. None for what is no
// object of the cluster. They go by what would be written, which a remedy's own file
// says (its writes), and not by the remedy's name: a status that pairs an action with
// the name of another remedy does not get around them.
func RightsOf(a v1alpha1.AttemptAction) []Right {
	switch {
	case a.PatchTemplate != nil:
		return TemplateRights(a.PatchTemplate.Workload)
	case a.EvictPods != nil:
		return EvictionRights(a.EvictPods.Pods)
	case a.RunJob != nil:
		return JobRights()
	}
	return nil
}
