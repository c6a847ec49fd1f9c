// Package argocd_test runs the health checks as Argo CD does: in Lua, with the
// object as the global obj, without Lua's libraries for files and processes.
package argocd_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func health(t *testing.T, kind string, object any) (status, message string) {
	t.Helper()
	text, err := os.ReadFile("argocd-cm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var settings corev1.ConfigMap
	if err := yaml.UnmarshalStrict(text, &settings); err != nil {
		t.Fatal(err)
	}
	script := settings.Data["resource.customizations.health."+v1alpha1.GroupVersion.Group+"_"+kind]
	if script == "" {
		t.Fatalf("no health check of %s", kind)
	}
	encoded, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(encoded, &plain); err != nil {
		t.Fatal(err)
	}
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.StringLibName: lua.OpenString} {
		l.Push(l.NewFunction(open))
		l.Push(lua.LString(name))
		l.Call(1, 0)
	}
	l.SetGlobal("obj", value(l, plain))
	if err := l.DoString(script); err != nil {
		t.Fatal(err)
	}
	result, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("it returns %s", l.Get(-1).Type())
	}
	return result.RawGetString("status").String(), result.RawGetString("message").String()
}

func value(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	case []any:
		table := l.NewTable()
		for _, item := range v {
			table.Append(value(l, item))
		}
		return table
	case map[string]any:
		table := l.NewTable()
		for key, item := range v {
			table.RawSetString(key, value(l, item))
		}
		return table
	}
	return lua.LNil
}

func condition(kind string, status metav1.ConditionStatus, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: "Test", Message: message}
}

func TestHealthOfAStack(t *testing.T) {
	ready := condition(v1alpha1.ConditionReady, metav1.ConditionTrue, "followed")
	for name, c := range map[string]struct {
		generation, observed int64
		paused               bool
		conditions           []metav1.Condition
		want, says           string
	}{
		"just applied":        {1, 0, false, nil, "Progressing", "taken in"},
		"changed":             {2, 1, false, []metav1.Condition{ready}, "Progressing", "taken in"},
		"followed":            {2, 2, false, []metav1.Condition{ready}, "Healthy", "followed"},
		"a service loops":     {2, 2, false, []metav1.Condition{condition(v1alpha1.ConditionHealthy, metav1.ConditionFalse, "api loops"), ready}, "Healthy", "api loops"},
		"a Secret is missing": {2, 2, false, []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionFalse, "x"), condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, "no Secret git")}, "Degraded", "no Secret git"},
		"being taken in":      {2, 2, false, []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionFalse, "resolving")}, "Progressing", "resolving"},
		"paused":              {2, 2, true, []metav1.Condition{ready}, "Suspended", "paused"},
	} {
		t.Run(name, func(t *testing.T) {
			s := v1alpha1.BridgeStack{ObjectMeta: metav1.ObjectMeta{Generation: c.generation}}
			s.Spec.Paused, s.Status.ObservedGeneration, s.Status.Conditions = c.paused, c.observed, c.conditions
			if got, says := health(t, "BridgeStack", s); got != c.want || !strings.Contains(says, c.says) {
				t.Errorf("%s: %s, want %s: %s", got, says, c.want, c.says)
			}
		})
	}
}

func TestHealthOfADiagnosis(t *testing.T) {
	for want, conditions := range map[string][]metav1.Condition{
		"Progressing": {condition(v1alpha1.ConditionReady, metav1.ConditionFalse, ""), condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, "")},
		"Degraded":    {condition(v1alpha1.ConditionReady, metav1.ConditionFalse, ""), condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, "")},
		"Healthy":     {condition(v1alpha1.ConditionReady, metav1.ConditionTrue, "")},
	} {
		d := v1alpha1.BridgeDiagnosis{}
		d.Status.Conditions, d.Status.Message = conditions, "killed at 128Mi"
		if got, says := health(t, "BridgeDiagnosis", d); got != want || says != "killed at 128Mi" {
			t.Errorf("%s: %q, want %s", got, says, want)
		}
	}
}
