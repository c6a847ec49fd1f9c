package v1alpha1_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func TestStackColumns(t *testing.T) {
	stack := created(t, object(t, "BridgeStack", "shop", `{selector: {}, remediation: {mode: Approve}}`))
	setStatus(t, stack, &v1alpha1.BridgeStackStatus{
		ServicesHealthy: "4/5",
		Conditions: []metav1.Condition{
			condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReconciled, "watching 5 services"),
			condition(v1alpha1.ConditionHealthy, metav1.ConditionFalse, v1alpha1.ReasonServicesUnhealthy, "api loops"),
		},
	})

	table := tableOf(t, "bridgestacks", "shop")
	wantColumns(t, table, false, []string{"Name", "Ready", "Healthy", "Services", "Mode", "Age"},
		[]any{"shop", "True", "False", "4/5", "Approve"})
	wantColumns(t, table, true, []string{"Message"}, []any{"api loops"})
}

func TestDiagnosisColumns(t *testing.T) {
	diagnosis := created(t, object(t, "BridgeDiagnosis", "shop-api", someDiagnosis))
	setStatus(t, diagnosis, &v1alpha1.BridgeDiagnosisStatus{
		State: v1alpha1.StateVerifying, Cause: v1alpha1.CausePostgresHostNotFound, Confidence: v1alpha1.ConfidenceHigh,
		Remedy: v1alpha1.RemedySetEnv, GitOps: "Flux Kustomization apps", Message: "POSTGRES_HOST is localhost",
		Root: &v1alpha1.RootReference{Service: "postgres"},
	})

	table := tableOf(t, "bridgediagnoses", "shop-api")
	wantColumns(t, table, false, []string{"Name", "Service", "Cause", "Confidence", "Remedy", "State", "Age"},
		[]any{"shop-api", "api", "PostgresHostNotFound", "High", "SetEnv", "Verifying"})
	wantColumns(t, table, true, []string{"Symptom", "Root", "GitOps", "Message"},
		[]any{"RestartLoop", "postgres", "Flux Kustomization apps", "POSTGRES_HOST is localhost"})
}

func TestShortNamesAndCategories(t *testing.T) {
	found, err := discovery.NewDiscoveryClientForConfigOrDie(restConfig).ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, r := range found.APIResources {
		if r.ShortNames != nil {
			got[r.Name] = append([]string{r.SingularName}, append(r.ShortNames, r.Categories...)...)
		}
	}
	want := map[string][]string{
		// A category that is called as one of them would be both of them to
		// kubectl, also in kubectl delete bridgestack NAME.
		"bridgestacks":    {"bridgestack", "bs", "bridge", "all"},
		"bridgediagnoses": {"bridgediagnosis", "bd", "bridge", "all"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("singular, short names, categories (-want +got):\n%s", diff)
	}
}

// GitOps tools apply the same file again and again: what they find must be what
// they wrote, or they correct it for ever.
func TestApplyingTwiceChangesNothing(t *testing.T) {
	stack := object(t, "BridgeStack", "applied", wholeStack)
	t.Cleanup(func() { _ = k8s.Delete(context.Background(), stack) })
	apply := func() string {
		t.Helper()
		fresh := object(t, "BridgeStack", "applied", wholeStack)
		if err := k8s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(fresh), client.FieldOwner("gitops")); err != nil {
			t.Fatalf("server-side apply: %v", err)
		}
		if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(stack), stack); err != nil {
			t.Fatal(err)
		}
		return stack.GetResourceVersion()
	}
	apply()
	// Until the operator looked at it, the status is a default that is in no store.
	status := []byte(`{"status":{"observedGeneration":1}}`)
	if err := k8s.Status().Patch(t.Context(), stack, client.RawPatch(types.MergePatchType, status)); err != nil {
		t.Fatal(err)
	}
	first := apply()
	for path, value := range map[string]any{"memoryCeiling": "1Gi", "name": "api"} {
		services, _, _ := unstructured.NestedSlice(stack.Object, "spec", "services")
		if got := services[3].(map[string]any)[path]; got != value {
			t.Errorf("%s was rewritten from %v to %v", path, value, got)
		}
	}
	if second := apply(); second != first {
		t.Errorf("applying the same again made a new version: %s, then %s", first, second)
	}
}

func TestDefaults(t *testing.T) {
	var got v1alpha1.BridgeStack
	u := created(t, object(t, "BridgeStack", "defaults", `{services: [{name: a, workload: {name: a}, dependsOn: [{service: b}]}, {name: b}]}`))
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(u), &got); err != nil {
		t.Fatal(err)
	}
	if got.Spec.Remediation.Mode != v1alpha1.ModeSuggest {
		t.Errorf("mode is %q, want Suggest", got.Spec.Remediation.Mode)
	}
	// Tools that compare lists as a whole with what is in Git, as Argo CD does,
	// would find a default in one of its items to be drift for ever.
	live, _, err := unstructured.NestedSlice(u.Object, "spec", "services")
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		map[string]any{"name": "a", "workload": map[string]any{"name": "a"}, "dependsOn": []any{map[string]any{"service": "b"}}},
		map[string]any{"name": "b"},
	}
	if diff := cmp.Diff(want, live); diff != "" {
		t.Error("services were written otherwise than they were applied:", diff)
	}
}

func TestStatusIsASubresource(t *testing.T) {
	for kind, spec := range map[string]string{"BridgeStack": `{selector: {}}`, "BridgeDiagnosis": someDiagnosis} {
		t.Run(kind, func(t *testing.T) {
			u := object(t, kind, "status", spec)
			u.Object["status"] = map[string]any{"observedGeneration": int64(7)}
			created(t, u)
			if got, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration"); got != -1 {
				t.Errorf("a new object's observedGeneration is %d, want -1: nobody looked at it", got)
			}
			patch := []byte(`{"status":{"observedGeneration":1},"metadata":{"annotations":{"a":"b"}},"spec":{"paused":true,"approved":"x"}}`)
			if err := k8s.Status().Patch(t.Context(), u, client.RawPatch(types.MergePatchType, patch)); err != nil {
				t.Fatal(err)
			}
			if u.GetGeneration() != 1 {
				t.Error("writing the status changed the spec")
			}
			if got, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration"); got != 1 {
				t.Errorf("observedGeneration is %d, want 1", got)
			}
		})
	}
}

// kubectl explain has something to say on every field.
func TestEveryFieldIsDescribed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(crdDirectory, "*.yaml"))
	if err != nil || len(files) != 2 {
		t.Fatalf("want two CRDs in %s, got %v, %v", crdDirectory, files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(data, &crd); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		root := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
		for _, path := range undescribed(crd.Spec.Names.Kind, *root) {
			if path != crd.Spec.Names.Kind+".metadata" { // its description is the API server's
				t.Errorf("%s has no description", path)
			}
		}
	}
}

func undescribed(path string, schema apiextensionsv1.JSONSchemaProps) (missing []string) {
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		property := schema.Properties[name]
		if property.Description == "" {
			missing = append(missing, path+"."+name)
		}
		missing = append(missing, undescribed(path+"."+name, property)...)
	}
	if schema.Items != nil {
		missing = append(missing, undescribed(path+"[]", *schema.Items.Schema)...)
	}
	return missing
}

// tableOf is what kubectl get prints: the API server lays the columns out.
func tableOf(t *testing.T, resource, name string) metav1.Table {
	t.Helper()
	config := rest.CopyConfig(restConfig)
	config.GroupVersion = &v1alpha1.GroupVersion
	config.APIPath = "/apis"
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	raw, err := rest.RESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	data, err := raw.Get().Namespace(metav1.NamespaceDefault).Resource(resource).Name(name).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Do(t.Context()).Raw()
	if err != nil {
		t.Fatalf("get %s as a table: %v", resource, err)
	}
	var table metav1.Table
	if err := json.Unmarshal(data, &table); err != nil {
		t.Fatal(err)
	}
	return table
}

// wantColumns checks the columns that are always shown, or those that -o wide
// adds, and the one row's cells. Age is the last of the former, and varies.
func wantColumns(t *testing.T, table metav1.Table, wide bool, names []string, cells []any) {
	t.Helper()
	if len(table.Rows) != 1 {
		t.Fatalf("%d rows, want 1", len(table.Rows))
	}
	var gotNames []string
	var gotCells []any
	for i, column := range table.ColumnDefinitions {
		if (column.Priority > 0) != wide {
			continue
		}
		gotNames = append(gotNames, column.Name)
		if column.Name != "Age" {
			gotCells = append(gotCells, table.Rows[0].Cells[i])
		}
	}
	if diff := cmp.Diff(names, gotNames); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(cells, gotCells); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}

func setStatus(t *testing.T, u *unstructured.Unstructured, status any) {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(status)
	if err != nil {
		t.Fatal(err)
	}
	u.Object["status"] = content
	if err := k8s.Status().Update(t.Context(), u); err != nil {
		t.Fatalf("write the status: %v", err)
	}
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(time.Unix(0, 0))}
}
