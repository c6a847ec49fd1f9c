package docs_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// use is where the operator needs a right: a file and what stands in it. The manager's
// cache lists and watches what it keeps, and a read from it asks nobody.
type use struct{ file, text string }

// uses of every right of the manager's role, in the words of kubectl.
var uses = map[string]use{
	"get configmaps":                 {"internal/observe/objects.go", "r.Live.Get(ctx, name, config)"},
	"get secrets":                    {"internal/observe/objects.go", "r.Live.Get(ctx, name, secret)"},
	"get pods/log":                   {"internal/observe/reader.go", ".GetLogs(pod, options)"},
	"list events":                    {"internal/observe/cluster.go", "r.Live.List(ctx, &page"},
	"get persistentvolumeclaims":     {"internal/observe/down.go", "corev1.PersistentVolumeClaim"},
	"watch events":                   {"internal/observe/eventwatch.go", ".Watch("},
	"list limitranges":               {"internal/resolve/bounds.go", "corev1.LimitRangeList"},
	"list resourcequotas":            {"internal/resolve/bounds.go", "corev1.ResourceQuotaList"},
	"list nodes":                     {"main.go", "corev1.NodeList"},
	"watch nodes":                    {"main.go", "&corev1.Node{}}"},
	"get pods":                       {"internal/apply/apply.go", "a.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: p.Name}, &live)"},
	"list pods":                      {"controllers/podwatch/controller.go", "For(&corev1.Pod{}"},
	"watch pods":                     {"controllers/podwatch/controller.go", "For(&corev1.Pod{}"},
	"get services kubernetes":        {"main.go", `Namespace: corev1.NamespaceDefault, Name: "kubernetes"}`},
	"list services":                  {"main.go", "&corev1.Service{}, &corev1.Node{}}"},
	"watch services":                 {"main.go", "&corev1.Service{}, &corev1.Node{}}"},
	"create pods/eviction":           {"internal/apply/apply.go", `SubResource("eviction").Create`},
	"get controllerrevisions.apps":   {"internal/workload/lookup/lookup.go", "live.Get(ctx, client.ObjectKey{Namespace: w.Object().GetNamespace(), Name: revision.Record}, record)"},
	"list controllerrevisions.apps":  {"internal/workload/revision.go", "NewHistory() List  { return &appsv1.ControllerRevisionList{} }"},
	"watch controllerrevisions.apps": {"internal/workload/revision.go", "NewHistory() List  { return &appsv1.ControllerRevisionList{} }"},
	"get replicasets.apps":           {"internal/workload/deployment.go", "return &appsv1.ReplicaSet{}"},
	"list replicasets.apps":          {"main.go", "&appsv1.ReplicaSet{}, "},
	"watch replicasets.apps":         {"main.go", "&appsv1.ReplicaSet{}, "},
	"create localsubjectaccessreviews.authorization.k8s.io": {"internal/permission/permission.go", "r.Client.Create(ctx, review)"},
	"list horizontalpodautoscalers.autoscaling":             {"internal/resolve/bounds.go", "HorizontalPodAutoscalerList"},
	"list verticalpodautoscalers.autoscaling.k8s.io":        {"internal/resolve/bounds.go", "VerticalPodAutoscalerList"},
	"create bridgediagnoses.bridgestack.dev":                {"internal/incident/open.go", ".Create(ctx,"},
	"delete bridgediagnoses.bridgestack.dev":                {"controllers/bridgestack/controller.go", "deleteExpired"},
	"get bridgediagnoses.bridgestack.dev":                   {"controllers/bridgediagnosis/attempt.go", "r.APIReader.Get(ctx, client.ObjectKeyFromObject(in.after), &live)"},
	"list bridgediagnoses.bridgestack.dev":                  {"controllers/bridgediagnosis/controller.go", "For(&v1alpha1.BridgeDiagnosis{}"},
	"watch bridgediagnoses.bridgestack.dev":                 {"controllers/bridgediagnosis/controller.go", "For(&v1alpha1.BridgeDiagnosis{}"},
	"patch bridgediagnoses.bridgestack.dev":                 {"controllers/bridgediagnosis/ending.go", "r.Client.Patch(ctx, after, patch"},
	"update bridgediagnoses/status.bridgestack.dev":         {"internal/report/report.go", "Status().Update("},
	"update bridgestacks/status.bridgestack.dev":            {"internal/report/report.go", "Status().Update("},
	"update bridgestacks/finalizers.bridgestack.dev":        {"internal/incident/open.go", "SetControllerReference"},
	"get bridgestacks.bridgestack.dev":                      {"controllers/notification/controller.go", "reader.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: d.Spec.Stack}, &owner)"},
	"list bridgestacks.bridgestack.dev":                     {"controllers/bridgestack/controller.go", "For(&v1alpha1.BridgeStack{})"},
	"watch bridgestacks.bridgestack.dev":                    {"controllers/bridgestack/controller.go", "For(&v1alpha1.BridgeStack{})"},
	"list endpointslices.discovery.k8s.io":                  {"main.go", "discoveryv1.EndpointSliceList"},
	"create events.events.k8s.io":                           {"main.go", "StartRecordingToSinkWithContext"},
	"patch events.events.k8s.io":                            {"main.go", "StartRecordingToSinkWithContext"},
	"get kustomizations.kustomize.toolkit.fluxcd.io":        {"controllers/gitopshold/controller.go", "r.APIReader.Get(ctx, client.ObjectKey{Namespace: owner.Namespace, Name: owner.Name}, k)"},
}

// The manager holds no right that the code has no use for.
func TestEveryRightIsUsed(t *testing.T) {
	kinds := use{"main.go", "range workload.Objects()"}
	for _, resource := range []string{"deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch"} {
		uses["get "+resource], uses["list "+resource], uses["watch "+resource] = kinds, kinds, kinds
		if strings.HasSuffix(resource, ".apps") {
			uses["patch "+resource] = use{"internal/apply/apply.go", "a.Writer.Patch("}
		}
	}
	text, err := os.ReadFile("../config/rbac/role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(text, &role); err != nil {
		t.Fatal(err)
	}
	held := map[string]bool{}
	for _, rule := range role.Rules {
		for _, right := range rightsOf(rule) {
			held[right] = true
		}
	}
	for _, right := range slices.Sorted(maps.Keys(held)) {
		at, known := uses[right]
		if !known {
			t.Errorf("nothing is known that would need: %s", right)
			continue
		}
		code, err := os.ReadFile("../" + at.file)
		if err != nil || !strings.Contains(string(code), at.text) {
			t.Errorf("%s was for %q in %s, which is not there: %v", right, at.text, at.file, err)
		}
	}
	for right := range uses {
		if !held[right] {
			t.Errorf("the manager does not hold: %s", right)
		}
	}
	t.Logf("security: rights of the manager: %d held, each with its use", len(held))
}

// rightsOf a rule, each in the words of kubectl: verb, resource and group, and the
// name where it is for one object.
func rightsOf(rule rbacv1.PolicyRule) []string {
	var out []string
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				right := verb + " " + resource
				if group != "" {
					right += "." + group
				}
				out = append(out, strings.TrimSpace(right+" "+strings.Join(rule.ResourceNames, ",")))
			}
		}
	}
	return out
}
