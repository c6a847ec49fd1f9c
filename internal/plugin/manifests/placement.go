package manifests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// place says on which nodes the pods may be.
func (u *unit) place(config types.ServiceConfig) {
	if config.Platform != "" {
		u.placeByPlatform(config.Platform)
	}
	if config.Deploy == nil {
		return
	}
	var wanted []corev1.NodeSelectorRequirement
	for _, c := range config.Deploy.Placement.Constraints {
		if r, ok := u.requirement(c); ok {
			wanted = append(wanted, r)
		}
	}
	if len(wanted) > 0 {
		u.pod.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: wanted}},
		}}}
	}
	for _, p := range config.Deploy.Placement.Preferences {
		if key := nodeLabel(p.Spread); key != "" {
			u.spread(key, corev1.ScheduleAnyway, 1)
		}
	}
	if n := config.Deploy.Placement.MaxReplicas; n > 0 {
		u.spread(corev1.LabelHostname, corev1.DoNotSchedule, int32(min(n, 1000)))
	}
}

func (u *unit) placeByPlatform(platform string) {
	os, arch, both := strings.Cut(platform, "/")
	if !both {
		os, arch = "", platform
	}
	u.pod.NodeSelector = map[string]string{corev1.LabelArchStable: strings.SplitN(arch, "/", 2)[0]}
	if os != "" && os != "linux" {
		u.pod.NodeSelector[corev1.LabelOSStable] = os
	}
	u.decide("platform", "it runs on nodes of that architecture only")
}

func (u *unit) spread(key string, how corev1.UnsatisfiableConstraintAction, skew int32) {
	u.pod.TopologySpreadConstraints = append(u.pod.TopologySpreadConstraints, corev1.TopologySpreadConstraint{
		MaxSkew: skew, TopologyKey: key, WhenUnsatisfiable: how, LabelSelector: &metav1.LabelSelector{MatchLabels: u.selector()},
	})
}

var (
	constraint = regexp.MustCompile(`^\s*([\w.-]+)\s*(==|!=)\s*(.+?)\s*$`)
	labelKey   = regexp.MustCompile(`^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
)

// requirement that a constraint of Swarm is, such as node.labels.disk == ssd.
func (u *unit) requirement(text string) (corev1.NodeSelectorRequirement, bool) {
	m := constraint.FindStringSubmatch(text)
	if m != nil && m[1] == "node.role" {
		u.note(u.Name, "deploy", text+" is left out: what a manager is to Swarm, no node is here")
		return corev1.NodeSelectorRequirement{}, false
	}
	if m == nil || nodeLabel(m[1]) == "" || !labelValue.MatchString(m[3]) {
		u.note(u.Name, "deploy", fmt.Sprintf("the constraint %q says nothing of a node here: label nodes, and name the label in the pod's affinity", text))
		return corev1.NodeSelectorRequirement{}, false
	}
	operator := corev1.NodeSelectorOpIn
	if m[2] == "!=" {
		operator = corev1.NodeSelectorOpNotIn
	}
	if strings.HasPrefix(m[1], "node.labels.") {
		u.note(u.Name, "deploy", fmt.Sprintf("its pods need a node with the label %s: `kubectl label node NODE %s=%s`", nodeLabel(m[1]), nodeLabel(m[1]), m[3]))
	}
	value := strings.TrimPrefix(strings.Replace(m[3], "x86_64", "amd64", 1), "linux/")
	return corev1.NodeSelectorRequirement{Key: nodeLabel(m[1]), Operator: operator, Values: []string{value}}, true
}

// nodeLabel is the label of a node that Swarm knows by another name, empty where
// there is none.
func nodeLabel(attribute string) string {
	known := map[string]string{"node.hostname": corev1.LabelHostname, "node.platform.arch": corev1.LabelArchStable, "node.platform.os": corev1.LabelOSStable}
	if key, found := known[attribute]; found {
		return key
	}
	if key, isLabel := strings.CutPrefix(attribute, "node.labels."); isLabel && labelKey.MatchString(key) {
		return key
	}
	return ""
}

// hooks run beside the container's start and before its end.
func (u *unit) hooks(config types.ServiceConfig) {
	u.hook("post_start", config.PostStart, func(l *corev1.Lifecycle, h *corev1.LifecycleHandler) { l.PostStart = h })
	u.hook("pre_stop", config.PreStop, func(l *corev1.Lifecycle, h *corev1.LifecycleHandler) { l.PreStop = h })
}

func (u *unit) hook(attribute string, hooks []types.ServiceHook, set func(*corev1.Lifecycle, *corev1.LifecycleHandler)) {
	if len(hooks) == 0 {
		return
	}
	h := hooks[0]
	if len(hooks) > 1 || h.User != "" && h.User != u.Project.Model.Services[u.Name].User || h.Privileged || len(h.Environment) > 0 || h.WorkingDir != "" {
		u.note(u.Name, attribute, "a pod has one such hook, of the container's own user, directory and environment: they are left out")
		return
	}
	if words := u.builder.words(h.Command, "services", u.Name, attribute, "0", "command"); slices.ContainsFunc(words, u.isSecretWord) {
		u.note(u.Name, attribute, "a secret is put into it: it is left out; have it read the secret from a variable")
		return
	}
	var command []string
	for _, w := range h.Command {
		command = append(command, u.renamed(w, false))
	}
	if u.container.Lifecycle == nil {
		u.container.Lifecycle = &corev1.Lifecycle{}
	}
	set(u.container.Lifecycle, &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: command}})
}
