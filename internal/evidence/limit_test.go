package evidence

import "testing"

func TestLimit(t *testing.T) {
	memory := func(n int64) Resources { return Resources{MemoryLimit: n} }
	template := func(n int64) *Resources { r := memory(n); return &r }
	defaults := []LimitDefault{{LimitRange: "cpu-only", CPULimit: 500}, {LimitRange: "small", MemoryLimit: 30}}
	for name, c := range map[string]struct {
		c    Case
		want Limit
	}{
		"the template's":            {Case{Container: Container{Resources: memory(64), Template: template(64)}}, Limit{Value: 64, Source: LimitOfTemplate, Template: 64}},
		"a LimitRange's":            {Case{Container: Container{Resources: memory(30), Template: template(0)}, LimitDefaults: defaults}, Limit{Value: 30, Source: LimitOfLimitRange, LimitRange: "small"}},
		"nobody's default":          {Case{Container: Container{Resources: memory(40), Template: template(0)}, LimitDefaults: defaults}, Limit{Value: 40, Source: LimitOfAdmission}},
		"a default by chance":       {Case{Container: Container{Resources: memory(30), Template: template(64)}, LimitDefaults: defaults}, Limit{Value: 30, Source: LimitOfAdmission, Template: 64}},
		"of a template not at hand": {Case{Container: Container{Resources: memory(30)}, LimitDefaults: defaults}, Limit{Value: 30}},
		"the pod's":                 {Case{Pod: Pod{Resources: memory(90)}, Container: Container{Template: template(0)}}, Limit{Value: 90, Source: LimitOfPod}},
		"the node's":                {Case{Container: Container{Template: template(0)}}, Limit{Source: LimitOfNode}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.c.MemoryLimit(); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
